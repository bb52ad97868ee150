"""From a finished run to a model: averaged weights and a card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from pdm_core.errors import InputError
from pdm_core.methods.registry import CONSISTENCY, find_method
from pdm_core.training.course import score
from pdm_core.training.dataset import Dataset
from pdm_core.training.initial import initial_model
from pdm_core.training.loop import HISTORY, trained_denoiser, trained_network
from pdm_core.training.recipe import Recipe
from pdm_core.training.zones.recipe import LABELS, ZoneRecipe
from pdm_core.training.zones.stacks import labelled_volumes
from pdm_core.version import package_version
from pdm_core.zoo import ModelCard, ZoneCard, export_model

_WORDS = ("title", "purpose", "licence", "data", "contrasts")
_MIN_MATRIX = 32


def refuse_without_words(recipe: Recipe | ZoneRecipe) -> None:
    """Raise `InputError` where a recipe does not say what a card needs: better before the training than after it."""
    missing = [word for word in _WORDS if word not in _words(recipe)]
    if missing:
        raise InputError(f"The recipe {recipe.name!r} has no card entries {', '.join(missing)}.", "Add them under card:.")


def publish(recipe: Recipe | ZoneRecipe, run_folder: Path, dataset: Dataset) -> ModelCard | ZoneCard:
    """Write `NAME.safetensors` and its card into `run_folder`, ready for `pdm-sr models add`.

    Raises:
        InputError: the recipe lacks words for the card, or the run cannot be read.
    """
    refuse_without_words(recipe)
    if isinstance(recipe, ZoneRecipe):
        return _publish_zones(recipe, run_folder, dataset)
    denoiser = trained_denoiser(recipe, run_folder, dataset)
    history = json.loads((run_folder / HISTORY).read_text(encoding="utf-8"))
    words = {"spacing_mm": _spacing(recipe, dataset), **_words(recipe)}
    training = {
        "recipe": recipe.as_dict(),
        "dataset": dataset.digest,
        "validation": history[-1] if recipe.keeps_last else max(history, key=score),
        "date": date.today().isoformat(),
    }
    return export_model(denoiser.network, _card(recipe, words, getattr(denoiser, "residual_std", ()), training), run_folder)


def _publish_zones(recipe: ZoneRecipe, run_folder: Path, dataset: Dataset) -> ZoneCard:
    words = _words(recipe)
    history = json.loads((run_folder / HISTORY).read_text(encoding="utf-8"))
    card = ZoneCard(
        name=recipe.name,
        title=words["title"],
        purpose=words["purpose"],
        version=package_version(),
        mode="zones",
        network=recipe.network,
        grid_mm=recipe.grid_mm,
        slices_mm=recipe.slices_mm,
        window=recipe.window[1:],
        percentiles=recipe.percentiles,
        labels=LABELS,
        spacing_mm=tuple(words.get("spacing_mm") or _pixels(recipe, dataset)),
        contrasts=tuple(words["contrasts"]),
        data=tuple(words["data"]),
        licence=words["licence"],
        parameters=0,
        sha256="",
        smoke={},
        training={
            "recipe": recipe.as_dict(),
            "dataset": dataset.digest,
            "labels": dataset.label_digest,
            "validation": max(history, key=score),
            "date": date.today().isoformat(),
        },
        limits=tuple(words.get("limits", ())),
    )
    return export_model(trained_network(recipe, run_folder, dataset), card, run_folder)


def _pixels(recipe: ZoneRecipe, dataset: Dataset) -> tuple[float, float]:
    """Smallest and largest spacing of the pixels that were trained on, mm."""
    pixels = [max(item.record.facts.spacing_mm[:2]) for item in labelled_volumes(dataset, "train", recipe.data)]
    return round(min(pixels), 3), round(max(pixels), 3)


def _words(recipe: Recipe | ZoneRecipe) -> dict[str, Any]:
    """The recipe's words; a run that starts from a model takes over what they leave out, and all data that it has seen."""
    initial = initial_model(recipe)
    if initial is None:
        return dict(recipe.card)
    taken = {name: getattr(initial, name) for name in ("licence", "contrasts", "limits")}
    own = [entry for entry in recipe.card.get("data", ()) if entry not in initial.data]
    return {**taken, **recipe.card, "data": [*initial.data, *own]}


def _spacing(recipe: Recipe, dataset: Dataset) -> tuple[float, float]:
    """Smallest and largest spacing of the low-resolution images that were trained on, mm."""
    names = {stack.case for stack in dataset.stacks("train", recipe.data)}
    pixels = [max(record.facts.spacing_mm[:2]) for record in dataset.volumes if record.name in names]
    return round(min(pixels) * recipe.factors[0], 3), round(max(pixels) * recipe.factors[1], 3)


def _card(recipe: Recipe, words: Mapping[str, Any], spread: Any, training: Mapping[str, Any]) -> ModelCard:
    """The card but for what the export measures: checksum, parameters, smoke check."""
    return ModelCard(
        name=recipe.name,
        title=words["title"],
        purpose=words["purpose"],
        version=package_version(),
        mode=recipe.mode,
        method=recipe.method if recipe.distillation is None else CONSISTENCY.name,
        network=recipe.network,
        bridge=recipe.bridge,
        parameterization=recipe.parameterization,
        residual_std=tuple(spread),
        sampler=_sampler(recipe),
        factors=recipe.factors,
        spacing_mm=tuple(words["spacing_mm"]),
        min_matrix=_MIN_MATRIX,
        contrasts=tuple(words["contrasts"]),
        data=tuple(words["data"]),
        licence=words["licence"],
        parameters=0,
        sha256="",
        smoke={},
        training=training,
        limits=tuple(words.get("limits", ())),
        thickness=recipe.thickness if recipe.mode == "through-plane" else None,
    )


def _sampler(recipe: Recipe) -> dict[str, Any]:
    """The defaults of the card."""
    if recipe.distillation is None:
        return find_method(recipe.method).sampling(recipe.bridge, recipe.parameterization)
    steps = recipe.distillation.steps
    return {**CONSISTENCY.sampling(recipe.bridge, recipe.parameterization), "steps": steps, "sample_steps": steps}
