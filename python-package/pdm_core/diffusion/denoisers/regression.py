"""Regression: networks that map the coarse image to the fine one in a single evaluation, as EDSR, SwinIR and SRGAN do."""

from __future__ import annotations

from torch import Tensor, nn

from pdm_core.diffusion.bridges import AffineBridge, InterpolantBridge
from pdm_core.diffusion.denoisers.base import Example, NetworkDenoiser
from pdm_core.errors import InputError
from pdm_core.networks.devices import autocast, learning_format

# A matrix rounded to whole pixels has not quite the factor of its network.
_ROUNDING = 0.05


class RegressionDenoiser(NetworkDenoiser):
    """A regression as the one-step end of a bridge without noise to speak of: its estimate does not look at the latent.

    Args:
        network: maps coarse images (N, 1, h, w) to (N, 1, scale h, scale w); its attribute `scale` is a whole number.
        bridge: nothing is drawn from it; an interpolant where none is given.
    """

    def __init__(self, network: nn.Module, bridge: AffineBridge | None = None) -> None:
        super().__init__(network, bridge or InterpolantBridge())
        self.scale = int(getattr(network, "scale", 1))

    def around(self, network: nn.Module) -> RegressionDenoiser:
        """The same denoiser about another network."""
        wrapped = RegressionDenoiser(network, self.bridge)
        wrapped.scale = self.scale
        return wrapped

    def estimate(self, x: Tensor, x_lr: Tensor, u: float, factor: float) -> Tensor:
        """Estimate of x_HR (N, 1, H, W) from x_LR; `x` and `u` tell nothing.

        Raises:
            InputError: another factor than the network's.
        """
        if self.scale > 1 and abs(factor / self.scale - 1.0) > _ROUNDING:
            raise InputError(
                f"This network restores x{self.scale}, not x{factor:g}.", f"Use the factor {self.scale}, or another model."
            )
        return self._restored(x_lr)

    def output_and_target(self, example: Example) -> tuple[Tensor, Tensor]:
        """The image as found and as it is."""
        return self._restored(example.x_lr), example.x_hr

    def _restored(self, x_lr: Tensor) -> Tensor:
        # x_LR holds no more than its coarse samples: every scale-th of them, from index 0 on, is D x_HR exactly.
        rows, columns = x_lr.shape[-2:]
        with autocast(x_lr.device, learning_format(x_lr.device, self.precision)):
            output: Tensor = self.network(x_lr[..., :: self.scale, :: self.scale])
        return output.to(x_lr.dtype)[..., :rows, :columns]
