"""How training images lose resolution: in k-space, as scanners measure it, or along one direction as thick slices lose it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pdm_core.degradation.random_acquisition import RandomAcquisitions
from pdm_core.errors import InputError
from pdm_core.training.degradations.acquisition import AcquisitionDegradation
from pdm_core.training.degradations.base import Degradation, Reduction
from pdm_core.training.degradations.kspace import KspaceDegradation
from pdm_core.training.degradations.slices import SliceDegradation

__all__ = [
    "AcquisitionDegradation",
    "Degradation",
    "KspaceDegradation",
    "Reduction",
    "SliceDegradation",
    "degradation_of",
]

# Kinds that a recipe may name, and the mode that each belongs to; the first of a mode is what its models learn unless told.
_KINDS = {"kspace": "in-plane", "acquisition": "in-plane", "slices": "through-plane"}


def degradation_of(mode: str, thickness: tuple[float, float], settings: Mapping[str, Any] | None = None) -> Degradation:
    """The loss of resolution that models of `mode` are trained to undo.

    Args:
        mode: "in-plane" or "through-plane".
        thickness: smallest and largest, for through-plane models.
        settings: `kind` ("kspace", "acquisition" or "slices"; left out the usual one of the mode) and, for "acquisition",
            fields of `RandomAcquisitions`.

    Raises:
        InputError: the mode, the kind or a setting is unknown, or the kind belongs to another mode.
    """
    if mode not in _KINDS.values():
        raise InputError(f"There is no mode {mode!r}.", "Use in-plane or through-plane.")
    further = dict(settings or {})
    usual = next(kind for kind, where in _KINDS.items() if where == mode)
    kind = further.pop("kind", usual)
    if _KINDS.get(kind) != mode:
        fitting = ", ".join(name for name, where in _KINDS.items() if where == mode)
        raise InputError(f"Unknown {mode} degradation {kind!r}.", f"Choose one of: {fitting}.")
    if kind == "acquisition":
        return AcquisitionDegradation(_random_acquisitions(further))
    if further:
        raise InputError(f"The degradation {kind!r} takes no settings, but has {', '.join(further)}.", "Remove them.")
    return KspaceDegradation() if kind == "kspace" else SliceDegradation(thickness)


def _random_acquisitions(settings: Mapping[str, Any]) -> RandomAcquisitions:
    try:
        # YAML and JSON have lists for ranges.
        ranges = {name: tuple(map(float, value)) for name, value in settings.items() if isinstance(value, (list, tuple))}
        return RandomAcquisitions(**{**settings, **ranges})
    except (TypeError, ValueError) as error:
        raise InputError(f"The acquisitions {dict(settings)} cannot be drawn: {error}.", "Check their spelling.") from error
