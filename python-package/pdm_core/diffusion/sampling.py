"""A denoiser, a rule of alignment and a sampler by name: from x_LR to an estimate of x_HR."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor

from pdm_core.diffusion.denoiser import Denoiser
from pdm_core.diffusion.grids import Grid, time_grid
from pdm_core.diffusion.samplers import Eta, FreshNoise, OnStep, Refine, sample_ddim, sample_dpm_solver
from pdm_core.diffusion.samplers.hooks import nothing, unchanged

SamplerName = Literal["ddim", "ancestral", "dpm++1", "dpm++2m", "consistency"]
Rule = Literal["consistent", "paper"]

# Samplers that are one update with a fixed share of renewed noise.
_ETA: dict[SamplerName, Eta] = {"ancestral": 1.0, "consistency": "all"}


@dataclass(frozen=True)
class SamplingPlan:
    """How to walk a bridge.

    Attributes:
        sampler: `ddim` (with `eta`), `ancestral` (eta = 1), `dpm++1`, `dpm++2m` or `consistency` (all noise renewed).
        steps: network evaluations.
        grid: spacing of the times.
        eta: share of renewed noise for `ddim`.
        rule: "consistent" keeps Eq. (16) at every step; "paper" is Eq. (19) as printed (SCIENCE §0.2).
    """

    sampler: SamplerName = "ddim"
    steps: int = 3
    grid: Grid = "uniform"
    eta: Eta = 0.0
    rule: Rule = "consistent"

    @property
    def stochastic(self) -> bool:
        """Whether the walk draws noise after its start."""
        return self.sampler in ("ancestral", "consistency") or (self.sampler == "ddim" and self.eta != 0.0)


def sample(
    denoiser: Denoiser,
    x_lr: Tensor,
    factor: float,
    plan: SamplingPlan,
    noise: Tensor,
    *,
    fresh_noise: FreshNoise | None = None,
    refine: Refine = unchanged,
    on_step: OnStep = nothing,
) -> Tensor:
    """Restore `x_lr` (N, 1, H, W) by `plan`; the hooks are those of the samplers.

    Eq. (19) as printed is the posterior of the process without alignment with x_HR replaced by m_t (SCIENCE §0.2 b): the
    paper's rule is therefore the same samplers on the unaligned bridge, fed with the estimate of m_t.
    """
    bridge = denoiser.bridge
    times = time_grid(bridge, plan.steps, plan.grid)
    of = denoiser.estimate if plan.rule == "consistent" else denoiser.mixture
    if plan.rule == "paper":
        bridge = replace(bridge, alignment="none")

    def estimate(x: Tensor, u: float) -> Tensor:
        return of(x, x_lr, u, factor)

    if plan.sampler in ("dpm++1", "dpm++2m"):
        order: Literal[1, 2] = 1 if plan.sampler == "dpm++1" else 2
        return sample_dpm_solver(estimate, bridge, x_lr, times, noise, order=order, refine=refine, on_step=on_step)
    eta = _ETA.get(plan.sampler, plan.eta)
    return sample_ddim(estimate, bridge, x_lr, times, noise, eta=eta, fresh_noise=fresh_noise, refine=refine, on_step=on_step)
