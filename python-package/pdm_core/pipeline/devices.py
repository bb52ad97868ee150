"""Where the networks run: choice of the device, number formats there, and what it is called."""

from __future__ import annotations

import platform
from typing import Any

import torch
from torch import Tensor, nn

from pdm_core.diffusion.denoiser import EpsilonDenoiser, ResidualDenoiser
from pdm_core.errors import MissingDependencyError

_ACTIVATION_BYTES_PER_PIXEL = 600
_CPU_BATCH = 1


def choose_device(name: str) -> torch.device:
    """The torch device for `auto`, `cpu`, `cuda`, `cuda:N` or `mps`; `auto` takes a GPU where there is one.

    Raises:
        MissingDependencyError: this machine or this torch has no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise MissingDependencyError(
            f"There is no device {name}: torch {torch.__version__} sees {torch.cuda.device_count()} CUDA devices here.",
            "Use --device cpu, or install a torch with CUDA.",
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise MissingDependencyError("There is no Apple GPU (mps) for torch here.", "Use --device cpu.")
    return device


def device_name(device: torch.device) -> str:
    """The device in words, for the provenance."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"{device} ({platform.processor() or platform.machine()}, {torch.get_num_threads()} threads)"


def available_devices() -> list[dict[str, Any]]:
    """The devices that can be chosen here, the one of "auto" first: name, description and, for a GPU, memory in bytes."""
    devices: list[dict[str, Any]] = []
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        name = torch.cuda.get_device_name(index)
        devices.append({"name": f"cuda:{index}", "description": name, "free_bytes": free, "total_bytes": total})
    devices.append({"name": "cpu", "description": f"{torch.get_num_threads()} threads"})
    if torch.backends.mps.is_available():
        devices.append({"name": "mps", "description": "Apple GPU"})
    return devices


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

    def forward(self, image: Tensor, scalars: Tensor) -> Tensor:
        """As the network's own forward."""
        with torch.autocast("cuda", dtype=torch.bfloat16):
            output: Tensor = self.network(image.contiguous(memory_format=torch.channels_last), scalars)
        return output.float()


def prepared(denoiser: ResidualDenoiser | EpsilonDenoiser, device: torch.device) -> ResidualDenoiser | EpsilonDenoiser:
    """Move a denoiser to `device`, with the number format that pays there."""
    denoiser = denoiser.to(device).eval()
    if device.type == "cuda":
        denoiser.network = MixedPrecision(denoiser.network)
    return denoiser
