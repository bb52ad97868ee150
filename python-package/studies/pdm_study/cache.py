"""What was measured, one small file each, found again by all that decided it: a second run measures nothing."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from pdm_core.atomic import replacing, write_text
from pdm_study.record import FloatImage, Identity, Record
from pdm_study.record_file import Records, rounded


class Cache:
    """Records and pictures in a folder.

    Args:
        folder: made when missing.
        records: a file of records that comes first; what the folder holds beside is then rounded as that file will hold it,
            so that a page is the same from either.
    """

    def __init__(self, folder: Path, records: Records | None = None) -> None:
        self.folder, self.records = folder, records
        folder.mkdir(parents=True, exist_ok=True)

    def record(self, what: Identity) -> Record | None:
        """What was measured, or None."""
        listed = self.records.find(what) if self.records is not None else None
        path = self._path(what, "json")
        if listed is not None or not path.is_file():
            return listed
        record = Record.from_json(json.loads(path.read_text(encoding="utf-8"))["record"])
        return record if self.records is None else rounded(record)

    def picture(self, what: Identity) -> FloatImage | None:
        """The chosen slice (H, W), or None."""
        path = self._path(what, "npz")
        if not path.is_file():
            return None
        with np.load(path) as content:
            image: FloatImage = content["image"]
        return image

    def keep(self, what: Identity, record: Record) -> None:
        """Write a record, with what it is of."""
        content = {"settings": what.settings, "record": asdict(record)}
        write_text(self._path(what, "json"), json.dumps(content, indent=1) + "\n")

    def keep_picture(self, what: Identity, image: FloatImage) -> None:
        """Write the chosen slice."""
        with replacing(self._path(what, "npz")) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(stream, image=image)

    def _path(self, what: Identity, end: str) -> Path:
        return self.folder / f"{what.key}.{end}"
