"""What one evaluation of the objective gives, and what a similarity's name stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from ..config import Settings, SimilarityName, StageSettings
from ..similarity.learned.nouns import Estimate
from .scene import Parameters

ALONE = 3.0
"""Share of the learned similarity where no picture's measure pulls beside it: with a hybrid fit's weight the priors
would win."""


@dataclass(frozen=True)
class Step:
    """Where the optimiser stands before it steps: parameters without gradient history, and what they are worth.

    Attributes:
        scores: (starts, vertebrae), lower is better.
        terms: name to (starts, vertebrae); their sum is the score.
        likeness: (starts, vertebrae, views) image similarity.
        estimate: what the learned similarity says of the asked vertebrae: (asked, starts) mean and logarithm of the
            deviation of the logarithm of the mean surface distance in mm; None where it was not asked.
    """

    parameters: Parameters
    scores: Tensor
    terms: Mapping[str, Tensor]
    likeness: Tensor
    estimate: tuple[Tensor, Tensor] | None = None


@dataclass(frozen=True)
class Judged:
    """What one evaluation of the objective gave.

    Attributes:
        terms: name to (starts, vertebrae), whose sum is minimised.
        likeness: (starts, vertebrae, views). estimate: of the learned similarity, where it was asked.
    """

    terms: Mapping[str, Tensor]
    likeness: Tensor
    estimate: Estimate | None = None

    def step(self, parameters: Parameters, scores: Tensor) -> Step:
        """Without gradient history."""
        said = self.estimate
        kept = None if said is None else (said.log_mm.detach(), said.log_sigma.detach())
        terms = {name: term.detach() for name, term in self.terms.items()}
        return Step(parameters, scores, terms, self.likeness.detach(), kept)


@dataclass(frozen=True)
class Mixture:
    """What a similarity's name stands for.

    Attributes:
        analytic: the analytic measure: what ``likeness`` and neighbours use.
        image: its weight for the asked vertebrae in stages where the learned one has a say. learned: the learned one's.
        everywhere: whether that is every stage, or those whose settings say so.
    """

    analytic: SimilarityName
    image: float = 1.0
    learned: float = 0.0
    everywhere: bool = False

    def share(self, stage: StageSettings) -> float:
        """Of the learned similarity in a stage."""
        return self.learned * (1.0 if self.everywhere else stage.learned)


def mixture_of(settings: Settings) -> Mixture:
    """Of ``settings.similarity``."""
    if settings.similarity == "learned":
        return Mixture("gradient-ncc", 0.0, ALONE, everywhere=True)
    if settings.similarity == "hybrid":
        return Mixture("gradient-ncc", 1.0, 1.0)
    return Mixture(settings.similarity)
