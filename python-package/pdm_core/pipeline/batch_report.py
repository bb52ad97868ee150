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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from pdm_core.atomic import write_text
from pdm_core.errors import CancelledError, InputError
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
        if not self._records.is_dir() and os.path.lexists(self._records):
            raise InputError(f"{self._records} is not a folder: the batch keeps its records there.", "Remove or rename it.")
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

    def add(self, report: CaseReport, label: str, input_sha256: str | None = None) -> None:
        """Write the record of a case, and now and then the tables.

        A failure does not take the place of an earlier result, which is still there; a success takes that of a failure.

        Args:
            report: what became of the case.
            label: what was done, as `SuperResolutionOptions.label`; one case may have results of several factors.
            input_sha256: of the volume that the result was made from.
        """
        failure = self._records / f"{_slug(f'{report.case}_{label}', f'failed {report.source}')}.json"
        output = os.path.relpath(report.output, self._folder) if report.output else ""
        path = self._record_of(output) if output else failure
        record = {**asdict(report), "output": output, "label": label, "input": input_sha256, "reported": time.time()}
        write_text(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
        if output:
            failure.unlink(missing_ok=True)
        if time.monotonic() - self._written_at >= _TABLES_EVERY_S:
            with suppress(OSError):
                # Another program may hold a table open: the last attempt, after all cases, tells the user.
                self.write_tables()

    def maker_of(self, output: Path) -> tuple[str, str | None]:
        """Path and checksum of the input that a result was made from, as its record says; empty where there is none."""
        record = _read(self._record_of(os.path.relpath(output, self._folder)))
        return ("", None) if record is None else (record["source"], record["input"])

    def _record_of(self, output: str) -> Path:
        stem = Path(output).name
        return self._records / f"{_slug(stem, Path(output).as_posix())}.json"

    def write_tables(self) -> None:
        """Write `report.csv` and `report.json` from all records; a result that has been removed has no row."""
        lock = FileLock(self._records / _TABLE_LOCK)
        _acquired(lock, wait=True)
        try:
            rows = self._rows()
            table = io.StringIO()
            writer = csv.DictWriter(table, [field.name for field in fields(CaseReport)], lineterminator="\r\n")
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
        records = filter(None, map(_read, self._records.glob("*.json")))
        return [
            {name: str(self._folder / record[name]) if name == "output" and record[name] else record[name] for name in names}
            for record in sorted(records, key=_place)
            if self._counts(record)
        ]

    def _counts(self, record: Mapping[str, Any]) -> bool:
        """Whether the result of a record, or the input of a failed case, is still there."""
        return (self._folder / record["output"]).exists() if record["output"] else os.path.lexists(record["source"])


def _place(record: Mapping[str, Any]) -> tuple[str, str, bool, str]:
    """Where a record stands in the tables: by case, results before failures."""
    return record["case"], record["label"], not record["output"], record["output"]


def _read(path: Path) -> dict[str, Any] | None:
    """A record, or None for whatever else lies in the folder."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        texts = [record[name] for name in ("case", "source", "status", "output", "message", "label", "zone_flags")]
        known = {field.name for field in fields(CaseReport)} | {"label", "input", "reported"}
        inside = not Path(record["output"]).is_absolute() and ".." not in Path(record["output"]).parts
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return record if known <= set(record) and all(isinstance(text, str) for text in texts) and inside else None


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
