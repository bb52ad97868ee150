"""A volume seen by a network for planes: both families of planes across the slices, fused at every step."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pdm_core.diffusion.bridges import AffineBridge
from pdm_core.diffusion.denoisers import Denoiser
from pdm_core.diffusion.periodic import MirroredDenoiser
from pdm_core.diffusion.symmetric import SymmetricDenoiser
from pdm_core.pipeline.matching import NO_MATCHING, MatchedDenoiser, ThicknessMatching
from pdm_core.pipeline.memory import Portion
from pdm_core.progress import WarningCallback

# Axes of [K, J, I] along which planes with the slice direction K down their rows are counted.
_AXES = (1, 2)


class OrthogonalDenoiser:
    """Estimates a volume (K, J, I) as the mean of its (K, I) planes' and its (K, J) planes' estimates.

    Neither family alone knows its neighbours; fused at every step (as MultiDiffusion fuses tiles) each corrects the other.
    The volume stays on the CPU, and only planes visit the device.

    Args:
        denoiser: for planes (N, 1, K, J or I).
        device: where it lives.
        portion: planes at a time; becomes smaller when the memory of the device does not suffice.
        on_planes: called with the number of planes after each batch; may raise to cancel.
        warn: hears of a smaller portion.
        matching: whether the network sees thicker planes.

    Attributes:
        symmetry: by which of the `FLIPS` the planes are seen, see `SymmetricDenoiser`.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        device: torch.device,
        portion: Portion,
        on_planes: Callable[[int], None],
        warn: WarningCallback,
        matching: ThicknessMatching = NO_MATCHING,
    ) -> None:
        self.denoiser, self.device, self.portion = denoiser, device, portion
        self._matching = matching
        self._on_planes, self._warn = on_planes, warn
        self.symmetry = 0

    @property
    def bridge(self) -> AffineBridge:
        """The bridge of the planes' denoiser."""
        return self.denoiser.bridge

    def estimate(self, x: Tensor, x_lr: Tensor, u: float, factor: float) -> Tensor:
        """Fused estimate of x_HR, (K, J, I)."""
        return self._fused(x, x_lr, lambda seen, x, x_lr: seen.estimate(x, x_lr, u, factor))

    def mixture(self, x: Tensor, x_lr: Tensor, u: float, factor: float) -> Tensor:
        """Fused estimate of m_t, (K, J, I)."""
        return self._fused(x, x_lr, lambda seen, x, x_lr: seen.mixture(x, x_lr, u, factor))

    def _fused(self, x: Tensor, x_lr: Tensor, of: Callable[[Denoiser, Tensor, Tensor], Tensor]) -> Tensor:
        fused = torch.zeros_like(x)
        for axis in _AXES:
            start = 0
            while start < x.shape[axis]:
                count = min(self.portion.batch, x.shape[axis] - start)
                planes = (self._planes(volume, axis, start, count) for volume in (x, x_lr))
                try:
                    estimate = of(self._seen(x_lr, axis, start, count), *planes)
                except torch.cuda.OutOfMemoryError as error:
                    self.portion = self.portion.smaller(self._warn, error)
                    continue
                share = estimate[:, 0].movedim(0, axis).to(fused)
                fused.narrow(axis, start, count).add_(share, alpha=1.0 / len(_AXES))
                start += count
                self._on_planes(count)
        return fused

    def _seen(self, x_lr: Tensor, axis: int, start: int, count: int) -> Denoiser:
        """The network as these planes see it: with mirrored borders, flipped, and for planes as thick as it knows."""
        mirrored = MirroredDenoiser(self.portion.seen_by(self.denoiser))
        denoiser = SymmetricDenoiser(mirrored, self.symmetry)
        if self._matching.kind == "none":
            return denoiser
        thick = self._matching.thick(x_lr, axis, start, count)[:, None].contiguous().to(self.device)
        return MatchedDenoiser(denoiser, thick, self._matching.kind)

    def _planes(self, volume: Tensor, axis: int, start: int, count: int) -> Tensor:
        """Planes (count, 1, K, J or I) on the device."""
        return volume.narrow(axis, start, count).movedim(axis, 0)[:, None].contiguous().to(self.device)
