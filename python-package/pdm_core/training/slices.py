"""Training slices: one volume's, memory-mapped, so that memory does not grow with the dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pdm_core.errors import InputError


@dataclass(frozen=True)
class SliceStack:
    """The usable slices of one volume.

    Attributes:
        case: name of the volume, for messages.
        volume: float32 (K, H, W), the 0.1 and 99.9 percentiles of the volume at -1 and 1; not clipped.
        useful: indices of the slices to train on.
        weight: how often slices of this stack are drawn, relative to others.
    """

    case: str
    volume: Tensor
    useful: tuple[int, ...]
    weight: float = 1.0

    def __len__(self) -> int:
        """Number of usable slices."""
        return len(self.useful)

    def take(self, numbers: Sequence[int]) -> Tensor:
        """Usable slices by their number among the usable ones, (N, H, W)."""
        return self.volume[[self.useful[number] for number in numbers]]


def open_stack(path: Path, case: str, useful: tuple[int, ...], weight: float) -> SliceStack:
    """Map the cached volume at `path`; slices are read when they are drawn.

    Raises:
        InputError: the file is missing or damaged.
    """
    try:
        # "c": the pages stay those of the file, yet torch may have them as writable.
        array = np.load(path, mmap_mode="c")
    except (OSError, ValueError) as error:
        raise InputError(f"The cached volume {path} cannot be read: {error}.", "Prepare the data again.") from error
    return SliceStack(case, torch.from_numpy(array), useful, weight)
