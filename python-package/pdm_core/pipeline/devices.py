"""How a denoiser runs on a device: how much at a time, and in which number format."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pdm_core.diffusion.denoisers import NetworkDenoiser
from pdm_core.networks.devices import autocast

_ACTIVATION_BYTES_PER_PIXEL = 600
# What a pass takes on a CPU: one slice of 320 x 320, or so many smaller ones; more would spill its caches.
_CPU_PIXELS = 320 * 320


def default_batch(device: torch.device, pixels: int, slices: int) -> int:
    """Slices a forward pass: on a CPU few pixels at a time, on CUDA what half of the free memory holds."""
    if device.type != "cuda":
        return max(1, min(slices, _CPU_PIXELS // pixels))
    free, _ = torch.cuda.mem_get_info(device)
    return max(1, min(slices, int(0.5 * free / (pixels * _ACTIVATION_BYTES_PER_PIXEL))))


class MixedPrecision(nn.Module):
    """Runs a network in channels-last order, its convolutions and products in `dtype`, and hands float32 back.

    The state of the sampler stays float32.
    """

    def __init__(self, network: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, image: Tensor, *scalars: Tensor) -> Tensor:
        """As the network's own forward."""
        with autocast(image.device, self.dtype):
            output: Tensor = self.network(image.contiguous(memory_format=torch.channels_last), *scalars)
        return output.float()


def prepared(denoiser: NetworkDenoiser, device: torch.device, dtype: torch.dtype) -> NetworkDenoiser:
    """Move a denoiser to `device`, its network in the number format `dtype`; on an Apple GPU it stays as it is."""
    denoiser = denoiser.to(device).eval()
    if device.type in ("cuda", "cpu"):
        denoiser.network = MixedPrecision(denoiser.network, dtype)
    return denoiser
