"""Labelled volumes on the working grid, made when they are first drawn, so that memory does not grow with the dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pdm_core.errors import InputError
from pdm_core.segmentation.canonical import CanonicalGrid, normalised
from pdm_core.training.dataset.index import Dataset, DataSource, VolumeRecord
from pdm_core.training.dataset.labels import LabelRecord
from pdm_core.training.zones.label_sets import GLAND
from pdm_core.volume.volume import Volume

_KEPT = 48


@dataclass(frozen=True)
class WorkingGrid:
    """How volumes are brought before a zone network; see `pdm_core.zoo.ZoneCard`."""

    grid_mm: tuple[float, float, float]
    slices_mm: tuple[float, float]
    percentiles: tuple[float, float]


@dataclass(frozen=True)
class ZoneStack:
    """A volume with its labels on the working grid.

    Attributes:
        image: float32 (k, j, i), normalised.
        labels: uint8 (k, j, i) each: 0 background, 1 peripheral zone, 2 transition zone, 3 gland of unknown zone.
        trust: of each label map.
    """

    image: Tensor
    labels: tuple[Tensor, ...]
    trust: tuple[float, ...]


@dataclass(frozen=True)
class LabelledVolume:
    """A labelled volume of a dataset that is opened when it is needed.

    Attributes:
        folder: of the dataset.
        record: the volume; its labels of zones, or those of the gland where it has none.
        weight: how often it is drawn, relative to others of its trust.
    """

    folder: Path
    record: VolumeRecord
    weight: float

    @property
    def labels(self) -> tuple[LabelRecord, ...]:
        """Its label maps of the zones; only where there is none, those of the gland."""
        every = self.record.labelling.labels if self.record.labelling is not None else ()
        return tuple(label for label in every if label.kind == "zones") or every

    @property
    def chance(self) -> float:
        """How often it is drawn: by its weight and by how far its labels are trusted."""
        return self.weight * max(label.trust for label in self.labels)

    def open(self, working: WorkingGrid) -> ZoneStack:
        """Read it onto the working grid."""
        return _opened(str(self.folder), self.record, self.labels, working)


def labelled_volumes(dataset: Dataset, split: str, sources: Sequence[DataSource]) -> list[LabelledVolume]:
    """The labelled volumes of a split that belong to one of `sources`; without sources all of the split.

    Raises:
        InputError: there is none.
    """
    found = []
    for record in dataset.volumes:
        source = next((item for item in sources if item.holds(record.name)), None) if sources else DataSource("")
        if record.split == split and source is not None and record.labelling is not None:
            found.append(LabelledVolume(dataset.folder, record, source.weight))
    if not found:
        raise InputError(
            f"The dataset {dataset.folder} has no labelled {split} volume.",
            "Lay files zones_… or gland_… beside the images, or name them in a CSV table, and prepare the data again.",
        )
    return found


@lru_cache(maxsize=_KEPT)
def _opened(folder: str, record: VolumeRecord, labels: tuple[LabelRecord, ...], working: WorkingGrid) -> ZoneStack:
    assert record.labelling is not None
    matrix = np.array(record.labelling.ijk_to_ras)
    cached = np.load(Path(folder) / record.facts.file)
    maps = [np.load(Path(folder) / label.file) for label in labels]
    # The cached image has fewer pixels where a scanner had interpolated it; their first centre is the same.
    shrink = [maps[0].shape[2] / cached.shape[2], maps[0].shape[1] / cached.shape[1], 1.0, 1.0]
    image = Volume(cached, matrix @ np.diag(shrink))
    grid = CanonicalGrid.over(image, working.grid_mm, working.slices_mm)
    on_grid = tuple(_labels_on(grid, Volume(values, matrix), label.kind) for values, label in zip(maps, labels, strict=True))
    array = normalised(grid.forward(image), working.percentiles)
    return ZoneStack(torch.from_numpy(array), on_grid, tuple(label.trust for label in labels))


def _labels_on(grid: CanonicalGrid, labels: Volume, kind: str) -> Tensor:
    """Each voxel takes the label with the largest share in it."""
    values = (1, 2) if kind == "zones" else (1,)
    shares = [grid.forward(labels.with_array((labels.array == value).astype(np.float32))) for value in values]
    found = np.stack([1.0 - sum(shares), *shares]).argmax(axis=0).astype(np.uint8)
    return torch.from_numpy(found if kind == "zones" else found * np.uint8(GLAND))
