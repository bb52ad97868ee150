"""Patients into train, validation and test: whole patients, and with them everyone who shares an image with them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pdm_core.errors import InputError


@dataclass(frozen=True)
class SplitShares:
    """Shares of the patients.

    Attributes:
        val: for choosing.
        test: for reporting.
        seed: decides who goes where.

    Raises:
        InputError: shares that leave nothing to train on.
    """

    val: float = 0.15
    test: float = 0.15
    seed: int = 0

    def __post_init__(self) -> None:
        if not (0.0 < self.val < 1.0 and 0.0 <= self.test < 1.0 and self.val + self.test < 1.0):
            raise InputError(
                f"Shares of {self.val:g} for validation and {self.test:g} for test are not possible.",
                "Validation needs a share, and training what remains.",
            )


def assign_splits(
    patients: Iterable[str],
    links: Iterable[tuple[str, str]],
    shares: SplitShares,
    earlier: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The split of each patient.

    Args:
        patients: their keys.
        links: pairs of patients who must stay together, for they share an image.
        shares: of the groups of patients that hang together.
        earlier: splits that patients have had: they keep them, or what was trained on them would be tested on them later.

    Raises:
        InputError: fewer than two groups, or earlier splits that leave nobody to train or to validate on.
    """
    groups = _groups(patients, links)
    if len(groups) < 2:
        raise InputError(
            "There is only one patient: nobody is left to validate on.",
            "Add patients, or give their names in a CSV table (columns image, patient).",
        )
    ranked = sorted(groups, key=lambda group: hashlib.sha256(f"{shares.seed}/{min(group)}".encode()).digest())
    had = [_seen_as(group, earlier or {}) for group in ranked]
    to_come = iter(_lacking(len(groups), shares, had))
    dealt = [(group, split or next(to_come)) for group, split in zip(ranked, had, strict=True)]
    _refuse_empty([split for _, split in dealt])
    return {patient: split for group, split in dealt for patient in group}


def _seen_as(group: Iterable[str], earlier: Mapping[str, str]) -> str | None:
    """The earlier split of patients who hang together: where they differ, that whose images were seen most."""
    found = {earlier[patient] for patient in group if patient in earlier}
    return next((split for split in ("train", "val", "test") if split in found), None)


def _lacking(count: int, shares: SplitShares, kept: Sequence[str | None]) -> list[str]:
    """The splits of the groups to come, test first, so that all `count` groups have about their shares."""
    test = min(max(1, round(shares.test * count)), count - 2) if shares.test else 0
    val = min(max(1, round(shares.val * count)), count - test - 1)
    return ["test"] * (test - kept.count("test")) + ["val"] * (val - kept.count("val")) + ["train"] * count


def _refuse_empty(splits: Sequence[str]) -> None:
    for split, purpose in (("train", "train"), ("val", "validate")):
        if split not in splits:
            raise InputError(
                f"The patients keep their earlier splits, and so nobody is left to {purpose} on.",
                "Add patients, or prepare into another folder, where all are dealt out anew.",
            )


def refuse_leaks(splits: Mapping[str, str], links: Iterable[tuple[str, str]]) -> None:
    """Raise `InputError` where a given list of splits puts the same image, under two names, into two of them."""
    for first, second in links:
        if splits[first] != splits[second]:
            raise InputError(
                f"{first} ({splits[first]}) and {second} ({splits[second]}) share an image: "
                "what is tested would have been trained on.",
                "Put both into one split of the list, or take one out.",
            )


def _groups(patients: Iterable[str], links: Iterable[tuple[str, str]]) -> list[set[str]]:
    home = {patient: {patient} for patient in patients}
    for first, second in links:
        if home[first] is not home[second]:
            home[first] |= home[second]
            for member in home[second]:
                home[member] = home[first]
    return list({id(group): group for group in home.values()}.values())
