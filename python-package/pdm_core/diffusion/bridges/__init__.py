"""The processes of all systems as affine bridges, and the choice among them by the kind that a card or a recipe names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pdm_core.diffusion.bridges.affine import AffineBridge, Coefficients
from pdm_core.diffusion.bridges.interpolant import InterpolantBridge
from pdm_core.diffusion.bridges.measurement import MeasurementBridge
from pdm_core.diffusion.bridges.partial import Alignment, PartialBridge
from pdm_core.diffusion.bridges.res_shift import ResShiftBridge
from pdm_core.diffusion.bridges.variance_exploding import VarianceExplodingBridge
from pdm_core.diffusion.bridges.variance_preserving import Bridge
from pdm_core.errors import InputError

__all__ = [
    "BRIDGES",
    "AffineBridge",
    "Alignment",
    "Bridge",
    "Coefficients",
    "InterpolantBridge",
    "MeasurementBridge",
    "PartialBridge",
    "ResShiftBridge",
    "VarianceExplodingBridge",
    "build_bridge",
]

BRIDGES: Mapping[str, type[AffineBridge]] = {
    "vp": Bridge,
    "ve": VarianceExplodingBridge,
    "mc_ddpm": MeasurementBridge,
    "res_shift": ResShiftBridge,
    "interpolant": InterpolantBridge,
}


def build_bridge(fields: Mapping[str, Any]) -> AffineBridge:
    """Make the bridge that a card or a recipe describes: `kind` (one of `BRIDGES`, "vp" when left out) and its fields.

    Raises:
        InputError: unknown kind or field, or an impossible value.
    """
    arguments = dict(fields)
    kind = arguments.pop("kind", "vp")
    if kind not in BRIDGES:
        raise InputError(f"There is no bridge {kind!r}.", f"Choose one of: {', '.join(BRIDGES)}.")
    try:
        return BRIDGES[kind](**arguments)
    except TypeError as error:
        raise InputError(f"The bridge {dict(fields)} is not understood: {error}.") from error
