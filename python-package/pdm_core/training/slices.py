"""Training slices from volumes: read once, reduced to their true bandwidth, scaled by robust percentiles."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pdm_core.degradation.bandwidth import true_bandwidth
from pdm_core.degradation.kspace import downsample
from pdm_core.errors import InputError
from pdm_core.training.recipe import DataSource
from pdm_core.volume import read_volume

# Slices whose spread is below this share of the volume's lie outside the body and teach nothing.
_EMPTY_SPREAD = 0.2


@dataclass(frozen=True)
class SliceStack:
    """The usable slices of one volume.

    Attributes:
        case: name of the volume, for messages.
        slices: float32 (N, H, W), the 0.1 and 99.9 percentiles of the volume at -1 and 1; not clipped.
        weight: how often slices of this stack are drawn, relative to others.
    """

    case: str
    slices: Tensor
    weight: float


def load_stacks(root: Path, splits: str, split: str, sources: tuple[DataSource, ...]) -> list[SliceStack]:
    """Read every volume of `split` that lies in one of `sources`.

    Raises:
        InputError: the split file is missing or names nothing here.
    """
    listing = root / splits
    if not listing.is_file():
        raise InputError(f"The split file {listing} does not exist.", "Give the data folder with --data.")
    stacks = []
    for entry in json.loads(listing.read_text(encoding="utf-8")):
        source = next((item for item in sources if Path(entry["path"]).is_relative_to(item.path)), None)
        if entry["split"] == split and source is not None:
            for image in entry["images"]:
                stacks.append(load_stack(root / entry["path"] / image, f"{entry['case']}/{image}", source.weight))
    if not stacks:
        raise InputError(f"{listing} names no {split} volume in {', '.join(item.path for item in sources)}.")
    return stacks


def load_stack(path: Path, case: str, weight: float = 1.0) -> SliceStack:
    """Read one volume as training slices.

    A scanner's own zero filling is undone first: its empty band would teach the network to add nothing.
    """
    array = read_volume(path).array
    low, high = np.percentile(array, (0.1, 99.9))
    slices = torch.from_numpy((array - low) * np.float32(2.0 / (high - low)) - 1.0).float()
    size = true_bandwidth(array).true_size((array.shape[1], array.shape[2]))
    slices = downsample(slices, size)
    spread = slices.std(dim=(1, 2))
    return SliceStack(case, slices[spread > _EMPTY_SPREAD * spread.max()].contiguous(), weight)
