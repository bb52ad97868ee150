"""Flow matching: a network that predicts the velocity of the straight line from x_HR to the noised x_LR."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pdm_core.diffusion.bridges import AffineBridge, InterpolantBridge
from pdm_core.diffusion.denoisers.base import Example, NetworkDenoiser, column, conditioning, conditioning_each
from pdm_core.errors import InputError


class VelocityDenoiser(NetworkDenoiser):
    """Predicts dx/du = x_LR + noise eps - x_HR on an interpolant, so that x_HR = x - u v (Lipman et al., ICLR 2023).

    Args:
        network: maps latent and x_LR (N, 2, H, W) and `conditioning` (N, 2), whose noise level is noise u, to v (N, 1, H, W).
        bridge: an interpolant; no other goes in a straight line.
    """

    def __init__(self, network: nn.Module, bridge: AffineBridge) -> None:
        super().__init__(network, bridge)
        if not isinstance(bridge, InterpolantBridge):
            raise InputError("A velocity is predicted on interpolants only.", "Use the bridge {kind: interpolant}.")

    def around(self, network: nn.Module) -> VelocityDenoiser:
        """The same denoiser about another network."""
        return VelocityDenoiser(network, self.bridge)

    def estimate(self, x: Tensor, x_lr: Tensor, u: float, factor: float) -> Tensor:
        """Estimate of x_HR from the latent `x` (N, 1, H, W) at time `u`."""
        scalars = conditioning(self.bridge.at(u).sigma, factor, x)
        return x - u * self.run(torch.cat((x, x_lr), dim=1), scalars)

    def output_and_target(self, example: Example) -> tuple[Tensor, Tensor]:
        """The velocity as found and as it is."""
        sigma = column(self.bridge.curves(example.times)[2], example.noise)
        scalars = conditioning_each(sigma, example.factors, *example.further)
        velocity = example.x_lr + self.bridge.at(1.0).sigma * example.noise - example.x_hr
        return self.run(torch.cat((example.x, example.x_lr), dim=1), scalars), velocity
