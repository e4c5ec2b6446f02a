"""Several processes that train one network: each learns from its own pictures, and their gradients are averaged.

``torchrun --nproc-per-node 2 -m SpineDARTLib train detector ...`` starts them and tells each its rank in the
environment; without it there is one process, and nothing here does anything. Written with ``torch.distributed`` alone
(gloo on the CPU, NCCL on CUDA): a step's gradient is one vector, and one ``all_reduce`` of it keeps the weights equal.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed

from ..errors import InputError

LONGEST_WAIT = timedelta(minutes=30)
"""The others wait while the first process validates, or fits what all learn from next."""


@dataclass(frozen=True)
class Team:
    """One of the processes that train together.

    Attributes:
        rank: 0 is the first: it alone writes, validates and speaks.
        world: number of processes.
        device: of this one.
    """

    rank: int = 0
    world: int = 1
    device: str = "cpu"

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def wait(self) -> None:
        """Until all are here."""
        if self.world > 1:
            self.agreed(0.0)

    @contextmanager
    def leader_first(self) -> Iterator[None]:
        """What is done here, the first process has done when the others begin: they find what it wrote."""
        if not self.leads:
            self.wait()
        yield
        if self.leads:
            self.wait()

    def agreed(self, number: float) -> float:
        """The first process's number, in every process."""
        if self.world == 1:
            return number
        told = torch.tensor([number], dtype=torch.float64, device=self.device)
        distributed.broadcast(told, 0)
        return float(told)

    def sum_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Replace each parameter's gradient by the sum over all processes.

        One that no process has stays without, as it would in a single process: the optimiser then leaves its
        parameter alone.
        """
        if self.world == 1:
            return
        every = list(parameters)
        there = torch.tensor([float(one.grad is not None) for one in every], device=self.device)
        flat = [torch.zeros_like(one) if one.grad is None else one.grad for one in every]
        joined = torch.cat([there, *(one.detach().float().flatten() for one in flat)])
        distributed.all_reduce(joined)
        counts, *sums = joined.split([len(every), *(one.numel() for one in every)])
        for one, count, value in zip(every, counts.tolist(), sums, strict=True):
            one.grad = value.view_as(one).to(one.dtype) if count else None


@contextmanager
def team(device: str) -> Iterator[Team]:
    """This process's place among those that torchrun started; alone where it did not.

    Args:
        device: "cpu", "cuda" or "mps"; on CUDA every process of a machine gets its own.

    Raises:
        InputError: an environment that only half says so, more processes than GPUs, a device that cannot do it.
    """
    world = _told("WORLD_SIZE", 1)
    if world == 1:
        yield Team(device=device)
        return
    rank, own = _told("RANK"), device
    if device.startswith("cuda"):
        number, there = _told("LOCAL_RANK"), torch.cuda.device_count()
        if number >= there:
            raise InputError("torchrun", "--nproc-per-node", number + 1, f"at most {there}, one for each GPU")
        own = f"cuda:{number}"
        torch.cuda.set_device(own)
    elif device != "cpu":
        raise InputError("--device", "", device, "cpu or cuda where several processes train together")
    distributed.init_process_group("gloo" if device == "cpu" else "nccl", timeout=LONGEST_WAIT)
    try:
        yield Team(rank, world, own)
    finally:
        distributed.destroy_process_group()


def _told(name: str, alone: int | None = None) -> int:
    """What torchrun put in the environment under a name."""
    text = os.environ.get(name)
    if text is None and alone is not None:
        return alone
    if text is None or not text.isdecimal():
        raise InputError(name, "", text or "nothing", "a number, as torchrun puts it there beside WORLD_SIZE")
    return int(text)
