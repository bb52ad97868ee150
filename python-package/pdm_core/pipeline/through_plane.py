"""Between the slices: a whole stack through the sampler, both families of planes at every step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

import numpy as np
import torch
from torch import Tensor

from pdm_core.degradation.finer_grid import along_slices
from pdm_core.degradation.profile import SliceOperator
from pdm_core.diffusion.denoisers import Denoiser
from pdm_core.diffusion.sampling import SamplingPlan, sample
from pdm_core.diffusion.symmetric import FLIPS
from pdm_core.pipeline.matching import NO_MATCHING, ThicknessMatching
from pdm_core.pipeline.memory import Portion
from pdm_core.pipeline.noise import noise_volume
from pdm_core.pipeline.planes import OrthogonalDenoiser
from pdm_core.pipeline.restoration import Restored
from pdm_core.progress import Progress, WarningCallback
from pdm_core.volume.volume import FloatArray


@dataclass(frozen=True)
class ThroughPlaneRestorer:
    """Restores the slice direction of a stack by one plan.

    The working set is at most ten volumes of the output's size in float32, whatever the steps and samples: x_LR, the noise of
    the start, the latent, the fused estimate and the previous one (dpm++2m), mean and squares over samples, and three for
    the arithmetic between them.

    Attributes:
        denoiser: network, told the slices' thickness, and bridge, on their device.
        operator: what the slices have measured.
        plan: sampler, steps and grid of times.
        samples: independent samples; more than one gives mean and spread.
        seed: decides the noise together with the number of the sample.
        project: keep what the slices have measured, at every step.
        device: where the denoiser lives.
        matching: whether the network sees planes as thick as those of its training.
    """

    denoiser: Denoiser
    operator: SliceOperator
    plan: SamplingPlan
    samples: int
    seed: int
    project: bool
    device: torch.device
    matching: ThicknessMatching = NO_MATCHING

    @torch.inference_mode()
    def restore(self, slices: FloatArray, batch: int, progress: Progress, warn: WarningCallback) -> Restored:
        """Restore a stack (K, J, I) in the network's range, `batch` planes at a time; the progress counts planes."""
        measured = torch.from_numpy(np.ascontiguousarray(slices))
        portion = Portion(batch, images="planes")
        planes = OrthogonalDenoiser(self.denoiser, self.device, portion, progress.advance, warn, self.matching)
        x_lr = along_slices(self.operator.interpolated, measured)
        mean = squares = None
        for number in range(self.samples):
            restored = self._one_sample(planes, x_lr, measured, number)
            if mean is None:
                mean = restored
                squares = torch.zeros_like(mean) if self.samples > 1 else None
            elif squares is not None:
                change = restored - mean
                mean += change / (number + 1)
                squares += change * (restored - mean)
        assert mean is not None
        error = float((along_slices(self.operator.apply, mean) - measured).square().mean())
        spread = None if squares is None else (squares / (self.samples - 1)).sqrt().numpy()
        return Restored(mean.numpy(), spread, error, planes.portion.batch)

    def _one_sample(self, planes: OrthogonalDenoiser, x_lr: Tensor, measured: Tensor, number: int) -> Tensor:
        """One sample; each sees the planes by a flip of its own, the first one as they are."""
        planes.symmetry = number % FLIPS
        shape = (x_lr.shape[0], x_lr.shape[1], x_lr.shape[2])
        fields = count(1)
        return sample(
            planes,
            x_lr,
            self.operator.factor,
            self.plan,
            noise_volume(shape, self.seed, number, 0),
            fresh_noise=lambda: noise_volume(shape, self.seed, number, next(fields)),
            refine=self._projection(measured),
        )

    def _projection(self, measured: Tensor) -> Callable[[Tensor], Tensor]:
        """x + Aᵀ(A Aᵀ + mu I)⁻¹(y - A x) at every step (SCIENCE §6): for y = A x_HR the error never grows."""
        if not self.project:
            return lambda x_hr: x_hr
        y = measured.flatten(1)
        return lambda x_hr: self.operator.project(x_hr.flatten(1), y).reshape(x_hr.shape)
