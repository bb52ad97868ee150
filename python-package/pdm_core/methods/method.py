"""What a system is made of: how its network is parameterised, its loss, its bridge and how that is walked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pdm_core.diffusion.bridges import build_bridge
from pdm_core.diffusion.denoisers import COMPLEX_SCORE


@dataclass(frozen=True, kw_only=True)
class Method:
    """A system of the paper, or a rival that it lacks.

    Attributes:
        name: in recipes and cards.
        title: in tables.
        network: preset of the size in which it was published, which a recipe takes that names the method and no network.
        parameterization: see `pdm_core.diffusion.denoisers.PARAMETERIZATIONS`.
        loss: see `pdm_core.training.loss.distance`.
        bridge: fields for `pdm_core.diffusion.bridges.build_bridge`.
        sampler: default of its models.
        steps: of the whole process; a partial bridge takes its share.
        sample_steps: when several samples are averaged; None for as many as of one.
        adversarial: weight of a discriminator's opinion in the loss; 0 for none.
    """

    name: str
    title: str
    network: str
    parameterization: str
    loss: str
    bridge: Mapping[str, Any]
    sampler: str
    steps: int
    sample_steps: int | None = None
    adversarial: float = 0.0

    def sampling(self, bridge: Mapping[str, Any], parameterization: str) -> dict[str, Any]:
        """The sampler's defaults for a model on `bridge`, as a card holds them.

        A noise-predicting model on an aligned bridge knows the paper's rule alone, see `EpsilonDenoiser.estimate`.
        """
        walked = build_bridge(bridge)
        steps = max(1, round(self.steps * walked.share))
        paper = walked.starts_at_lr and parameterization in ("epsilon", "score", COMPLEX_SCORE)
        return {
            "sampler": self.sampler,
            "steps": steps,
            "sample_steps": self.sample_steps or steps,
            "grid": "uniform",
            "eta": 0.0,
            "rule": "paper" if paper else "consistent",
        }
