"""What might become training data: the volumes of a folder, of a CSV table, or of a list of splits, each with its patient."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pdm_core.errors import InputError
from pdm_core.progress import CancelCheck, ProgressCallback
from pdm_core.training.dataset.label_files import KINDS, LabelFile, is_label_file, label_file, labels_beside
from pdm_core.volume.dicom.headers import read_header
from pdm_core.volume.dicom.values import optional_text
from pdm_core.volume.images import image_suffix
from pdm_core.volume.sources import VolumeSource, find_sources

SPLITS = ("train", "val", "test")
LISTING = "splits.json"


@dataclass(frozen=True)
class Candidate:
    """A volume on disk that may be taken.

    Attributes:
        source: where it is and how it is read; its name is unique among the candidates.
        patient: key of the patient, kept in memory only; two candidates of one key never fall into different splits.
        split: where its list puts it, or None where the preparation decides.
        modality: as the headers tell it; None for formats that do not.
        description: words to select by.
        labels: label maps that may be on its grid.
    """

    source: VolumeSource
    patient: str
    split: str | None
    modality: str | None
    description: str
    labels: tuple[LabelFile, ...] = ()


def find_candidates(
    entry: Path, progress: ProgressCallback | None = None, cancel: CancelCheck | None = None
) -> list[Candidate]:
    """Every volume that `entry` names.

    Args:
        entry: a folder that is searched through (where it holds a `splits.json`, that list is followed), or a CSV table
            with the columns `image` and, if wanted, `patient`, `split`, `zones`, `gland` and `trust` (0 to 1, of its
            labels); its paths are relative to the table. Elsewhere files `zones_…` and `gland_…` beside an image are its
            labels.
        progress: receives the folders that are looked through.
        cancel: checked after every folder.

    Raises:
        InputError: there is nothing, or a list is malformed.
        CancelledError: the caller asked to stop.
    """
    if not entry.exists():
        raise InputError(f"{entry} does not exist.", "Give a folder of images, or a CSV table.")
    if entry.is_file():
        candidates = list(_of_table(entry))
    elif (entry / LISTING).is_file():
        candidates = list(_of_listing(entry))
    else:
        images = [source for source in find_sources([entry], progress, cancel) if not is_label_file(source.path)]
        candidates = [_candidate(source, labels=labels_beside(source.path)) for source in images]
    if not candidates:
        raise InputError(f"{entry} names no image.", "Give a folder of images, or a CSV table with a column image.")
    return candidates


def _of_table(table: Path) -> Iterator[Candidate]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"The table {table} cannot be read: {error}.", "Save it as CSV in UTF-8.") from error
    for number, row in enumerate(rows, start=2):
        if not row.get("image"):
            raise InputError(f"Line {number} of {table} names no image.", "The table needs a column image with paths.")
        path = table.parent / row["image"]
        where = f"line {number} of {table}"
        labels = tuple(_labels_of_row(row, table, where))
        yield from _listed(path, row["image"], row.get("patient") or None, row.get("split") or None, where, labels)


def _labels_of_row(row: dict[str, str], table: Path, where: str) -> Iterator[LabelFile]:
    for kind in KINDS:
        if row.get(kind):
            path = table.parent / row[kind]
            if not path.is_file():
                raise InputError(f"{path} in {where} does not exist.", "Mend the list.")
            try:
                trust = float(row["trust"]) if row.get("trust") else None
            except ValueError:
                raise InputError(f"The trust {row['trust']!r} in {where} is no number.", "Use a number from 0 to 1.") from None
            if trust is not None and not 0.0 < trust <= 1.0:
                raise InputError(f"The trust {trust:g} in {where} is not possible.", "Use a number above 0, up to 1.")
            yield label_file(path, kind, trust)


def _of_listing(folder: Path) -> Iterator[Candidate]:
    listing = folder / LISTING
    try:
        for case in json.loads(listing.read_text(encoding="utf-8")):
            for image in case["images"]:
                name = f"{case['path']}/{image}"
                path = folder / name
                yield from _listed(path, name, case["case"], case["split"], str(listing), labels_beside(path))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"The list {listing} is malformed: {error!r}.",
            "Each entry needs case, path, split and images; or remove the file.",
        ) from error


def _listed(
    path: Path, name: str, patient: str | None, split: str | None, where: str, labels: tuple[LabelFile, ...]
) -> Iterator[Candidate]:
    """The volumes of one entry of a list: an image file has one, a DICOM folder may have several."""
    if split is not None and split not in SPLITS:
        raise InputError(f"The split {split!r} in {where} is none of {', '.join(SPLITS)}.")
    if not path.exists():
        raise InputError(f"{path} in {where} does not exist.", "Mend the list.")
    stem = name[: -len(image_suffix(path) or "")] if path.is_file() and image_suffix(path) else name
    found = find_sources([path])
    for source in found:
        named = stem if len(found) == 1 else f"{stem}/{source.name}"
        yield _candidate(VolumeSource(named, source.path, source.stack, source.problem), patient, split, labels)


def _candidate(
    source: VolumeSource, patient: str | None = None, split: str | None = None, labels: tuple[LabelFile, ...] = ()
) -> Candidate:
    facts = source.stack.facts if source.stack is not None else {}
    description = f"{source.name} {facts.get('series_description', '')}"
    return Candidate(source, patient or _patient_of(source), split, facts.get("modality"), description, labels)


def _patient_of(source: VolumeSource) -> str:
    """PatientID of DICOM files; else the first folder of the name, as research archives are laid out, or the name itself."""
    if source.stack is not None:
        stated = optional_text(read_header(source.stack.frames[0].path), "PatientID")
        if stated is not None:
            return stated
    return source.name.split("/", maxsplit=1)[0]
