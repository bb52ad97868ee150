"""Where networks run: the choice of a device, and what it is called."""

from __future__ import annotations

import platform
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import torch

from pdm_core.device_names import check_device
from pdm_core.errors import MissingDependencyError

Precision = Literal["auto", "float32"]
# Learning is told in words what to compute in: nothing leaves it to the device.
LEARNING_PRECISIONS = ("", "float32", "bfloat16")


def choose_device(name: str) -> torch.device:
    """The torch device for `auto`, `cpu`, `cuda`, `cuda:N` or `mps`; `auto` takes a GPU where there is one.

    Raises:
        InputError: there is no such name.
        MissingDependencyError: this machine or this torch has no such device.
    """
    check_device(name)
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
    facts = [platform.processor() or platform.machine(), f"{torch.get_num_threads()} threads"]
    if device.type == "cpu" and number_format(device) is torch.bfloat16:
        facts.append("bfloat16")
    return f"{device} ({', '.join(facts)})"


def number_format(device: torch.device, precision: Precision = "auto") -> torch.dtype:
    """What networks compute in: bfloat16 where the device has it in hardware and `precision` allows it, else float32.

    A CPU that lacks the instructions is slower with bfloat16 than without, and a torch that cannot tell counts as such.
    """
    if precision == "float32":
        return torch.float32
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)() if device.type == "cpu" else {}
    native = device.type == "cuda" or any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16"))
    return torch.bfloat16 if native else torch.float32


def autocast(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[object]:
    """Convolutions and products in `dtype`, the rest and the weights in float32."""
    if dtype is torch.float32 and device.type not in ("cuda", "cpu"):
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype is torch.bfloat16)


def learning_format(device: torch.device, precision: str = "") -> torch.dtype:
    """What networks learn in: as `precision` says, else bfloat16 on CUDA and float32 elsewhere."""
    if precision:
        return torch.float32 if precision == "float32" else torch.bfloat16
    return torch.bfloat16 if device.type == "cuda" else torch.float32


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
