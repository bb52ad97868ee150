"""From a finished run into the zoo: measured on the test split first, and refused where it does no good."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pdm_core.errors import InputError
from pdm_core.evaluation.cases import Case
from pdm_core.evaluation.in_plane import ZERO_FILLING, Row, evaluate_in_plane
from pdm_core.evaluation.tables import MEAN, circumstances, with_means
from pdm_core.evaluation.through_plane import EXACT, evaluate_through_plane
from pdm_core.progress import CancelCheck, ProgressCallback
from pdm_core.training.dataset import Dataset, DataSource, VolumeRecord
from pdm_core.training.degradations import SliceDegradation, degradation_of
from pdm_core.training.validation import validation_factors
from pdm_core.volume import Volume
from pdm_core.zoo import ModelCard, ZoneCard, import_model, read_card, verify_model, write_card

# What a model of each mode starts from, and has to be better than.
BASELINES = {"in-plane": ZERO_FILLING, "through-plane": EXACT}
_CONVENTION = "unit_float"
# Of a volume with thin slices as many central ones are restored, and at the largest factor so few thick ones are enough.
_SLAB, _LEAST_THICK = 36, 4


def accept(
    run_folder: Path,
    dataset: Dataset,
    *,
    device: str = "auto",
    command: str = "",
    progress: ProgressCallback | None = None,
    warn: Callable[[str], None] = lambda message: None,
    cancel: CancelCheck | None = None,
) -> tuple[ModelCard, list[Row]]:
    """Measure the model of a finished run on the test volumes of its dataset, and add it to the user's zoo.

    Args:
        run_folder: holds the weights and the card that the training has left.
        dataset: the one that the model was trained on.
        device: where the model runs.
        command: for the card: what measures again.
        progress: receives the restorations.
        warn: hears of test volumes that cannot be reduced: too small, or between the slices too thick.
        cancel: asked between restorations.

    Returns:
        The card in the zoo, with the figures of the test split, and those figures.

    Raises:
        InputError: no finished run, no model that restores, another dataset, no fitting test volume, or no better than what
            it starts from.
    """
    card = finished_model(run_folder)
    path = card.weights.with_suffix(".json")
    if not isinstance(card, ModelCard):
        raise InputError(f"The model {card.name} finds zones; only models that restore are measured here.", _unmeasured(card))
    if card.training.get("dataset") != dataset.digest:
        raise InputError(
            f"The model {card.name} was trained on another dataset than {dataset.folder}: it may have seen its test volumes.",
            "Give the dataset that it was trained on.",
        )
    rows, slices = _measured(card, dataset, warn, device=device, progress=progress, cancel=cancel)
    _refuse_useless(card, rows)
    kind = card.mode.replace("-", "_")
    measured = {kind: [asdict(row) for row in rows], **circumstances(_CONVENTION, slices, command)}
    write_card(replace(card, quality=measured), path)
    added = import_model(card.weights, path)
    assert isinstance(added, ModelCard)
    return added, rows


def _measured(card: ModelCard, dataset: Dataset, warn: Callable[[str], None], **settings: Any) -> tuple[list[Row], str]:
    """The model beside the baselines and its teacher, case by case with means, and which slices were taken."""
    models = [str(card.weights.with_suffix(".json")), *_teacher(card)]
    steps = sorted({1, card.sampler["steps"]}) if _teacher(card) else [card.sampler["steps"]]
    factors = _factors(card)
    if card.mode == "in-plane":
        cases = _cases(dataset, card, warn)
        return with_means(evaluate_in_plane(cases, models, factors, steps, samples=1, **settings)), "central"
    cases = _thin_cases(dataset, card, warn)
    return with_means(evaluate_through_plane(cases, models, factors, steps, slab=_SLAB, **settings)), f"{_SLAB} central"


def _factors(card: ModelCard) -> tuple[float, ...]:
    return validation_factors(card.factors, degradation_of(card.mode, card.thickness or (1.0, 1.0)))


def _unmeasured(card: ModelCard | ZoneCard) -> str:
    return f"Import it unmeasured: pdm-sr models import {card.weights} {card.weights.with_suffix('.json')}."


def _teacher(card: ModelCard) -> list[str]:
    """The model that a student was made of, to be compared with it."""
    distillation = card.training.get("recipe", {}).get("distillation")
    return [distillation["teacher"]] if distillation else []


def finished_model(run_folder: Path) -> ModelCard | ZoneCard:
    """The verified card of the one model that a finished run has left in its folder; raises `InputError` for others."""
    cards = [path for path in sorted(run_folder.glob("*.json")) if path.with_suffix(".safetensors").is_file()]
    if len(cards) != 1:
        raise InputError(f"{run_folder} holds {len(cards)} finished models.", "Give the folder of one finished pdm-sr train.")
    card = read_card(cards[0])
    verify_model(card)
    return card


def _test_records(dataset: Dataset, card: ModelCard) -> list[VolumeRecord]:
    """The test volumes of the parts that the model was trained on."""
    parts = [DataSource(**part) for part in card.training.get("recipe", {}).get("data", ())]
    return [
        record
        for record in dataset.volumes
        if record.split == "test" and (not parts or any(part.holds(record.name) for part in parts))
    ]


def _cases(dataset: Dataset, card: ModelCard, warn: Callable[[str], None]) -> list[Case]:
    """The test volumes, but for those too small to be reduced and restored."""
    records = _test_records(dataset, card)
    least = round(card.min_matrix * max(_factors(card)))
    large = [record for record in records if min(record.facts.shape[1:]) >= least]
    if not large:
        raise InputError(
            f"The dataset {dataset.folder} has no test volume of at least {least} x {least} pixels.",
            "Prepare one with a share for the test.",
        )
    if len(large) < len(records):
        warn(f"{len(records) - len(large)} of {len(records)} test volumes have less than {least} x {least} pixels: left out.")
    return [Case(record.name, partial(_volume, dataset.folder, record)) for record in large]


def _thin_cases(dataset: Dataset, card: ModelCard, warn: Callable[[str], None]) -> list[Case]:
    """The test volumes whose slices are about as fine as their pixels, and enough to be made thick ones of.

    The truth between clinical slices is known to nobody: only such volumes can tell how well it is restored.
    """
    records = _test_records(dataset, card)
    coarsest, least = SliceDegradation().coarser[1], round(_LEAST_THICK * max(_factors(card)))
    thin = [record for record in records if _is_thin(record, coarsest, least, card.min_matrix)]
    if not thin:
        raise InputError(
            f"The dataset {dataset.folder} has no test volume with thin slices, which thick ones could be made of: it takes "
            f"{least} slices, at most {coarsest:g} times as far apart as the pixels, of {card.min_matrix} x {card.min_matrix} "
            "pixels.",
            f"Prepare one with a share for the test, or leave that out. {_unmeasured(card)}",
        )
    if len(thin) < len(records):
        warn(f"{len(records) - len(thin)} of {len(records)} test volumes have no thin slices or too few of them: left out.")
    return [Case(record.name, partial(_stack, dataset.folder, record)) for record in thin]


def _is_thin(record: VolumeRecord, coarsest: float, least: int, min_matrix: int) -> bool:
    columns, rows, distance = record.facts.spacing_mm
    enough = len(_stretch(record)) >= least and min(record.facts.shape[1:]) >= min_matrix
    return enough and distance <= coarsest * max(columns, rows)


def _stretch(record: VolumeRecord) -> range:
    """From the first to the last useful slice: between slices none may be missing."""
    return range(record.facts.useful[0], record.facts.useful[-1] + 1)


def _stack(folder: Path, record: VolumeRecord) -> Volume:
    """That stretch, at its true bandwidth."""
    stretch = _stretch(record)
    array = np.load(folder / record.facts.file, mmap_mode="r")[stretch.start : stretch.stop]
    return Volume(array, np.diag([*record.facts.spacing_mm, 1.0]))


def _volume(folder: Path, record: VolumeRecord) -> Volume:
    """The useful slices, at their true bandwidth."""
    array = np.load(folder / record.facts.file, mmap_mode="r")[list(record.facts.useful)]
    return Volume(array, np.diag([*record.facts.spacing_mm, 1.0]))


def _refuse_useless(card: ModelCard, rows: list[Row]) -> None:
    means, baseline = [row for row in rows if row.case == MEAN], BASELINES[card.mode]
    plain = {row.factor: row.psnr for row in means if row.method == baseline}
    for row in means:
        gain = row.psnr - plain[row.factor]
        if row.method.startswith(f"{card.name},") and gain <= 0.0:
            raise InputError(
                f"The model {card.name} is no better than {baseline} at x{row.factor:g}: {gain:+.2f} dB on the test split.",
                "Train it longer or on more data.",
            )
