"""Labels in a dataset: their cached form beside that of the image."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pdm_core.atomic import replacing, write_text
from pdm_core.errors import InputError
from pdm_core.training.dataset.cache import VOLUMES
from pdm_core.training.dataset.label_files import KINDS, LabelFile
from pdm_core.volume import read_volume
from pdm_core.volume.slice_axis import slice_axis_of, slices_last
from pdm_core.volume.volume import Volume
from pdm_core.zoo.weights import file_sha256

_SAME_PLACE_MM = 0.01


@dataclass(frozen=True)
class LabelRecord:
    """A label map of a dataset.

    Attributes:
        name: of its file.
        kind: see `LabelFile`.
        trust: see `LabelFile`.
        file: relative to the dataset's folder; uint8 `[K, J, I]`, on the grid that the image had in its file, slices last.
        sha256: of that file.
    """

    name: str
    kind: str
    trust: float
    file: str
    sha256: str


@dataclass(frozen=True)
class Labelling:
    """The labels of an image.

    Attributes:
        ijk_to_ras: rows of the 4x4 matrix of the image as it is in its file, slices along the third axis.
        labels: its label maps.
    """

    ijk_to_ras: tuple[tuple[float, ...], ...]
    labels: tuple[LabelRecord, ...]

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Labelling:
        """From JSON."""
        rows = tuple(tuple(float(value) for value in row) for row in content["ijk_to_ras"])
        return cls(rows, tuple(LabelRecord(**entry) for entry in content["labels"]))


def add_labels(folder: Path, key: str, image: Volume, files: Sequence[LabelFile]) -> Labelling | None:
    """Write the labels of an image into the cache under the key of the image; those on other grids are not its own.

    Raises:
        InputError: a label map holds other values than its kind has.
    """
    records = tuple(_records(folder, key, image, files))
    oriented = slices_last(image, slice_axis_of(image))
    matrix = tuple(tuple(float(value) for value in row) for row in oriented.ijk_to_ras)
    labelling = Labelling(matrix, records) if records else None
    content = {"files": _stamp(files), "labelling": None if labelling is None else asdict(labelling)}
    write_text(_facts_path(folder, key), json.dumps(content))
    return labelling


def cached_labels(folder: Path, key: str, files: Sequence[LabelFile]) -> tuple[bool, Labelling | None]:
    """Whether an earlier preparation has read these label files for the image of `key`, and what it found."""
    try:
        content = json.loads(_facts_path(folder, key).read_text(encoding="utf-8"))
        if content["files"] != _stamp(files):
            return False, None
        labelling = None if content["labelling"] is None else Labelling.from_dict(content["labelling"])
    except (OSError, ValueError, KeyError, TypeError):
        return False, None
    return labelling is None or labels_are_whole(folder, labelling), labelling


def labels_are_whole(folder: Path, labelling: Labelling) -> bool:
    """Whether the cached label maps are there with their checksums."""
    paths = [(folder / record.file, record.sha256) for record in labelling.labels]
    return all(path.is_file() and file_sha256(path) == expected for path, expected in paths)


def _records(folder: Path, key: str, image: Volume, files: Sequence[LabelFile]) -> Iterator[LabelRecord]:
    for number, entry in enumerate(files):
        volume = read_volume(entry.path)
        if volume.shape != image.shape or not np.allclose(volume.ijk_to_ras, image.ijk_to_ras, atol=_SAME_PLACE_MM):
            continue
        found, known = np.unique(volume.array), KINDS[entry.kind]
        if not np.isin(found, known).all():
            raise InputError(
                f"The labels {entry.path} hold the values {', '.join(f'{value:g}' for value in found[:6])}.",
                f"A file of {entry.kind} holds {', '.join(map(str, known))} only.",
            )
        file = f"{VOLUMES}/{key}.label{number}.npy"
        with replacing(folder / file) as temporary, temporary.open("wb") as stream:
            # As the cached image is.
            np.save(stream, slices_last(volume, slice_axis_of(image)).array.astype(np.uint8))
        yield LabelRecord(entry.path.name, entry.kind, entry.trust, file, file_sha256(folder / file))


def _facts_path(folder: Path, key: str) -> Path:
    return folder / VOLUMES / f"{key}.labels.json"


def _stamp(files: Sequence[LabelFile]) -> str:
    """A name for label files as they are."""
    stamps = [
        (str(entry.path.resolve()), entry.kind, entry.trust, entry.path.stat().st_size, entry.path.stat().st_mtime_ns)
        for entry in files
    ]
    return hashlib.sha256(json.dumps(stamps).encode()).hexdigest()
