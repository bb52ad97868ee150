"""Records as one file that travels and can be reviewed: a line each, rounded, with what decided them; without pictures."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from pdm_core.atomic import write_text
from pdm_core.errors import InputError
from pdm_core.metrics.reliability import Reliability
from pdm_study.measures import SHOWN
from pdm_study.record import SCHEME, Identity, Record, digest
from pdm_study.results import Measurement

_KIND = "records of pdm-sr evaluate"
# More digits than any table prints.
_DIGITS = 6
_ANOTHER = "Name another file with --records, or bring back an earlier version of this one."


@dataclass(frozen=True)
class Entry:
    """A record and where it belongs; contender, case and data set are for the reader, the identity is what it is found by."""

    contender: str
    case: str
    data_set: str
    what: Identity
    record: Record


class Records:
    """The records of a file.

    An identity has one record here: that on the device where it was measured first. To measure it anew, take out its line.

    Args:
        path: need not be there yet.

    Raises:
        InputError: the file is not one of records, is damaged, or was written by another scheme of measuring.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._entries = {entry.what.key: entry for entry in _read(path)}

    def find(self, what: Identity) -> Record | None:
        """What was measured, on whatever device, or None."""
        entry = self._entries.get(what.anywhere.key)
        return None if entry is None else entry.record

    def write(self, measured: Iterable[Measurement]) -> None:
        """Add what the file did not have, keep what it had."""
        for item in measured:
            what = item.what.anywhere
            entry = Entry(item.contender, item.case, item.data_set, what, rounded(item.record))
            self._entries.setdefault(what.key, entry)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_text(self.path, _text(self._entries.values()))


def rounded(record: Record) -> Record:
    """As it stands in a file: six significant digits."""
    values = {name: [_short(value) for value in each] for name, each in record.values.items()}
    curve = record.reliability
    if curve is not None:
        predicted, observed = (tuple(map(_short, each)) for each in (curve.predicted, curve.observed))
        curve = Reliability(predicted, observed, *map(_short, (curve.correlation, curve.calibration_error, curve.error)))
    return replace(record, values=values, seconds=_short(record.seconds), reliability=curve)


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _text(entries: Iterable[Entry]) -> str:
    """Settings, which many records share, by their digest; then the records by case, factor and contender."""
    ordered = sorted(entries, key=lambda x: (x.data_set, x.case, x.what.factor, x.contender, x.what.key))
    settings = {digest(entry.what.settings): entry.what.settings for entry in ordered}
    shared = ",\n".join(f'"{name}":{_line(settings[name])}' for name in sorted(settings))
    lines = ",\n".join(_line(_flat(entry)) for entry in ordered)
    return f'{{"kind":"{_KIND}","scheme":{SCHEME},\n"settings":{{\n{shared}\n}},\n"records":[\n{lines}\n]}}\n'


def _flat(entry: Entry) -> dict[str, Any]:
    place = {"arm": entry.contender, "case": entry.case, "data_set": entry.data_set, "factor": entry.what.factor}
    return {**place, "settings": digest(entry.what.settings), "volume": entry.what.volume, "record": asdict(entry.record)}


def _line(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _read(path: Path) -> Iterator[Entry]:
    if not path.exists():
        return
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"The records in {path} cannot be read: {error}.", _ANOTHER) from None
    if not isinstance(content, dict) or content.get("kind") != _KIND:
        raise InputError(f"{path} holds no records of the paper's tables.", _ANOTHER)
    if content.get("scheme") != SCHEME:
        raise InputError(f"The records in {path} are of scheme {content.get('scheme')}; here it is {SCHEME}.", _ANOTHER)
    try:
        settings = dict(content["settings"])
        if any(digest(each) != name for name, each in settings.items()):
            raise ValueError("settings were changed by hand")
        for line in content["records"]:
            yield _entry(line, settings)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"The records in {path} are damaged ({error}).", _ANOTHER) from None


def _entry(line: Mapping[str, Any], settings: Mapping[str, Mapping[str, Any]]) -> Entry:
    record = Record.from_json(line["record"])
    lengths = {len(each) for each in record.values.values()}
    numbers = [line["factor"], record.seconds, record.evaluations, *chain.from_iterable(record.values.values())]
    complete = {measure.key for measure in SHOWN} <= set(record.values) and len(lengths) == 1 and 0 not in lengths
    if not complete or not all(isinstance(value, int | float) for value in numbers):
        raise ValueError(f"values of {line['arm']} on {line['case']}")
    what = Identity(settings[line["settings"]], line["factor"], line["volume"])
    return Entry(line["arm"], line["case"], line["data_set"], what, record)
