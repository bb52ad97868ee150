"""The heart of the pipeline: batches of slices through the sampler, with mean and spread over samples."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from pdm_core.degradation.acquisition_fit import fitted_acquisition
from pdm_core.degradation.kspace import project
from pdm_core.diffusion.denoisers import Denoiser
from pdm_core.diffusion.images import MAGNITUDES, ImageKind
from pdm_core.diffusion.periodic import PeriodicDenoiser
from pdm_core.diffusion.samplers.hooks import unchanged
from pdm_core.diffusion.sampling import SamplingPlan, sample
from pdm_core.diffusion.symmetric import SymmetricDenoiser
from pdm_core.pipeline.complex_values import Values
from pdm_core.pipeline.grid import InPlaneGrid, to_tensor
from pdm_core.pipeline.memory import Portion
from pdm_core.pipeline.noise import noise_fields, shared_by
from pdm_core.pipeline.tiles import TiledDenoiser
from pdm_core.progress import Progress, WarningCallback
from pdm_core.volume.volume import FloatArray

# Central slices that are looked at to find how all were measured.
_LOOKED_AT = 4


@dataclass(frozen=True)
class Restored:
    """Slices restored by one run, in the network's range.

    Attributes:
        mean: mean over the samples, (K, H, W); float32, or complex64 as the measured slices.
        spread: standard deviation over the samples, float32 (K, H, W); None for a single sample.
        squared_error: mean squared difference between D of `mean` and the measured slices.
        batch: slices a forward pass that fitted in memory.
    """

    mean: Values
    spread: FloatArray | None
    squared_error: float
    batch: int


@dataclass(frozen=True)
class Restorer:
    """Restores slices on one grid by one plan.

    Attributes:
        denoiser: network and bridge, on their device.
        grid: sizes, padding and alignment.
        plan: sampler, steps and grid of times.
        samples: independent samples; more than one gives mean and spread.
        seed: decides the noise together with the number of the sample.
        project: keep the measured band as measured, at every step.
        device: where the denoiser lives.
        tile: edge of the tiles in pixels, when whole slices exceed the memory.
        images: what the denoiser's images hold.
    """

    denoiser: Denoiser
    grid: InPlaneGrid
    plan: SamplingPlan
    samples: int
    seed: int
    project: bool
    device: torch.device
    tile: int | None = None
    images: ImageKind = MAGNITUDES

    @torch.inference_mode()
    def restore(self, slices: Values, batch: int, progress: Progress, warn: WarningCallback) -> Restored:
        """Restore slices (K, h, w) in the network's range; memory beyond the output does not grow with K."""
        mean = np.empty_like(slices, shape=(len(slices), *self.grid.high))
        spread = np.empty(mean.shape, dtype=np.float32) if self.samples > 1 else None
        start, squared, restorer = 0, 0.0, self
        while start < len(slices):
            chunk = slice(start, min(start + batch, len(slices)))
            try:
                measured = to_tensor(slices[chunk], self.device)
                average, deviation = restorer._mean_and_spread(measured, progress)
            except torch.cuda.OutOfMemoryError as error:
                restorer, batch = restorer._with_less_memory(batch, warn, error)
                continue
            squared += float((self.grid.measured_part(average) - measured).abs().square().sum())
            mean[chunk] = average[:, 0].cpu().numpy()
            if spread is not None:
                spread[chunk] = deviation[:, 0].cpu().numpy()
            start = chunk.stop
        return Restored(mean, spread, squared / slices.size, batch)

    @torch.inference_mode()
    def informed(self, slices: Values, progress: Progress) -> Restorer:
        """The same with the acquisition that its own estimate of the central slices speaks for, see `fitted_acquisition`."""
        first = max(0, (len(slices) - _LOOKED_AT) // 2)
        measured = to_tensor(slices[first : first + _LOOKED_AT], self.device)
        free = replace(self, plan=replace(self.plan, steps=1), samples=1, project=False)
        with progress.aside("finding how the slices were measured", len(measured)) as aside:
            estimates = [free._mean_and_spread(one[None], aside)[0] for one in measured]
        found = fitted_acquisition(measured, self.grid.measured_part(torch.cat(estimates)))
        return replace(self, grid=replace(self.grid, acquisition=found))

    def _with_less_memory(self, batch: int, warn: WarningCallback, error: torch.cuda.OutOfMemoryError) -> tuple[Restorer, int]:
        """Half the batch, then tiles; the caller starts the failed slices anew."""
        portion = Portion(batch, self.tile).smaller(warn, error)
        return replace(self, tile=portion.tile), portion.batch

    def _mean_and_spread(self, measured: Tensor, progress: Progress) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation over the samples by Welford's recurrence, (N, 1, H, W) each."""
        x_lr = self.images.of(self.grid.interpolated(measured))
        mean = measured.new_zeros((len(measured), 1, *self.grid.high))
        squares = torch.zeros_like(mean.real)
        for count in range(1, self.samples + 1):
            sampled = self._one_sample(x_lr, count - 1, progress)
            restored = self.grid.placed(self.images.like(measured, sampled), measured, self.project)
            change = restored - mean
            mean += change / count
            squares += (change.conj() * (restored - mean)).real
        return mean, (squares / max(1, self.samples - 1)).sqrt()

    def _one_sample(self, x_lr: Tensor, number: int, progress: Progress) -> Tensor:
        """One sample (N, C, H, W); each sees the slices by a symmetry of its own, the first one as they are."""
        slices = len(x_lr)
        noise = noise_fields(self.grid.padded_high, self.seed, number, self.device, self.images.channels)
        seen = TiledDenoiser(self.denoiser, self.tile) if self.tile else self.denoiser
        return sample(
            SymmetricDenoiser(PeriodicDenoiser(seen), number),
            x_lr,
            self.grid.factor,
            self.plan,
            shared_by(slices, next(noise)),
            fresh_noise=lambda: shared_by(slices, next(noise)),
            refine=self.grid.projection(x_lr) if self.project else unchanged,
            unmeasured=lambda x: x - project(x, self.grid.padded_low),
            on_step=lambda _step: progress.advance(slices),
        )
