"""The noise of a run: one field that all its passes share, so that neighbours do not flicker (SCIENCE §6)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from pdm_core.degradation.kspace import Size


def noise_fields(size: Size, seed: int, sample: int, device: torch.device, channels: int = 1) -> Iterator[Tensor]:
    """White noise (1, C, H, W), one field after another: the start of a sampling, then one for each draw of its steps.

    Drawn on the CPU from the seed and the number of the sample alone: every device and every batching sees the same noise,
    and however many a sampling draws, one is held at a time. Each channel has a stream of its own: the first sees what an
    image of one channel sees.
    """
    streams = [np.random.default_rng((seed, sample, channel) if channel else (seed, sample)) for channel in range(channels)]
    while True:
        field = np.stack([random.standard_normal((1, *size), dtype=np.float32) for random in streams], axis=1)
        yield torch.from_numpy(field).to(device)


def shared_by(slices: int, field: Tensor) -> Tensor:
    """One field (1, C, H, W) for each of `slices` slices, without a copy."""
    return field.expand(slices, -1, -1, -1)


def noise_volume(shape: tuple[int, int, int], seed: int, sample: int, number: int) -> Tensor:
    """White noise (K, J, I) for planes in any direction: field `number` of a sample, 0 its start.

    Each plane k has a key of its own: a field is made when it is needed and no other is kept, however many steps draw one.
    """
    field = np.empty(shape, dtype=np.float32)
    for k, plane in enumerate(field):
        np.random.default_rng((seed, sample, number, k)).standard_normal(dtype=np.float32, out=plane)
    return torch.from_numpy(field)
