"""The data sets of the study: which cases of a split belong to which of the paper's tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pdm_core.errors import InputError
from pdm_core.evaluation.cases import Case, read_slices

# Folders of the real data by the name of their set; ProstateX is the paper's own.
PROSTATEX, KNEE = "ProstateX", "knee"
_FOLDERS = {
    "prostate/prostatex": PROSTATEX,
    "prostate/prostate158": "Prostate158",
    "prostate/prostate3t": "Prostate-3T",
    "prostate/prostate_mri_nci": "PROSTATE-MRI",
    "other_mri/knee_ge_mese": KNEE,
}
# Of several echoes the one nearest to a T2-weighted scan.
_PREFERRED = ("t2_tra", "mese_echo7")


@dataclass(frozen=True)
class StudyCase:
    """A case and the set that it belongs to."""

    case: Case
    data_set: str


def study_cases(root: Path, split: str, names: Sequence[str] = ()) -> list[StudyCase]:
    """The cases of a split in the known sets, ProstateX first; or the named ones, whatever set they belong to.

    A folder that holds none of the known sets is one set by itself, called "own data".

    Raises:
        InputError: a named case is not in the split, or the split is empty.
    """
    listing = [entry for entry in json.loads((root / "splits.json").read_text(encoding="utf-8")) if entry["split"] == split]
    unknown = sorted(set(names) - {entry["case"] for entry in listing})
    if unknown or not listing:
        what = f"no case {unknown[0]}" if unknown else "no case at all"
        raise InputError(f"The split {split} of {root / 'splits.json'} has {what}.")
    sets = {entry["case"]: _set_of(entry["path"]) for entry in listing}
    if names:
        chosen = [entry for entry in listing if entry["case"] in names]
    else:
        chosen = [entry for entry in listing if sets[entry["case"]]] or listing
    found = [StudyCase(_case(root, entry), sets[entry["case"]] or "own data") for entry in chosen]
    order = list(_FOLDERS.values())
    return sorted(found, key=lambda item: order.index(item.data_set) if item.data_set in order else len(order))


def _set_of(path: str) -> str | None:
    return next((name for folder, name in _FOLDERS.items() if f"{path}/".startswith(f"{folder}/")), None)


def _case(root: Path, entry: dict[str, str]) -> Case:
    images = list(entry["images"])
    image = next((name for start in _PREFERRED for name in images if name.startswith(start)), images[0])
    return Case(entry["case"], partial(read_slices, root / entry["path"] / image))
