"""What was measured, one small file each, found again by all that decided it: a second run measures nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pdm_core.atomic import replacing, write_text
from pdm_core.evaluation.reliability import Reliability

# Rises when a measure or the preparation of the slices changes: what was measured before then counts no more.
SCHEME = 1
FloatImage = NDArray[np.float32]


@dataclass(frozen=True)
class Record:
    """One arm on one case at one factor.

    Attributes:
        values: every measure of every slice.
        seconds: wall time of the whole volume.
        evaluations: of the network a slice.
        machine: that it was measured on, with its threads.
        reliability: of the uncertainty; None for one sample.
    """

    values: Mapping[str, list[float]]
    seconds: float
    evaluations: int
    machine: str
    reliability: Reliability | None = None

    @property
    def slices(self) -> int:
        """How many were restored."""
        return len(next(iter(self.values.values())))


class Cache:
    """Records and pictures in a folder.

    Args:
        folder: made when missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    @staticmethod
    def key(settings: Mapping[str, Any], factor: float, volume_sha256: str) -> str:
        """SHA-256 of everything that decides a record."""
        parts = {"scheme": SCHEME, "settings": settings, "factor": factor, "volume": volume_sha256}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def record(self, key: str) -> Record | None:
        """What was measured, or None."""
        path = self._path(key, "json")
        if not path.is_file():
            return None
        content = json.loads(path.read_text(encoding="utf-8"))["record"]
        curve = content["reliability"]
        if curve is not None:
            pairs = {name: tuple(curve[name]) for name in ("predicted", "observed")}
            content["reliability"] = Reliability(**{**curve, **pairs})
        return Record(**content)

    def picture(self, key: str) -> FloatImage | None:
        """The chosen slice (H, W), or None."""
        path = self._path(key, "npz")
        if not path.is_file():
            return None
        with np.load(path) as content:
            image: FloatImage = content["image"]
        return image

    def keep(self, key: str, record: Record, settings: Mapping[str, Any]) -> None:
        """Write a record, with what it is of."""
        content = {"settings": settings, "record": asdict(record)}
        write_text(self._path(key, "json"), json.dumps(content, indent=1) + "\n")

    def keep_picture(self, key: str, image: FloatImage) -> None:
        """Write the chosen slice."""
        with replacing(self._path(key, "npz")) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(stream, image=image)

    def _path(self, key: str, end: str) -> Path:
        return self.folder / f"{key}.{end}"
