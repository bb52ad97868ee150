"""A denoiser, a rule of alignment and a sampler by name: from x_LR to an estimate of x_HR."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from pdm_core.diffusion.bridges import AffineBridge
from pdm_core.diffusion.denoisers import Denoiser
from pdm_core.diffusion.grids import Grid, Times, time_grid
from pdm_core.diffusion.samplers import (
    Eta,
    FreshNoise,
    OnStep,
    Refine,
    sample_ddim,
    sample_dpm_solver,
    sample_predictor_corrector,
)
from pdm_core.diffusion.samplers.hooks import nothing, unchanged
from pdm_core.errors import InputError

SamplerName = Literal["ddim", "ancestral", "dpm++1", "dpm++2m", "consistency", "pc"]
Rule = Literal["consistent", "paper"]

# Samplers that are one update with a fixed share of renewed noise.
_ETA: dict[SamplerName, Eta] = {"ancestral": 1.0, "consistency": "all"}


@dataclass(frozen=True)
class SamplingPlan:
    """How to walk a bridge.

    Attributes:
        sampler: `ddim` (with `eta`), `ancestral` (eta = 1), `dpm++1`, `dpm++2m`, `consistency` (all noise renewed) or `pc`
            (predictor and corrector, as ScoreMRI).
        steps: of the time grid.
        grid: spacing of the times.
        eta: share of renewed noise for `ddim`.
        rule: "consistent" keeps Eq. (16) at every step; "paper" is Eq. (19) as printed (SCIENCE §0.2).
        start: K/T at which a process without alignment is entered; None begins where the bridge does.
    """

    sampler: SamplerName = "ddim"
    steps: int = 3
    grid: Grid = "uniform"
    eta: Eta = 0.0
    rule: Rule = "consistent"
    start: float | None = None

    @property
    def stochastic(self) -> bool:
        """Whether the walk draws noise after its start."""
        return self.sampler in ("ancestral", "consistency", "pc") or (self.sampler == "ddim" and self.eta != 0.0)

    @property
    def evaluations(self) -> int:
        """Network evaluations an image (NFE): one a step, two with a corrector."""
        return self.steps * (2 if self.sampler == "pc" else 1)

    def times(self, bridge: AffineBridge) -> Times:
        """The times to walk on `bridge`.

        Raises:
            InputError: a later start on an aligned bridge, whose low-resolution end is at u = 1, or one before its beginning.
        """
        times = time_grid(bridge, self.steps, self.grid)
        if self.start is None or self.start == bridge.share:
            return times
        if bridge.starts_at_lr or self.start > bridge.share:
            raise InputError(
                f"This model starts at K/T = {bridge.share:g}; it cannot start at {self.start:g}.",
                "Leave out start, or choose a model without latent alignment that was trained from there on.",
            )
        return times * (self.start / bridge.share)


def sample(
    denoiser: Denoiser,
    x_lr: Tensor,
    factor: float,
    plan: SamplingPlan,
    noise: Tensor,
    *,
    fresh_noise: FreshNoise | None = None,
    refine: Refine = unchanged,
    unmeasured: Refine | None = None,
    on_step: OnStep = nothing,
) -> Tensor:
    """Restore `x_lr` (N, 1, H, W) by `plan`; the hooks are those of the samplers.

    `unmeasured` takes the measured part off an image, for bridges whose noise leaves it out; these keep it exact at every
    step whether `refine` does so or not.

    Eq. (19) as printed is the posterior of the process without alignment with x_HR replaced by m_t (SCIENCE §0.2 b): the
    paper's rule is therefore the same samplers on the unaligned bridge, fed with the estimate of m_t.
    """
    bridge, fresh = denoiser.bridge, fresh_noise
    if bridge.unmeasured_noise:
        noise, fresh, refine = _kept_from_the_measured(x_lr, noise, fresh_noise, unmeasured)
    times = plan.times(bridge)
    of = denoiser.estimate if plan.rule == "consistent" else denoiser.mixture
    if plan.rule == "paper":
        bridge = bridge.unaligned

    def estimate(x: Tensor, u: float) -> Tensor:
        return of(x, x_lr, u, factor)

    if plan.sampler in ("dpm++1", "dpm++2m"):
        order: Literal[1, 2] = 1 if plan.sampler == "dpm++1" else 2
        return sample_dpm_solver(estimate, bridge, x_lr, times, noise, order=order, refine=refine, on_step=on_step)
    if plan.sampler == "pc":
        assert fresh is not None
        # A network of the paper's rule was told x_LR and has only seen latents that were noisy everywhere: without noise in
        # the measured band it goes astray.
        latents = unchanged if plan.rule == "paper" else refine
        return sample_predictor_corrector(
            estimate, bridge, x_lr, times, noise, fresh_noise=fresh, refine=refine, refine_latents=latents, on_step=on_step
        )
    eta = _ETA.get(plan.sampler, plan.eta)
    return sample_ddim(estimate, bridge, x_lr, times, noise, eta=eta, fresh_noise=fresh, refine=refine, on_step=on_step)


def _kept_from_the_measured(
    x_lr: Tensor, noise: Tensor, fresh_noise: FreshNoise | None, unmeasured: Refine | None
) -> tuple[Tensor, FreshNoise | None, Refine]:
    """The start's noise, the fresh one and the refinement of a bridge that leaves alone what was measured."""
    if unmeasured is None:
        raise InputError("This model adds noise outside of the measured band only.", "Use it for in-plane runs.")
    fresh = None if fresh_noise is None else lambda: unmeasured(fresh_noise())
    return unmeasured(noise), fresh, lambda x_hr: x_lr + unmeasured(x_hr - x_lr)
