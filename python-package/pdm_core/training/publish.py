"""From a finished run to a model: averaged weights and a card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from pdm_core.errors import InputError
from pdm_core.training.dataset import Dataset
from pdm_core.training.loop import HISTORY, trained_denoiser
from pdm_core.training.recipe import Recipe
from pdm_core.training.validation import score
from pdm_core.version import package_version
from pdm_core.zoo import ModelCard, export_model

_WORDS = ("title", "purpose", "licence", "data", "contrasts", "spacing_mm")
_MIN_MATRIX = 32


def publish(recipe: Recipe, run_folder: Path, dataset: Dataset) -> ModelCard:
    """Write `NAME.safetensors` and its card into `run_folder`, ready for `pdm-sr models import`.

    Raises:
        InputError: the recipe lacks words for the card, or the run cannot be read.
    """
    missing = [word for word in _WORDS if word not in recipe.card]
    if missing:
        raise InputError(f"The recipe {recipe.name!r} has no card entries {', '.join(missing)}.", "Add them under card:.")
    denoiser = trained_denoiser(recipe, run_folder, dataset)
    history = json.loads((run_folder / HISTORY).read_text(encoding="utf-8"))
    return export_model(
        denoiser, _card(recipe, recipe.card, getattr(denoiser, "residual_std", ()), max(history, key=score)), run_folder
    )


def _card(recipe: Recipe, words: Mapping[str, Any], spread: Any, validation: Mapping[str, Any]) -> ModelCard:
    """The card but for what the export measures: checksum, parameters, smoke check."""
    # One step of a residual model is its faithful setting; a noise-predicting one needs several to leave x_LR.
    rule, first = ("consistent", 1) if recipe.parameterization == "residual" else ("paper", 8)
    return ModelCard(
        name=recipe.name,
        title=words["title"],
        purpose=words["purpose"],
        version=package_version(),
        mode="in-plane",
        method="pdm",
        network=recipe.network,
        bridge=recipe.bridge,
        parameterization=recipe.parameterization,
        residual_std=tuple(spread),
        sampler={"sampler": "ddim", "steps": first, "sample_steps": 3, "grid": "uniform", "eta": 0.0, "rule": rule},
        factors=recipe.factors,
        spacing_mm=tuple(words["spacing_mm"]),
        min_matrix=_MIN_MATRIX,
        contrasts=tuple(words["contrasts"]),
        data=tuple(words["data"]),
        licence=words["licence"],
        parameters=0,
        sha256="",
        smoke={},
        training={"recipe": recipe.as_dict(), "validation": dict(validation), "date": date.today().isoformat()},
        limits=tuple(words.get("limits", ())),
    )
