"""Which device computes."""

from __future__ import annotations

import torch

from ..config import Device
from ..errors import InputError


def choose_device(name: Device) -> str:
    """ "cpu", "cuda" or "mps": the one asked for, or CUDA where there is one, else the CPU.

    MPS is never chosen on its own: some of its scatter operations fall back to the CPU and cost more than they save.

    Raises:
        InputError: a device that this machine does not have.
    """
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return "cuda" if available["cuda"] else "cpu"
    if not available[name]:
        have = ", ".join(device for device, there in available.items() if there)
        raise InputError("--device", "", name, f"a device of this machine ({have}) or auto")
    return name
