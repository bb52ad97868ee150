"""The cached form of a volume: slices at their true bandwidth, scaled, in one memory-mapped file with a checksum.

A file is named after what it was made from, so that a second preparation finds what the first one made.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pdm_core.atomic import replacing, write_text
from pdm_core.degradation.bandwidth import true_bandwidth
from pdm_core.degradation.kspace import downsample
from pdm_core.errors import InputError
from pdm_core.training.dataset.fingerprint import fingerprint
from pdm_core.training.dataset.rules import plane_of
from pdm_core.volume.scan import Scan
from pdm_core.volume.sources import VolumeSource
from pdm_core.volume.volume import Volume
from pdm_core.zoo.weights import file_sha256

VOLUMES = "volumes"
HISTOGRAM_RANGE = (-1.5, 1.5)
_VERSION = 2
_HISTOGRAM_BINS = 60
_PERCENTILES = (0.1, 99.9)
# Slices whose spread is below this share of the volume's lie outside the body and teach nothing.
_EMPTY_SPREAD = 0.2


@dataclass(frozen=True)
class VolumeFacts:
    """A cached volume and what was found out on reading it.

    Attributes:
        file: relative to the dataset's folder; a float32 array (K, H, W), the 0.1 and 99.9 percentiles at -1 and 1.
        sha256: of that file.
        shape: (K, H, W), after a scanner's own zero filling was undone.
        useful: indices of the slices that show enough of the body.
        plane: nearest anatomical plane.
        spacing_mm: along (column, row, slice) after the reduction.
        bandwidth: measured share of the rows' and the columns' k-space; below 1 the scanner had interpolated.
        window: intensities at -1 and 1.
        histogram: voxels in 60 bins from -1.5 to 1.5.
        fingerprint: hexadecimal bits, to find copies by.
    """

    file: str
    sha256: str
    shape: tuple[int, int, int]
    useful: tuple[int, ...]
    plane: str
    spacing_mm: tuple[float, float, float]
    bandwidth: tuple[float, float]
    window: tuple[float, float]
    histogram: tuple[int, ...]
    fingerprint: str

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> VolumeFacts:
        """From JSON, which has lists for tuples."""
        values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in content.items()}
        if set(values) != {item.name for item in fields(cls)}:
            raise ValueError(f"unexpected or missing facts among {', '.join(values)}")
        return cls(**values)


def cache_key(source: VolumeSource) -> str:
    """A name for what `source` would give: by its files, their sizes and times, and this module's version.

    Raises:
        InputError: the source cannot be read, as showed when it was found.
    """
    if source.problem is not None:
        raise source.problem
    files = [source.path] if source.stack is None else sorted({frame.path for frame in source.stack.frames})
    stamps = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    stack = source.stack.id if source.stack is not None else ""
    return hashlib.sha256(json.dumps([_VERSION, source.name, stack, stamps]).encode()).hexdigest()[:20]


def cached_facts(folder: Path, key: str) -> VolumeFacts | None:
    """What an earlier preparation left under `key`, or None where that is missing or damaged."""
    try:
        facts = VolumeFacts.from_dict(json.loads((folder / VOLUMES / f"{key}.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return facts if file_is_whole(folder, facts) else None


def file_is_whole(folder: Path, facts: VolumeFacts) -> bool:
    """Whether the cached file is there with its checksum."""
    path = folder / facts.file
    return path.is_file() and file_sha256(path) == facts.sha256


def add_volume(folder: Path, key: str, volume: Volume) -> VolumeFacts:
    """Write `volume` into the cache under `key`; the file first, then its facts, each atomically.

    Its slices are taken along their own axis, and voxels without data hold the nearest measured value, as in a restoration.

    Raises:
        InputError: the image is constant.
    """
    volume = Scan.of(volume).work
    low, high = (float(value) for value in np.percentile(volume.array, _PERCENTILES))
    if not high > low:
        raise InputError("nearly all intensities are equal")
    slices = torch.from_numpy((volume.array - np.float32(low)) * np.float32(2.0 / (high - low)) - 1.0)
    bandwidth = true_bandwidth(volume.array)
    rows, columns = bandwidth.true_size((volume.shape[1], volume.shape[2]))
    array = downsample(slices, (rows, columns)).numpy().astype(np.float32)
    file = f"{VOLUMES}/{key}.npy"
    _write_array(folder / file, array)
    facts = VolumeFacts(
        file=file,
        sha256=file_sha256(folder / file),
        shape=(array.shape[0], rows, columns),
        useful=_useful(array),
        plane=plane_of(volume.ijk_to_ras),
        spacing_mm=_spacing(volume, rows, columns),
        bandwidth=(bandwidth.rows, bandwidth.columns),
        window=(low, high),
        histogram=tuple(int(count) for count in np.histogram(array, _HISTOGRAM_BINS, HISTOGRAM_RANGE)[0]),
        fingerprint=np.packbits(fingerprint(volume)).tobytes().hex(),
    )
    write_text(folder / VOLUMES / f"{key}.json", json.dumps(asdict(facts)))
    return facts


def _useful(array: np.ndarray[Any, Any]) -> tuple[int, ...]:
    spread = array.std(axis=(1, 2))
    return tuple(int(index) for index in np.flatnonzero(spread > _EMPTY_SPREAD * spread.max()))


def _spacing(volume: Volume, rows: int, columns: int) -> tuple[float, float, float]:
    i, j, k = volume.spacing
    return i * volume.shape[2] / columns, j * volume.shape[1] / rows, k


def _write_array(path: Path, array: np.ndarray[Any, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary, temporary.open("wb") as stream:
        np.save(stream, array)
