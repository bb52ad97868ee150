"""Networks that predict the noise, as SR3, ScoreMRI and MC-DDPM do."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pdm_core.diffusion.bridges import AffineBridge
from pdm_core.diffusion.denoisers.base import (
    Example,
    FloatOrTensor,
    NetworkDenoiser,
    columns,
    conditioning,
    conditioning_each,
)
from pdm_core.diffusion.images import MAGNITUDES, ImageKind
from pdm_core.errors import InputError


class EpsilonDenoiser(NetworkDenoiser):
    """Predicts the noise; for the paper's rule and for bridges without alignment.

    The score of ScoreMRI is -eps / sigma. The latent is divided by sqrt((a + b)² + sigma²), which is 1 for
    variance-preserving bridges: no network need cope with the hundreds that a variance-exploding one adds.

    Args:
        network: maps latent and x_LR (N, 2 C, H, W), or the latent alone, and `conditioning` (N, 2) to eps (N, C, H, W).
        bridge: the process that the network was trained on.
        conditional: whether the network sees x_LR.
        bound: by how much an estimate may differ from x_LR, or None. Where little of the image is left in the latent, errors
            are divided by next to nothing: SR3 clips its estimates to the image's range, which would cut bright tissue.
        images: what its images hold.
    """

    one_step = False

    def __init__(
        self,
        network: nn.Module,
        bridge: AffineBridge,
        conditional: bool = True,
        bound: float | None = None,
        images: ImageKind = MAGNITUDES,
    ) -> None:
        super().__init__(network, bridge)
        if bridge.unaligned.at(1.0).a == 0.0:
            raise InputError(
                "A network that predicts the noise cannot be used with this bridge: x_HR has left the latent at the start.",
                'Use the parameterization "residual".',
            )
        self.conditional, self.bound, self.images = conditional, bound, images

    def around(self, network: nn.Module) -> EpsilonDenoiser:
        """The same denoiser about another network."""
        return EpsilonDenoiser(network, self.bridge, self.conditional, self.bound, self.images)

    def mixture(self, x: Tensor, x_lr: Tensor, u: float, factor: float) -> Tensor:
        """Estimate of m_t, of which x_t = a m_t + b x_LR + sigma eps on the bridge without alignment."""
        a, b, sigma = self.bridge.unaligned.at(u)
        noise = self.run(self._inputs(x, x_lr, a + b, sigma), conditioning(sigma, factor, x))
        found = (x - b * x_lr - sigma * noise) / a
        return found if self.bound is None else x_lr + (found - x_lr).clamp(-self.bound, self.bound)

    def estimate(self, x: Tensor, x_lr: Tensor, u: float, factor: float) -> Tensor:
        """Estimate of x_HR, where m_t = x_HR; under alignment it would divide by lam_t, which is 0 at the start."""
        if self.bridge.starts_at_lr:
            raise InputError(
                "A noise-predicting model with latent alignment has no estimate of the high-resolution image.",
                'Sample it with alignment_rule="paper", or train it with parameterization "residual".',
            )
        return self.mixture(x, x_lr, u, factor)

    def output_and_target(self, example: Example) -> tuple[Tensor, Tensor]:
        """The noise as found and as it was."""
        a, b, sigma = columns(self.bridge, example.times, example.noise)
        scalars = conditioning_each(sigma, example.factors, *example.further)
        return self.run(self._inputs(example.x, example.x_lr, a + b, sigma), scalars), example.noise

    def _inputs(self, x: Tensor, x_lr: Tensor, signal: FloatOrTensor, sigma: FloatOrTensor) -> Tensor:
        scaled = x / (signal**2 + sigma**2) ** 0.5
        return torch.cat((scaled, x_lr), dim=1) if self.conditional else scaled
