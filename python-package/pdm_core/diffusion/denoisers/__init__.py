"""Denoisers: what a network predicts, and how the estimate of x_HR follows from it; chosen by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from pdm_core.diffusion.bridges import build_bridge
from pdm_core.diffusion.denoisers.base import (
    Denoiser,
    Example,
    NetworkDenoiser,
    column,
    columns,
    conditioned_on,
    conditioning,
    conditioning_each,
)
from pdm_core.diffusion.denoisers.epsilon import EpsilonDenoiser
from pdm_core.diffusion.denoisers.regression import RegressionDenoiser
from pdm_core.diffusion.denoisers.residual import ResidualDenoiser, ResidualSpread, precondition
from pdm_core.diffusion.denoisers.velocity import VelocityDenoiser
from pdm_core.diffusion.images import COMPLEX
from pdm_core.errors import InputError

__all__ = [
    "COMPLEX_SCORE",
    "PARAMETERIZATIONS",
    "Denoiser",
    "EpsilonDenoiser",
    "Example",
    "NetworkDenoiser",
    "RegressionDenoiser",
    "ResidualDenoiser",
    "ResidualSpread",
    "VelocityDenoiser",
    "build_denoiser",
    "column",
    "columns",
    "conditioned_on",
    "conditioning",
    "conditioning_each",
    "precondition",
]

COMPLEX_SCORE = "complex_score"
# Of the range [-1, 1] between the percentiles of scaling.
_WIDTH = 2.0

# "score" is the noise as found without a look at x_LR: a model of all images, which measurements alone lead to one.
# COMPLEX_SCORE is the same of complex images: the network takes and gives two channels.
PARAMETERIZATIONS: Mapping[str, Callable[..., NetworkDenoiser]] = {
    "residual": ResidualDenoiser,
    "epsilon": lambda network, bridge, _spread: EpsilonDenoiser(network, bridge, bound=_WIDTH),
    "score": lambda network, bridge, _spread: EpsilonDenoiser(network, bridge, False, _WIDTH),
    COMPLEX_SCORE: lambda network, bridge, _spread: EpsilonDenoiser(network, bridge, False, _WIDTH, COMPLEX),
    "velocity": lambda network, bridge, _spread: VelocityDenoiser(network, bridge),
    "regression": lambda network, bridge, _spread: RegressionDenoiser(network, bridge),
}


def build_denoiser(
    network: nn.Module, bridge: Mapping[str, Any], parameterization: str, residual_std: ResidualSpread
) -> NetworkDenoiser:
    """Join a network with the bridge and the parameterisation that a card or a recipe names.

    Raises:
        InputError: the parameterisation or a field of the bridge is unknown, or they do not go together.
    """
    if parameterization not in PARAMETERIZATIONS:
        raise InputError(
            f"There is no parameterisation {parameterization!r}.", f"Choose one of: {', '.join(PARAMETERIZATIONS)}."
        )
    return PARAMETERIZATIONS[parameterization](network, build_bridge(bridge), residual_std)
