"""The zoo of models: cards, catalogue and verified loading; listing needs no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pdm_core.zoo.card import Card, ModelCard, ZoneCard, read_card
from pdm_core.zoo.catalogue import (
    find_model,
    find_models,
    find_zone_model,
    list_models,
    list_system_models,
    list_zone_models,
    user_zoo,
)

if TYPE_CHECKING:
    from pdm_core.zoo.weights import export_model, import_model, load_model, load_zone_network, verify_model, write_card

__all__ = [
    "Card",
    "ModelCard",
    "ZoneCard",
    "export_model",
    "find_model",
    "find_models",
    "find_zone_model",
    "import_model",
    "list_models",
    "list_system_models",
    "list_zone_models",
    "load_model",
    "load_zone_network",
    "read_card",
    "user_zoo",
    "verify_model",
    "write_card",
]


def __getattr__(name: str) -> Any:
    """Import what needs torch at its first use."""
    if name in __all__:
        from pdm_core.zoo import weights

        return getattr(weights, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
