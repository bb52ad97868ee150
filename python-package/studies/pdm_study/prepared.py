"""Contenders made ready: by the product's own `super_resolve`, or by the baselines that need no trained network."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pdm_core.baselines.bicubic import bicubic
from pdm_core.baselines.smore import SmoreSettings
from pdm_core.baselines.smore_in_plane import smore_in_plane
from pdm_core.degradation.kspace import Size, upsample
from pdm_core.errors import CancelledError
from pdm_core.evaluation.in_plane import true_factor
from pdm_core.pipeline.options import SuperResolutionOptions
from pdm_core.pipeline.super_resolution import super_resolve
from pdm_core.progress import CancelCheck
from pdm_core.volume import Volume
from pdm_core.zoo import ModelCard, find_model, write_card
from pdm_study.contenders import Budget, Contender

# What of a card decides what a run gives, beside the weights.
_DECISIVE = ("method", "network", "bridge", "parameterization", "residual_std", "sampler")


@dataclass(frozen=True)
class Conditions:
    """What all contenders of a study share.

    Attributes:
        folder: for the cards of models that are run by another rule than their own.
        device: where models run.
        seed: of sampling and of what is trained on the scan itself.
        smore: optimiser steps of SMORE.
        cancel: asked during the work.
    """

    folder: Path
    device: str = "auto"
    seed: int = 0
    smore: int = 400
    cancel: CancelCheck | None = None


@dataclass(frozen=True)
class Restoration:
    """What a contender makes of a reduced volume.

    Attributes:
        images: (K, 1, H, W).
        spread: standard deviation over the samples, likewise; None for one sample.
        evaluations: of the network a slice; 0 without one.
    """

    images: Tensor
    spread: Tensor | None
    evaluations: int


@dataclass(frozen=True)
class PreparedMethod:
    """A contender at a factor that can be run.

    Attributes:
        settings: all that decides the result beside the input; JSON-able.
        budget: of its training.
        run: restores a reduced volume to the full matrix.
    """

    settings: Mapping[str, Any]
    budget: Budget
    run: Callable[[Volume, Size], Restoration]


def prepared_method(contender: Contender, factor: float, conditions: Conditions) -> PreparedMethod:
    """Make a contender ready.

    Raises:
        InputError: its model is not there, does not serve the factor, or an option is impossible.
        MissingDependencyError: there is no model at all.
    """
    if contender.method == "bicubic":
        return PreparedMethod({"method": "bicubic"}, Budget(), lambda low, size: _plain(bicubic(_tensor(low), size)))
    if contender.method == "zip":
        return PreparedMethod({"method": "zip"}, Budget(), lambda low, size: _plain(upsample(_tensor(low), size)))
    if contender.method == "smore":
        return _smore(conditions)
    return _by_model(contender, find_model(contender.model_at(factor), factor, "in-plane"), factor, conditions)


def _smore(conditions: Conditions) -> PreparedMethod:
    settings = SmoreSettings(iterations=conditions.smore)

    def run(low: Volume, size: Size) -> Restoration:
        slices = torch.from_numpy(low.array)
        restored = smore_in_plane(slices, size, settings, seed=conditions.seed, on_step=_checking(conditions.cancel))
        return Restoration(restored[:, None], None, 1)

    budget = Budget(None, settings.iterations, settings.batch, settings.patch)
    return PreparedMethod({"method": "smore", **asdict(settings), "seed": conditions.seed}, budget, run)


def _by_model(contender: Contender, card: ModelCard, factor: float, conditions: Conditions) -> PreparedMethod:
    common = {"seed": conditions.seed, "device": conditions.device}
    options = SuperResolutionOptions.from_dict({**common, "factor": factor, "model": card.name, **contender.options})
    if contender.rule is not None:
        card = replace(card, sampler={**card.sampler, "rule": contender.rule})

    def run(low: Volume, size: Size) -> Restoration:
        model = card.name if contender.rule is None else str(_written(card, conditions.folder))
        chosen = replace(options, model=model, factor=true_factor(low, size))
        result = super_resolve(low, chosen, cancel=conditions.cancel)
        spread = None if result.uncertainty is None else _tensor(result.uncertainty)
        evaluations = result.provenance["sampling"]["network_evaluations_per_slice"]
        return Restoration(_tensor(result.volume), spread, int(evaluations))

    settings = {
        "weights": card.sha256,
        "card": {name: getattr(card, name) for name in _DECISIVE},
        "options": {**options.as_dict(), "model": card.name},
    }
    return PreparedMethod(settings, Budget.of(card), run)


def _written(card: ModelCard, folder: Path) -> Path:
    """A card with another rule, which only a card can say, and its weights beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{card.name}_{card.sampler['rule']}.json"
    shutil.copyfile(card.weights, path.with_suffix(".safetensors"))
    write_card(card, path)
    return path


def _checking(cancel: CancelCheck | None) -> Callable[[], None]:
    def check() -> None:
        if cancel is not None and cancel():
            raise CancelledError()

    return check


def _plain(images: Tensor) -> Restoration:
    return Restoration(images, None, 0)


def _tensor(volume: Volume) -> Tensor:
    return torch.from_numpy(volume.array)[:, None]
