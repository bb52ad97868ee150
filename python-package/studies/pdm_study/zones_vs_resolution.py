"""What resolution and its restoration do to the zones (the paper's Fig. 7): degraded, restored, segmented, compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from pdm_core.evaluation.cases import Case, reference_volume
from pdm_core.evaluation.in_plane import ZERO_FILLING, in_plane_methods, reduced_volume
from pdm_core.evaluation.through_plane import BASELINE, Others, thick_slices, through_plane_methods
from pdm_core.evaluation.zones import STRUCTURES, LabelledCase, Labels, structure_of
from pdm_core.metrics.bootstrap import interval_of_mean
from pdm_core.metrics.overlap import dice
from pdm_core.progress import CancelCheck, Progress, ProgressCallback
from pdm_core.reporting.page import new_figure
from pdm_core.segmentation.zones import find_zones
from pdm_core.volume import Volume
from pdm_core.volume.volume import FloatArray
from pdm_core.zoo import find_model

UNDEGRADED = "undegraded"
IN_PLANE, THROUGH_PLANE = "in-plane", "through-plane"
_BASELINES = {IN_PLANE: ZERO_FILLING, THROUGH_PLANE: BASELINE}
# A restored volume [K, J, I] by the name of its method, and what makes one or more of them from a reference.
Restored = tuple[str, FloatArray]
Restoring = Callable[[Volume, Callable[[], None]], Iterator[Restored]]


@dataclass(frozen=True)
class StudyRow:
    """One structure of one case after degradation and restoration.

    Attributes:
        case: name.
        direction: "in-plane" or "through-plane".
        factor: of the degradation; 1 for none.
        method: of the restoration.
        structure: see `STRUCTURES`.
        dice: mean over the reference labels; None where the labels do not tell of the structure.
        dice_undegraded: against what is found in the undegraded image.
    """

    case: str
    direction: str
    factor: float
    method: str
    structure: str
    dice: float | None
    dice_undegraded: float


@dataclass(frozen=True)
class Difference:
    """What a method gains over the baseline in paired cases.

    Attributes:
        measure: "dice" or "dice_undegraded".
        cases: how many pairs.
        mean: of the differences.
        low, high: 95 % bootstrap interval of the mean over the cases; with few cases it says little.
    """

    direction: str
    factor: float
    method: str
    structure: str
    measure: str
    cases: int
    mean: float
    low: float
    high: float


def study_zones(
    cases: Sequence[LabelledCase],
    zone_model: str,
    models: Sequence[str],
    factors: dict[str, Sequence[float]],
    *,
    device: str = "auto",
    progress: ProgressCallback | None = None,
    cancel: CancelCheck | None = None,
) -> list[StudyRow]:
    """Degrade each case, restore it by each method and find its zones.

    Args:
        cases: labelled ones.
        zone_model: finds the zones.
        models: super-resolution models by name or path of the card; each is used where it serves direction and factor.
        factors: by direction.
        device: where the models run.
        progress: receives finished methods with an ETA.
        cancel: asked between them.
    """
    runs = [(direction, factor) for direction, values in factors.items() for factor in values if factor > 1.0]
    # Each method of a direction, and the undegraded image once.
    total = sum(len(_methods(direction, factor, models, device)) for direction, factor in runs) + 1
    meter = Progress("the study", len(cases) * total, progress, cancel)
    rows: list[StudyRow] = []
    for item in cases:
        reference = reference_volume(Case(item.case.name, item.case.read), "all")
        known = {name: _cut(labels, reference) for name, labels in item.references.items()}
        first = _found(reference, zone_model, device)
        meter.advance()
        for direction in factors:
            rows += _compared(item, (direction, 1.0, UNDEGRADED), first, known, first)
        for direction, factor in runs:
            for restore in _methods(direction, factor, models, device):
                for method, restored in restore(reference, meter.check_cancel):
                    found = _found(reference.with_array(restored), zone_model, device)
                    rows += _compared(item, (direction, factor, method), found, known, first)
                meter.advance()
    return rows


def differences(rows: Sequence[StudyRow], seed: int = 0) -> list[Difference]:
    """Each method against the baseline of its direction at the same factor, paired by case, with bootstrap intervals."""
    found = []
    settings = dict.fromkeys((row.direction, row.factor, row.method, row.structure) for row in rows if row.factor > 1.0)
    for direction, factor, method, structure in settings:
        if method == _BASELINES[direction]:
            continue
        for measure in ("dice", "dice_undegraded"):
            pairs = list(_pairs(rows, (direction, factor, method, structure), measure))
            if pairs:
                low, high = interval_of_mean([np.array(pairs)], seed)
                mean = float(np.mean(pairs))
                found.append(Difference(direction, factor, method, structure, measure, len(pairs), mean, low, high))
    return found


def study_as_markdown(rows: Sequence[StudyRow], gains: Sequence[Difference]) -> str:
    """Means over the cases, and the differences to the baselines."""
    lines = [
        "| direction | factor | method | structure | Dice | labelled | Dice to undegraded | cases |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for key in dict.fromkeys((row.direction, row.factor, row.method, row.structure) for row in rows):
        group = [row for row in rows if (row.direction, row.factor, row.method, row.structure) == key]
        real = [row.dice for row in group if row.dice is not None]
        shown = f"{np.mean(real):.3f}" if real else "-"
        stable = np.mean([row.dice_undegraded for row in group])
        lines.append(f"| {key[0]} | x{key[1]:g} | {key[2]} | {key[3]} | {shown} | {len(real)} | {stable:.3f} | {len(group)} |")
    lines += ["", "| direction | factor | method | structure | measure | difference to baseline | 95 % interval | cases |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    for gain in gains:
        lines.append(
            f"| {gain.direction} | x{gain.factor:g} | {gain.method} | {gain.structure} | {gain.measure} "
            f"| {gain.mean:+.3f} | {gain.low:+.3f} to {gain.high:+.3f} | {gain.cases} |"
        )
    return "\n".join(lines)


def study_figure(rows: Sequence[StudyRow]) -> Any:
    """Dice to the labels over the factor, a panel for each structure and direction, a line for each method."""
    directions = list(dict.fromkeys(row.direction for row in rows))
    figure = new_figure(12, 3.6 * len(directions))
    panels = figure.subplots(len(directions), len(STRUCTURES), squeeze=False)
    for line, direction in zip(panels, directions, strict=True):
        for axis, structure in zip(line, STRUCTURES, strict=True):
            part = [row for row in rows if (row.direction, row.structure) == (direction, structure)]
            for method in dict.fromkeys(row.method for row in part):
                points = _means([row for row in part if row.method in (method, UNDEGRADED)])
                axis.plot(list(points), list(points.values()), "o-", markersize=3, label=method)
            axis.set(title=f"{structure}, {direction}", xlabel="factor", ylabel="Dice", ylim=(0, 1))
        line[0].legend(fontsize=7)
    return figure


def _means(rows: Sequence[StudyRow]) -> dict[float, float]:
    groups: dict[float, list[float]] = {}
    for row in rows:
        if row.dice is not None:
            groups.setdefault(row.factor, []).append(row.dice)
    return {factor: float(np.mean(groups[factor])) for factor in sorted(groups)}


def _methods(direction: str, factor: float, models: Sequence[str], device: str) -> list[Restoring]:
    """What degrades a reference and restores it on its own grid."""
    cards = [find_model(model) for model in models]
    able = [model for model, card in zip(models, cards, strict=True) if card.mode == direction and card.supports(factor)]
    if direction == IN_PLANE:
        return [partial(_in_plane, method, factor) for method in in_plane_methods(able, (1,), 1, device, 0)]
    return [partial(_between, restore, factor) for restore in through_plane_methods(able, (1,), Others(), device, 0)]


def _in_plane(
    method: tuple[str, Callable[..., Tensor]], factor: float, reference: Volume, _check: Callable[[], None]
) -> Iterator[Restored]:
    name, restore = method
    size = (reference.shape[1], reference.shape[2])
    yield name, np.asarray(restore(reduced_volume(reference, factor), size, factor)[:, 0].numpy())


def _between(
    restore: Callable[..., Iterator[tuple[str, Tensor]]], factor: float, reference: Volume, check: Callable[[], None]
) -> Iterator[Restored]:
    for name, restored in restore(*thick_slices(reference, factor), check):
        yield name, np.asarray(restored.numpy())


def _found(volume: Volume, model: str, device: str) -> Labels:
    return find_zones(volume, model=model, device=device).labels.array.astype(np.uint8)


def _cut(labels: Labels, reference: Volume) -> Labels:
    """Labels on the grid of the reference, whose matrix is cut at its ends."""
    _, rows, columns = reference.shape
    return labels[:, :rows, :columns]


def _compared(
    item: LabelledCase, setting: tuple[str, float, str], found: Labels, known: dict[str, Labels], first: Labels
) -> Iterator[StudyRow]:
    for structure in STRUCTURES:
        mask = structure_of(found, structure)
        told = [dice(mask, structure_of(labels, structure)) for labels in known.values()]
        real = float(np.mean(told)) if item.zones or structure == "gland" else None
        yield StudyRow(item.case.name, *setting, structure, real, dice(mask, structure_of(first, structure)))


def _pairs(rows: Sequence[StudyRow], key: tuple[str, float, str, str], measure: str) -> Iterator[float]:
    direction, factor, method, structure = key
    values = {(row.case, row.direction, row.factor, row.method, row.structure): getattr(row, measure) for row in rows}
    for case in dict.fromkeys(row.case for row in rows):
        own = values.get((case, direction, factor, method, structure))
        base = values.get((case, direction, factor, _BASELINES[direction], structure))
        if own is not None and base is not None:
            yield own - base
