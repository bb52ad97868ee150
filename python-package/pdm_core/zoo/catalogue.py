"""The models at hand: those that ship with the package or with others, and those that the user imported."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from pdm_core.errors import InputError, MissingDependencyError
from pdm_core.plugins import MODELS, plugin_folders, refuse_without_study
from pdm_core.zoo.card import ModelCard, ZoneCard, read_card

BUNDLED = Path(__file__).parent / "weights"
# The first of these that is there is what `model="auto"` means in its mode. On the validation split `base` gains 0.02 dB at
# most over `fast`, with twice the weights to run: it does not pay yet.
_PREFERRED = ("fast", "base", "through_plane")
_PREFERRED_ZONES = "zones"


def user_zoo() -> Path:
    """Folder of imported models: $PDM_ZOO, or the user's data folder."""
    chosen = os.environ.get("PDM_ZOO")
    if chosen:
        return Path(chosen)
    home = os.environ.get("LOCALAPPDATA") or os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "pdm_core" / "models"


def list_models(mode: str | None = None) -> list[ModelCard]:
    """Cards of the super-resolution models, all or those of one mode; see `list_zone_models` for the others."""
    return [card for card in _all_cards() if isinstance(card, ModelCard) and mode in (None, card.mode)]


def list_system_models() -> list[ModelCard]:
    """Cards of the models that other installed packages bring for comparison, which `list_models` does not offer for use."""
    cards = [card for folder in plugin_folders(MODELS) for card in _cards_in(folder)]
    return [card for card in cards if isinstance(card, ModelCard)]


def list_zone_models() -> list[ZoneCard]:
    """Cards of the models of the prostate's zones."""
    return [card for card in _all_cards() if isinstance(card, ZoneCard)]


def find_model(name: str, factor: float | None = None, mode: str | None = None) -> ModelCard:
    """The card of `name`, or of the preferred model of a mode for "auto".

    Args:
        name: in the zoo, "auto", or the path of a card (`.json`) of a model not yet imported.
        factor: that it must serve.
        mode: that it must have; "auto" without one means in-plane.

    Raises:
        InputError: no such model, or it serves another mode or other factors.
        MissingDependencyError: there is no model of that mode at all, or the model comes with a package that is not installed.
    """
    if name.endswith(".json"):
        card = read_card(Path(name))
        if isinstance(card, ZoneCard):
            raise InputError(f"The model {card.name} finds zones; it restores no image.", "Choose another model.")
        return _serving(card, factor, mode)
    if name == "auto":
        return _serving(_preferred(mode or "in-plane"), factor, mode)
    cards = {card.name: card for card in list_models()}
    if name not in cards:
        cards |= {card.name: card for card in list_system_models()}
    if name not in cards:
        refuse_without_study("model", name)
        fitting = [card.name for card in list_models(mode)]
        raise InputError(f"There is no model {name!r}.", f"Choose one of: {', '.join(fitting) or 'none is installed'}.")
    return _serving(cards[name], factor, mode)


def find_zone_model(name: str = "auto") -> ZoneCard:
    """The card of the zone model `name`, of the preferred one for "auto", or at the path of a card (`.json`).

    Raises:
        InputError: there is no such zone model.
        MissingDependencyError: there is no zone model at all.
    """
    if name.endswith(".json"):
        card = read_card(Path(name))
        if isinstance(card, ModelCard):
            raise InputError(f"The model {card.name} restores images; it finds no zones.", "Choose a zone model.")
        return card
    cards = {card.name: card for card in list_zone_models()}
    if not cards:
        raise MissingDependencyError("No zone model is installed.", "Import one: pdm-sr models import WEIGHTS CARD.")
    if name == "auto":
        return cards.get(_PREFERRED_ZONES, next(iter(cards.values())))
    if name not in cards:
        raise InputError(f"There is no zone model {name!r}.", f"Choose one of: {', '.join(cards)}.")
    return cards[name]


def find_models(mode: str, name: str = "auto", factor: float | None = None) -> tuple[ModelCard, ...]:
    """The cards of a run, one for each of its steps.

    Args:
        mode: of the run; "isotropic" is in-plane (left out without a factor) and then through-plane.
        name: a model, which must fit one of the steps; the other takes the preferred one.
        factor: of the first step; the factor of isotropic slices follows from the volume.

    Raises:
        InputError: see `find_model`.
        MissingDependencyError: there is no model for a step.
    """
    steps: tuple[str, ...] = (mode,)
    if mode == "isotropic":
        steps = ("through-plane",) if factor is None else ("in-plane", "through-plane")
    named = find_model(name).mode if name != "auto" else None
    if len(steps) == 1 or named not in (None, *steps):
        return (find_model(name, factor, steps[0]),)
    return tuple(find_model(name if step == named else "auto", factor if step == "in-plane" else None, step) for step in steps)


def _all_cards() -> list[ModelCard | ZoneCard]:
    """Bundled ones first, an imported one of the same name in their place."""
    cards: dict[str, ModelCard | ZoneCard] = {}
    for folder in (BUNDLED, user_zoo()):
        cards.update({card.name: card for card in _cards_in(folder)})
    return list(cards.values())


def _cards_in(folder: Path) -> list[ModelCard | ZoneCard]:
    if not folder.is_dir():
        return []
    return [_card_as_of(path, _version(path)) for path in sorted(folder.glob("*.json"))]


def _version(path: Path) -> tuple[int, ...]:
    """What changes whenever a file is written or replaced."""
    status = path.stat()
    return status.st_mtime_ns, status.st_ino, status.st_size


@lru_cache(maxsize=256)
def _card_as_of(path: Path, _version: tuple[int, ...]) -> ModelCard | ZoneCard:
    """The card in a file, which is read again only when it has changed: panels ask at every edit of a parameter."""
    return read_card(path)


def _preferred(mode: str) -> ModelCard:
    cards = {card.name: card for card in list_models(mode)}
    if not cards:
        raise MissingDependencyError(f"No {mode} model is installed.", "Import one: pdm-sr models import WEIGHTS CARD.")
    return cards[next((preferred for preferred in _PREFERRED if preferred in cards), next(iter(cards)))]


def _serving(card: ModelCard, factor: float | None, mode: str | None) -> ModelCard:
    """The card, if mode and factor are its own."""
    if mode not in (None, card.mode):
        raise InputError(f"The model {card.name} is for {card.mode} runs, not for {mode} ones.", "Choose another model.")
    if factor is not None and not card.supports(factor):
        low, high = card.factors
        raise InputError(
            f"The factor {factor:g} lies outside the range of the model {card.name}, {low:g} to {high:g}.",
            "Choose a factor within it.",
        )
    return card
