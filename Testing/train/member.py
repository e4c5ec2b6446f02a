"""One process of a team that trains: the same for the test's own process and for the one that it starts."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from unittest import mock

import torch

from SpineDARTLib import train_commands
from SpineDARTLib.train import keeping, running
from SpineDARTLib.train.detector import Training
from SpineDARTLib.train.settings import DetectorTraining, tiny


def settings_of(data: Path, out: Path, steps: int = 4) -> DetectorTraining:
    """A tiny network; "tiny-2" is held back."""
    return replace(tiny(out, (data,), steps), batch=2, held_back=("tiny-2",))


def take_part(data: Path, out: Path, kept: Path) -> int:
    """Go on with the training in ``out`` as ``spinedart train`` does, and keep this process's own weights."""
    made: list[Training] = []

    class Watched(Training):
        """One that can be looked at afterwards."""

        def __init__(self, *given) -> None:
            super().__init__(*given)
            made.append(self)

    nothing = mock.Mock(return_value=None)  # pictures cost more than the training does
    watched = mock.patch.object(train_commands, "Training", Watched)
    undrawn = mock.patch.object(keeping, "draw_curves", nothing), mock.patch.object(running, "draw_examples", nothing)
    with watched, undrawn[0], undrawn[1]:
        code = train_commands.train_detector(settings_of(data, out), None, 0, resume=True)
    torch.save({"network": made[0].network.state_dict(), "step": made[0].progress.step}, kept)
    return code


if __name__ == "__main__":
    sys.exit(take_part(*map(Path, sys.argv[1:])))
