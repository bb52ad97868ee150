"""Which volumes of a folder a batch takes: chosen by words, and without the results of earlier runs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pdm_core.pipeline.outputs import files_of, read_record
from pdm_core.volume.dicom.derivation import ESTIMATE
from pdm_core.volume.sources import VolumeSource

_RECORDS = "*.provenance.json"


@dataclass(frozen=True)
class Selection:
    """What a batch works on.

    Attributes:
        taken: the volumes to work on.
        left_out: the others, each with the reason.
    """

    taken: list[VolumeSource]
    left_out: list[tuple[VolumeSource, str]]

    @classmethod
    def of(
        cls,
        sources: Sequence[VolumeSource],
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        named: Collection[Path] = (),
    ) -> Selection:
        """Choose among `sources`.

        Args:
            sources: all that was found.
            include: one of these words must occur in the name or the series description; none takes all.
            exclude: none of these words may occur there.
            named: files that the user has named one by one: taken even if they are results.
        """
        results = cache(_results_in)
        taken, left_out = [], []
        for source in sources:
            reason = _reason(source, include, exclude)
            if reason is None and source.path not in named and _is_result(source, results(source.path.parent)):
                reason = "it is the result of an earlier run"
            if reason is None:
                taken.append(source)
            else:
                left_out.append((source, reason))
        return cls(taken, left_out)


def _reason(source: VolumeSource, include: Sequence[str], exclude: Sequence[str]) -> str | None:
    """Why the words leave `source` out, or None; capitals do not count."""
    facts = {} if source.stack is None else source.stack.facts
    described = f"{source.name} {facts.get('series_description', '')}".casefold()
    if include and not any(word.casefold() in described for word in include):
        return f"none of the words {', '.join(include)} occurs in its name"
    found = next((word for word in exclude if word.casefold() in described), None)
    return None if found is None else f"the word {found} occurs in its name"


def _is_result(source: VolumeSource, results: frozenset[str]) -> bool:
    """Whether `source` was made by this software: as its DICOM headers or the records beside it say."""
    if source.stack is not None:
        return ESTIMATE in str(source.stack.facts.get("image_type", "")).split("/")
    return source.path.name in results


def _results_in(folder: Path) -> frozenset[str]:
    """Names of the files that the records in `folder` list as results."""
    records = filter(None, map(read_record, folder.glob(_RECORDS)))
    return frozenset(name for record in records for name in files_of(record))
