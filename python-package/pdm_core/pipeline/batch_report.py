"""The report of a folder of results: a record for each case, and tables built from all records that the folder holds.

Any number of processes may work into one folder. Each case is claimed by a lock while it is worked on, and the tables are
written by one process at a time from the records of all.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from pdm_core.atomic import write_text
from pdm_core.errors import CancelledError
from pdm_core.progress import CancelCheck

RECORDS = "records"
_TABLE_LOCK = "report.lock"
# Tables of ten thousand cases take a moment: between the first and the last case they are written this often.
_TABLES_EVERY_S = 10.0
_POLL_S = 0.2
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class CaseReport:
    """What became of one case.

    Attributes:
        case: name of the source.
        source: its file or folder, an absolute path.
        status: "done", "failed", "kept" for the result of an earlier run or of another process, or "segmented" where only
            its zones were added now.
        output: the image, empty for a failed case.
        message: why it failed, or the warnings.
        seconds: for this case in the run that reports it.
        consistency_db: see the provenance; None when exact or failed.
        peripheral_zone_ml: volume of that zone; None where no zones were asked for.
        transition_zone_ml: volume of that zone, likewise.
        gland_ml: volume of both together.
        zone_flags: what speaks against the zones; empty when nothing does.
    """

    case: str
    source: str
    status: Literal["done", "failed", "kept", "segmented"]
    output: str
    message: str
    seconds: float
    consistency_db: float | None
    peripheral_zone_ml: float | None = None
    transition_zone_ml: float | None = None
    gland_ml: float | None = None
    zone_flags: str = ""


class BatchReport:
    """The records and tables of one folder of results, shared by the processes that work into it.

    Args:
        folder: of the results; it exists.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._records = folder / RECORDS
        self._records.mkdir(exist_ok=True)
        self._written_at = -_TABLES_EVERY_S

    @contextmanager
    def claim(self, result: str, *, wait: bool, cancel: CancelCheck | None = None) -> Iterator[bool]:
        """Hold a case for this process within the block.

        Args:
            result: path of its result, relative to the folder and without an ending: the record that lies beside a result
                does not have the image's ending either.
            wait: whether to wait for another process that works on the case.
            cancel: asked while waiting.

        Yields:
            Whether the case was claimed; always True with `wait`.

        Raises:
            CancelledError: the caller asked to stop.
        """
        # Some disks do not tell capitals apart.
        path = self._records / f"{_slug(result.casefold())}.lock"
        lock = FileLock(path)
        held = _acquired(lock, wait, cancel)
        try:
            yield held
        finally:
            if held:
                # A process that waits for the removed file finds the finished result, and keeps it.
                with suppress(OSError):
                    path.unlink()
                lock.release()

    def add(self, report: CaseReport, label: str) -> None:
        """Write the record of a case in place of its earlier one, and now and then the tables.

        Args:
            report: what became of the case.
            label: what was done, as `SuperResolutionOptions.label`; one case may have results of several factors.
        """
        output = os.path.relpath(report.output, self._folder) if report.output else ""
        record = {**asdict(report), "output": output, "label": label, "reported": time.time()}
        name = _slug(f"{report.case}_{label}", report.source)
        write_text(self._records / f"{name}.json", json.dumps(record, indent=1, ensure_ascii=False) + "\n")
        if time.monotonic() - self._written_at >= _TABLES_EVERY_S:
            self.write_tables()

    def write_tables(self) -> None:
        """Write `report.csv` and `report.json` from all records; a result that has been removed has no row."""
        lock = FileLock(self._records / _TABLE_LOCK)
        _acquired(lock, wait=True)
        try:
            rows = self._rows()
            table = io.StringIO()
            writer = csv.DictWriter(table, [field.name for field in fields(CaseReport)], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
            write_text(self._folder / "report.csv", table.getvalue())
            write_text(self._folder / "report.json", json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
        finally:
            lock.release()
        self._written_at = time.monotonic()

    def _rows(self) -> list[dict[str, Any]]:
        """A row for each result that exists and for each case that failed, in the order of the cases' names."""
        names = [field.name for field in fields(CaseReport)]
        latest: dict[tuple[str, ...], dict[str, Any]] = {}
        for record in sorted(self._all_records(), key=lambda record: float(record["reported"])):
            if record["output"]:
                # A folder of inputs that was moved gives a second record of the same result.
                key: tuple[str, ...] = (record["output"],)
            else:
                key = (record["case"], record["label"], record["source"])
            latest[key] = record
        return [
            {name: str(self._folder / record[name]) if name == "output" and record[name] else record[name] for name in names}
            for record in sorted(latest.values(), key=lambda record: (record["case"], record["label"]))
            if not record["output"] or (self._folder / record["output"]).exists()
        ]

    def _all_records(self) -> Iterator[dict[str, Any]]:
        """The records that can be read; whatever else lies in the folder is not one of ours."""
        needed = {*(field.name for field in fields(CaseReport)), "label", "reported"}
        for path in self._records.glob("*.json"):
            with suppress(OSError, ValueError):
                record = json.loads(path.read_text(encoding="utf-8"))
                if isinstance(record, dict) and needed <= set(record):
                    yield record


def _acquired(lock: FileLock, wait: bool, cancel: CancelCheck | None = None) -> bool:
    """Whether `lock` was acquired. A file system without locks is taken as one that a single process works on."""
    while True:
        try:
            lock.acquire(timeout=_POLL_S if wait else 0)
            return True
        except Timeout:
            if not wait:
                return False
        except NotImplementedError:
            return True
        if cancel is not None and cancel():
            raise CancelledError()


def _slug(text: str, hidden: str = "") -> str:
    """A file name that shows `text` as far as a file name can, made unique by a checksum of it and of `hidden`."""
    digest = hashlib.sha256(f"{text}\0{hidden}".encode("utf-8", "surrogateescape")).hexdigest()[:12]
    return f"{_UNSAFE.sub('_', text)[:60]}-{digest}"
