"""SOUP-GAN (Zhang et al., Tomography 2022) with its published weights, where the PyPI package KevinSR is at hand.

It is no dependency: it demands `tensorflow-gpu`, which PyPI gives out no more, its weights are of Keras 2, and those for thick
slices do not come with it but from a file server, into the working folder.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from torch import Tensor

from pdm_core.degradation.profile import SliceOperator
from pdm_core.errors import MissingDependencyError

# KevinSR 0.1.20 maps the least and the greatest value of its input to 0 and this, and gives its result on that scale.
_MOST = 10000.0
# Folders of weights that it looks for in the working folder; where one is missing it would download both.
_WEIGHTS = ("Thick-to-thin", "Thin-to-thin")
_HINT = (
    "Install KevinSR with pip --no-deps, tensorflow and tf-keras, set TF_USE_LEGACY_KERAS=1, and put its weights, the folders "
    f"{' and '.join(_WEIGHTS)}, into the working folder; their addresses stand in its file SOUP.py."
)


def soup_gan(slices: Tensor, operator: SliceOperator) -> Tensor:
    """Restore thick slices (K, J, I) by SOUP-GAN for thick slices.

    Its samples lie between the centres of the first and the last slice; cubic splines bring them to those of `operator`, and
    beyond the centres the outermost ones are repeated.

    Returns:
        The fine stack, (operator.high, J, I).

    Raises:
        MissingDependencyError: see `find_soup_gan`.
    """
    restore = find_soup_gan()
    low, high = float(slices.min()), float(slices.max())
    thin = np.asarray(restore(slices.permute(1, 2, 0).double().numpy(), operator.factor, prep_type=0), dtype=np.float64)
    thin = low + thin * ((high - low) / _MOST)
    places = operator.places * (thin.shape[2] - 1) / (operator.low - 1)
    spline = CubicSpline(np.arange(thin.shape[2]), thin, axis=2)
    sampled = spline(np.clip(places, 0.0, thin.shape[2] - 1.0))
    return torch.from_numpy(np.moveaxis(sampled, 2, 0).copy()).to(slices)


def find_soup_gan() -> Callable[..., Any]:
    """The function of KevinSR.

    Raises:
        MissingDependencyError: the package, what it needs, or its weights are not there.
    """
    try:
        restore: Callable[..., Any] = import_module("KevinSR").SOUP_GAN
    except ImportError as error:
        raise MissingDependencyError(f"SOUP-GAN cannot be run: {error}.", _HINT) from error
    missing = [name for name in _WEIGHTS if not Path(name).is_dir()]
    if missing:
        raise MissingDependencyError(f"SOUP-GAN's weights are not in the working folder: {', '.join(missing)}.", _HINT)
    return restore
