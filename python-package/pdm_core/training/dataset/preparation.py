"""From files to a prepared dataset: chosen by rules, read once, checked for copies, split by patient, reported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pdm_core.errors import CancelledError, InputError
from pdm_core.progress import CancelCheck, Progress, ProgressCallback
from pdm_core.training.dataset.cache import VOLUMES, VolumeFacts, add_volume, cache_key, cached_facts
from pdm_core.training.dataset.candidates import Candidate, find_candidates
from pdm_core.training.dataset.fingerprint import patients_alike
from pdm_core.training.dataset.index import INDEX, Dataset, Refusal, VolumeRecord
from pdm_core.training.dataset.labels import Labelling, add_labels, cached_labels
from pdm_core.training.dataset.report import write_report
from pdm_core.training.dataset.rules import SelectionRules
from pdm_core.training.dataset.splitting import SplitShares, assign_splits, refuse_leaks


@dataclass(frozen=True)
class Taken:
    """A volume that is taken: where it comes from, what was found out, and its labels."""

    candidate: Candidate
    facts: VolumeFacts
    labelling: Labelling | None


def prepare(
    entry: Path,
    folder: Path,
    rules: SelectionRules | None = None,
    shares: SplitShares | None = None,
    *,
    progress: ProgressCallback | None = None,
    warn: Callable[[str], None] = lambda message: None,
    cancel: CancelCheck | None = None,
) -> Dataset:
    """Make a dataset of the volumes that `entry` names; a second call reads only what is new, and moves no patient.

    Args:
        entry: a folder, or a CSV table (see `find_candidates`).
        folder: of the dataset; made when missing, not inside `entry`.
        rules: which volumes are taken.
        shares: of the patients for validation and test; not used where a list gives the splits. With shares and seed as
            before, patients whose images `folder` already holds keep their splits.
        progress: receives the folders looked through and the volumes.
        warn: hears of patients that share an image, and of splits that are dealt out anew.
        cancel: checked after every folder and volume; what was read is kept for the next call.

    Returns:
        The dataset; its index `dataset.json` and its `report.html` are written.

    Raises:
        InputError: nothing can be taken, or a given split leaks.
        CancelledError: the caller asked to stop.
    """
    rules, shares = rules or SelectionRules(), shares or SplitShares()
    if folder.resolve().is_relative_to(entry.resolve()):
        raise InputError(f"The dataset {folder} would lie inside its own source {entry}.", "Choose another folder.")
    try:
        candidates = find_candidates(entry, progress, cancel)
        taken, refused = _read(candidates, folder, rules, Progress("reading volumes", len(candidates), progress, cancel))
    except CancelledError:
        raise CancelledError("The preparation was stopped.", f"Run it again to go on: {folder} keeps what was read.") from None
    taken, copies = _without_copies(taken)
    refused += copies
    if not taken:
        raise InputError(f"No volume of {entry} can be taken: {_reasons(refused)}.", "Loosen the rules, or give other data.")
    links = sorted(set(patients_alike([(item.candidate.patient, item.facts.fingerprint) for item in taken])))
    if links:
        warn(f"{len(links)} pairs of patients share an image; each pair stays in one split.")
    splits = _splits(taken, links, shares, _earlier_splits(folder, shares, warn))
    settings = {"source": str(entry), "rules": _plain(rules), "shares": _plain(shares)}
    dataset = Dataset(folder, tuple(_records(taken, splits)), tuple(refused), settings)
    dataset.save()
    _remove_unused(dataset)
    write_report(dataset)
    return dataset


def _read(
    candidates: Sequence[Candidate], folder: Path, rules: SelectionRules, meter: Progress
) -> tuple[list[Taken], list[Refusal]]:
    """Read what the rules admit, one volume at a time."""
    taken: list[Taken] = []
    refused: list[Refusal] = []
    labelled: set[str] = set()
    for candidate in candidates:
        reason = rules.refusal_unread(candidate)
        if reason is None:
            try:
                key = cache_key(candidate.source)
                facts = cached_facts(folder, key) or add_volume(folder, key, candidate.source.read())
                reason = rules.refusal(facts.shape, facts.plane)
                labelling = None if reason else _labelling(folder, key, candidate, labelled)
            except InputError as error:
                reason = error.message
        if reason is None:
            taken.append(Taken(candidate, facts, labelling))
        else:
            refused.append(Refusal(candidate.source.name, reason))
        meter.advance()
    return taken, refused


def _labelling(folder: Path, key: str, candidate: Candidate, labelled: set[str]) -> Labelling | None:
    """The labels on the image's grid; of several images of one grid, as repeated scans are, the first has them.

    Args:
        folder: of the dataset.
        key: of the image in the cache.
        candidate: the image.
        labelled: label files that have found their image; those of this one are added.
    """
    files = [entry for entry in candidate.labels if str(entry.path) not in labelled]
    if not files:
        return None
    known, labelling = cached_labels(folder, key, files)
    if not known:
        labelling = add_labels(folder, key, candidate.source.read(), files)
    if labelling is not None:
        own = {record.name for record in labelling.labels}
        labelled |= {str(entry.path) for entry in files if entry.path.name in own}
    return labelling


def _without_copies(taken: Sequence[Taken]) -> tuple[list[Taken], list[Refusal]]:
    """One of each image within a patient: the same scan is often exported twice."""
    first: dict[tuple[str, str], str] = {}
    kept, copies = [], []
    for item in taken:
        name = item.candidate.source.name
        known = first.setdefault((item.candidate.patient, item.facts.sha256), name)
        if known == name:
            kept.append(item)
        else:
            copies.append(Refusal(name, f"the same image as {known}"))
    return kept, copies


def _earlier_splits(folder: Path, shares: SplitShares, warn: Callable[[str], None]) -> dict[str, str]:
    """The split of each image that an earlier preparation has put into `folder`, by the image's checksum."""
    if not (folder / INDEX).is_file():
        return {}
    try:
        dataset = Dataset.open(folder)
    except InputError as error:
        warn(f"{error.message} What it held is dealt out anew: models trained on it may have seen the new test volumes.")
        return {}
    if dataset.settings.get("shares") != _plain(shares):
        warn("Other shares or another seed than before: models trained on this dataset may have seen the new test volumes.")
        return {}
    return {record.facts.sha256: record.split for record in dataset.volumes}


def _splits(
    taken: Sequence[Taken], links: Sequence[tuple[str, str]], shares: SplitShares, earlier: Mapping[str, str]
) -> dict[str, str]:
    """The split of each patient: as listed, as that of its images was, or assigned."""
    given: dict[str, set[str | None]] = {}
    for item in taken:
        given.setdefault(item.candidate.patient, set()).add(item.candidate.split)
    torn = sorted(patient for patient, splits in given.items() if len(splits) > 1)
    if torn:
        raise InputError(f"The patient {torn[0]} stands in more than one split, or in none at times.", "Mend the list.")
    listed = {patient: split for patient, (split,) in given.items() if split is not None}
    if not listed:
        had = [(item.candidate.patient, earlier.get(item.facts.sha256)) for item in taken]
        # Of a patient who was two before, the split that was seen more counts: it comes last.
        kept = {patient: split for split in ("test", "val", "train") for patient, was in had if was == split}
        return assign_splits(given, links, shares, kept)
    if len(listed) < len(given):
        lacking = min(set(given) - set(listed))
        raise InputError(f"The patient {lacking} has no split, but others have.", "Give a split to all, or to none.")
    refuse_leaks(listed, links)
    return listed


def _records(taken: Sequence[Taken], splits: dict[str, str]) -> Iterator[VolumeRecord]:
    numbers = {patient: f"P{number:04d}" for number, patient in enumerate(sorted(splits), start=1)}
    for item in sorted(taken, key=lambda item: item.candidate.source.name):
        source, patient = item.candidate.source, item.candidate.patient
        yield VolumeRecord(source.name, numbers[patient], splits[patient], str(source.path), item.facts, item.labelling)


def _remove_unused(dataset: Dataset) -> None:
    """Drop what earlier preparations have cached and this one does not use."""
    used = {Path(record.facts.file).stem for record in dataset.volumes}
    for path in (dataset.folder / VOLUMES).iterdir():
        if path.name.split(".", 1)[0] not in used:
            path.unlink()


def _plain(settings: SelectionRules | SplitShares) -> dict[str, Any]:
    """As JSON would give it back."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(settings).items()}


def _reasons(refused: Sequence[Refusal]) -> str:
    counted = Counter(refusal.reason for refusal in refused).most_common(3)
    return "; ".join(f"{reason} ({count})" for reason, count in counted)
