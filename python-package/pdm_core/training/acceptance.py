"""From a finished run into the zoo: measured on the test split first, and refused where it does no good."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np

from pdm_core.errors import InputError
from pdm_core.evaluation.cases import Case
from pdm_core.evaluation.in_plane import ZERO_FILLING, Row, evaluate_in_plane
from pdm_core.evaluation.tables import circumstances, with_means
from pdm_core.progress import CancelCheck, ProgressCallback
from pdm_core.training.dataset import Dataset, DataSource, VolumeRecord
from pdm_core.training.degradations import KspaceDegradation
from pdm_core.training.validation import validation_factors
from pdm_core.volume import Volume
from pdm_core.zoo import ModelCard, ZoneCard, import_model, read_card, verify_model, write_card

_CONVENTION = "unit_float"


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
        warn: hears of test volumes that are too small to be reduced.
        cancel: asked between restorations.

    Returns:
        The card in the zoo, with the figures of the test split, and those figures.

    Raises:
        InputError: no finished run, no in-plane model, another dataset, no test volume, or no better than zero filling.
    """
    card = finished_model(run_folder)
    path = card.weights.with_suffix(".json")
    if not isinstance(card, ModelCard) or card.mode != "in-plane":
        raise InputError(
            f"The model {card.name} is for {card.mode} runs; only in-plane models are measured here.",
            f"Import it unmeasured: pdm-sr models import {card.weights} {path}.",
        )
    if card.training.get("dataset") != dataset.digest:
        raise InputError(
            f"The model {card.name} was trained on another dataset than {dataset.folder}: it may have seen its test volumes.",
            "Give the dataset that it was trained on.",
        )
    rows = with_means(
        evaluate_in_plane(
            _cases(dataset, card, warn),
            [str(path), *_teacher(card)],
            _factors(card),
            sorted({1, card.sampler["steps"]}) if _teacher(card) else [card.sampler["steps"]],
            samples=1,
            device=device,
            progress=progress,
            cancel=cancel,
        )
    )
    _refuse_useless(card, rows)
    measured = {"in_plane": [asdict(row) for row in rows], **circumstances(_CONVENTION, "central", command)}
    write_card(replace(card, quality=measured), path)
    added = import_model(card.weights, path)
    assert isinstance(added, ModelCard)
    return added, rows


def _factors(card: ModelCard) -> tuple[float, ...]:
    return validation_factors(card.factors, KspaceDegradation())


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


def _cases(dataset: Dataset, card: ModelCard, warn: Callable[[str], None]) -> list[Case]:
    """The test volumes of the parts that the model was trained on, but for those too small to be reduced and restored."""
    parts = [DataSource(**part) for part in card.training.get("recipe", {}).get("data", ())]
    records = [
        record
        for record in dataset.volumes
        if record.split == "test" and (not parts or any(part.holds(record.name) for part in parts))
    ]
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


def _volume(folder: Path, record: VolumeRecord) -> Volume:
    """The useful slices, at their true bandwidth."""
    array = np.load(folder / record.facts.file, mmap_mode="r")[list(record.facts.useful)]
    return Volume(array, np.diag([*record.facts.spacing_mm, 1.0]))


def _refuse_useless(card: ModelCard, rows: list[Row]) -> None:
    means = [row for row in rows if row.case == "mean"]
    plain = {row.factor: row.psnr for row in means if row.method == ZERO_FILLING}
    for row in means:
        gain = row.psnr - plain[row.factor]
        if row.method.startswith(f"{card.name},") and gain <= 0.0:
            raise InputError(
                f"The model {card.name} is no better than zero filling at x{row.factor:g}: {gain:+.2f} dB on the test split.",
                "Train it longer or on more data.",
            )
