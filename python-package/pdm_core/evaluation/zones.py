"""How well zones are found: every zone of labelled cases against every reader, and the readers against each other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pdm_core.errors import InputError
from pdm_core.evaluation.cases import Case, find_cases
from pdm_core.metrics.overlap import dice, hausdorff_95
from pdm_core.progress import CancelCheck, Progress, ProgressCallback
from pdm_core.segmentation.zones import find_zones
from pdm_core.volume import Volume, read_volume

Labels = NDArray[np.uint8]

# The label values of each structure that is measured.
STRUCTURES = {"peripheral zone": (1,), "transition zone": (2,), "gland": (1, 2)}
ZONE_CONVENTION = "Dice and 95 % Hausdorff distance on the grid of the labels, mm by the true spacing"
_EXPERT = "expert"


@dataclass(frozen=True)
class LabelledCase:
    """A case with what is known of its zones.

    Attributes:
        case: the image.
        zones: label maps of the zones by who made them.
        glands: masks of the gland by who made them, where there are no zones.
    """

    case: Case
    zones: dict[str, Labels]
    glands: dict[str, Labels]

    @property
    def experts(self) -> dict[str, Labels]:
        """The label maps that persons have drawn."""
        return {name: labels for name, labels in self.zones.items() if _EXPERT in name}

    @property
    def references(self) -> dict[str, Labels]:
        """What zones are measured against."""
        return self.zones or self.glands


@dataclass(frozen=True)
class ZoneRow:
    """One structure of one case.

    Attributes:
        case: name.
        found: the model, or the reader that another one is measured against.
        reference: who made the labels.
        structure: see `STRUCTURES`.
        dice: 0 to 1.
        hd95_mm: 95 % Hausdorff distance; None where one side is empty.
    """

    case: str
    found: str
    reference: str
    structure: str
    dice: float
    hd95_mm: float | None


def labelled_cases(root: Path, split: str = "test", names: Sequence[str] = ()) -> list[LabelledCase]:
    """The cases of a split with labels on the grid of their axial T2; all of them unless some are named.

    Raises:
        InputError: there is none, or a name is not in that split.
    """
    listing = json.loads((root / "splits.json").read_text(encoding="utf-8"))
    labelled = [entry for entry in listing if entry["labels"] and entry["split"] == split]
    chosen = {entry["case"]: entry for entry in labelled if not names or entry["case"] in names}
    missing = sorted(set(names) - set(chosen))
    if missing or not chosen:
        raise InputError(f"The split {split} has no labelled case{' ' + missing[0] if missing else ''}.", "Name another one.")
    cases = find_cases(root, split, tuple(chosen))
    return [_labelled(case, root / chosen[case.name]["path"], chosen[case.name]["labels"]) for case in cases]


def evaluate_zones(
    cases: Sequence[LabelledCase],
    models: Sequence[str],
    *,
    device: str = "auto",
    progress: ProgressCallback | None = None,
    cancel: CancelCheck | None = None,
) -> list[ZoneRow]:
    """Dice and 95 % Hausdorff distance of the models, and of each pair of experts.

    Args:
        cases: labelled ones.
        models: zone models by name, or by the path of their card.
        device: where the models run.
        progress: receives finished cases with an ETA.
        cancel: asked between them.
    """
    meter = Progress("finding zones", len(cases) * len(models), progress, cancel)
    rows: list[ZoneRow] = []
    for item in cases:
        volume = item.case.read()
        for model in models:
            zones = find_zones(volume, model=model, device=device)
            labels, name = zones.labels.array.astype(np.uint8), str(zones.report["model"])
            for reference, known in item.references.items():
                rows += measured(item.case.name, (name, labels), (reference, known), volume, _known_of(item))
            meter.advance()
        experts = list(item.experts.items())
        for number, first in enumerate(experts):
            for second in experts[number + 1 :]:
                rows += measured(item.case.name, second, first, volume, STRUCTURES)
    return rows


def structure_of(labels: Labels, structure: str) -> NDArray[np.bool_]:
    """The mask of a structure."""
    return np.isin(labels, STRUCTURES[structure])


def measured(
    case: str,
    found: tuple[str, Labels],
    reference: tuple[str, Labels],
    volume: Volume,
    structures: Sequence[str] | dict[str, tuple[int, ...]],
) -> Iterator[ZoneRow]:
    """The rows of one label map against another on the grid of `volume`.

    Args:
        case: name.
        found: who made the label map, and the map (K, J, I).
        reference: likewise, of what it is measured against.
        volume: the image, whose grid both share.
        structures: to be measured; see `structure_of`.
    """
    i, j, k = volume.spacing
    for structure in structures:
        masks = [structure_of(labels, structure) for labels in (found[1], reference[1])]
        distance = hausdorff_95(masks[0], masks[1], (k, j, i))
        yield ZoneRow(
            case, found[0], reference[0], structure, dice(*masks), float(distance) if np.isfinite(distance) else None
        )


def zones_as_markdown(rows: Sequence[ZoneRow]) -> str:
    """A line for each row."""
    lines = ["| case | found by | against | structure | Dice | HD95 mm |", "|---|---|---|---|---|---|"]
    for row in rows:
        distance = "-" if row.hd95_mm is None else f"{row.hd95_mm:.1f}"
        lines.append(f"| {row.case} | {row.found} | {row.reference} | {row.structure} | {row.dice:.3f} | {distance} |")
    return "\n".join(lines)


def _known_of(item: LabelledCase) -> tuple[str, ...]:
    """The structures that the labels of a case tell of."""
    return tuple(STRUCTURES) if item.zones else ("gland",)


def _labelled(case: Case, folder: Path, files: Sequence[str]) -> LabelledCase:
    """A case with its label maps; of glands that networks found the one that exists for all cases is taken."""
    maps = {name.split(".", 1)[0]: folder / name for name in files}
    zones = {_maker(name): _read(path) for name, path in maps.items() if name.startswith("zones_")}
    glands = {_maker(name): _read(path) for name, path in maps.items() if name.startswith("gland_pseudo")}
    return LabelledCase(case, zones, {} if zones else glands)


def _maker(name: str) -> str:
    """`zones_expert_reader1` as "expert reader1"."""
    return " ".join(name.split("_")[1:])


def _read(path: Path) -> Labels:
    return read_volume(path).array.astype(np.uint8)
