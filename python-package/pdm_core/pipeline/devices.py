"""How a denoiser runs on a device: how much at a time, and in which number format."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pdm_core.diffusion.denoisers import NetworkDenoiser

_ACTIVATION_BYTES_PER_PIXEL = 600
_CPU_BATCH = 1


def default_batch(device: torch.device, pixels: int, slices: int) -> int:
    """Slices a forward pass: one on a CPU, whose caches a second would spill; on CUDA what half of the free memory holds."""
    if device.type != "cuda":
        return _CPU_BATCH
    free, _ = torch.cuda.mem_get_info(device)
    return max(1, min(slices, int(0.5 * free / (pixels * _ACTIVATION_BYTES_PER_PIXEL))))


class MixedPrecision(nn.Module):
    """Runs a network in bfloat16 on CUDA and hands float32 back; the state of the sampler stays float32."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, image: Tensor, *scalars: Tensor) -> Tensor:
        """As the network's own forward."""
        with torch.autocast("cuda", dtype=torch.bfloat16):
            output: Tensor = self.network(image.contiguous(memory_format=torch.channels_last), *scalars)
        return output.float()


def prepared(denoiser: NetworkDenoiser, device: torch.device) -> NetworkDenoiser:
    """Move a denoiser to `device`, with the number format that pays there."""
    denoiser = denoiser.to(device).eval()
    if device.type == "cuda":
        denoiser.network = MixedPrecision(denoiser.network)
    return denoiser
