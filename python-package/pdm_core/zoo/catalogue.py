"""The models at hand: those that ship with the package and those that the user imported."""

from __future__ import annotations

import os
from pathlib import Path

from pdm_core.errors import InputError, MissingDependencyError
from pdm_core.zoo.card import ModelCard, read_card

BUNDLED = Path(__file__).parent / "weights"
# The first of these that is there is what `model="auto"` means. On the validation split `base` gains 0.02 dB at most over
# `fast`, with twice the weights to run: it does not pay yet.
_PREFERRED = ("fast", "base")


def user_zoo() -> Path:
    """Folder of imported models: $PDM_ZOO, or the user's data folder."""
    chosen = os.environ.get("PDM_ZOO")
    if chosen:
        return Path(chosen)
    home = os.environ.get("LOCALAPPDATA") or os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "pdm_core" / "models"


def list_models() -> list[ModelCard]:
    """Cards of all models, bundled ones first; an imported model of the same name takes the bundled one's place."""
    cards: dict[str, ModelCard] = {}
    for folder in (BUNDLED, user_zoo()):
        for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
            card = read_card(path)
            cards[card.name] = card
    return list(cards.values())


def find_model(name: str, factor: float | None = None) -> ModelCard:
    """The card of `name`, or of the preferred model for "auto"; the path of a card (`.json`) is a model not yet imported.

    Raises:
        InputError: no such model, or the factor lies outside its range.
        MissingDependencyError: there is no model at all.
    """
    if name.endswith(".json"):
        return _serving(read_card(Path(name)), factor)
    cards = {card.name: card for card in list_models()}
    if not cards:
        raise MissingDependencyError("No model is installed.", "Import one: pdm-sr models import WEIGHTS CARD.")
    if name == "auto":
        name = next((preferred for preferred in _PREFERRED if preferred in cards), next(iter(cards)))
    if name not in cards:
        raise InputError(f"There is no model {name!r}.", f"Choose one of: {', '.join(cards)}.")
    return _serving(cards[name], factor)


def _serving(card: ModelCard, factor: float | None) -> ModelCard:
    """The card, if the factor lies within its range."""
    if factor is not None and not card.supports(factor):
        low, high = card.factors
        raise InputError(
            f"The factor {factor:g} lies outside the range of the model {card.name}, {low:g} to {high:g}.",
            "Choose a factor within it.",
        )
    return card
