"""From a finished zone run into the zoo: measured on the labelled test volumes first, and refused where it does no good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from pdm_core.degradation.kspace import upsample
from pdm_core.errors import InputError
from pdm_core.evaluation.cases import Case
from pdm_core.evaluation.tables import circumstances
from pdm_core.evaluation.zones import ZONE_CONVENTION, LabelledCase, Labels, ZoneRow, evaluate_zones
from pdm_core.progress import CancelCheck, ProgressCallback
from pdm_core.training.dataset import Dataset, DataSource
from pdm_core.training.zones.stacks import LabelledVolume, labelled_volumes
from pdm_core.volume import Volume
from pdm_core.zoo import ZoneCard, import_model, write_card

# A model that finds less of the gland than this is of no use to anybody.
_LEAST_DICE = 0.5


def accept_zones(
    card: ZoneCard,
    dataset: Dataset,
    *,
    device: str = "auto",
    command: str = "",
    progress: ProgressCallback | None = None,
    cancel: CancelCheck | None = None,
) -> tuple[ZoneCard, list[ZoneRow]]:
    """Measure a zone model on the labelled test volumes of its dataset, and add it to the user's zoo.

    Args:
        card: of the finished run.
        dataset: the one that the model was trained on.
        device: where the model runs.
        command: for the card: what measures again.
        progress: receives the volumes.
        cancel: asked between them.

    Raises:
        InputError: other labels, no labelled test volume, or a mean Dice of the gland below one half.
    """
    if card.training.get("labels") != dataset.label_digest:
        raise InputError(
            f"The model {card.name} was trained on other labels than those of {dataset.folder}.",
            "Give the dataset that it was trained on.",
        )
    parts = [DataSource(**part) for part in card.training.get("recipe", {}).get("data", ())]
    cases = [labelled_case(volume) for volume in labelled_volumes(dataset, "test", parts)]
    path = card.weights.with_suffix(".json")
    rows = evaluate_zones(cases, [str(path)], device=device, progress=progress, cancel=cancel)
    _refuse_useless(card, rows)
    measured = {"zones": {"rows": [asdict(row) for row in rows], **circumstances(ZONE_CONVENTION, "all", command)}}
    write_card(replace(card, quality=measured), path)
    added = import_model(card.weights, path)
    assert isinstance(added, ZoneCard)
    return added, rows


def labelled_case(volume: LabelledVolume) -> LabelledCase:
    """A volume of a dataset with its label maps, to be measured on the grid that it had in its file."""
    maps = {label.name.split(".", 1)[0]: _map(volume.folder / label.file) for label in volume.labels}
    zones = all(label.kind == "zones" for label in volume.labels)
    return LabelledCase(Case(volume.record.name, partial(_image, volume)), maps if zones else {}, {} if zones else maps)


def _refuse_useless(card: ZoneCard, rows: Sequence[ZoneRow]) -> None:
    glands = [row.dice for row in rows if row.found == card.name and row.structure == "gland"]
    mean = sum(glands) / len(glands)
    if mean < _LEAST_DICE:
        raise InputError(
            f"The model {card.name} hardly finds the gland: a mean Dice of {mean:.2f} on the test split.",
            "Train it longer or on more data.",
        )


def _map(path: Path) -> Labels:
    return np.asarray(np.load(path), dtype=np.uint8)


def _image(volume: LabelledVolume) -> Volume:
    """The image on the grid of its labels: what the preparation took back of a scanner's zero filling is done again."""
    assert volume.record.labelling is not None
    rows, columns = _map(volume.folder / volume.labels[0].file).shape[1:]
    cached = torch.from_numpy(np.load(volume.folder / volume.record.facts.file))
    return Volume(upsample(cached, (rows, columns)).numpy(), np.array(volume.record.labelling.ijk_to_ras))
