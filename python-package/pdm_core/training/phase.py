"""Phases for scans that were stored without: smooth ones, of a few waves across the slice."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from pdm_core.degradation.kspace import Size

# Periods across the slice at most, along each axis, and the greatest root mean square of the waves together, radians.
_ORDER = 2
_MOST = math.pi / 2.0


def smooth_phase(size: Size, random: np.random.Generator) -> Tensor:
    """A phase (H, W) in radians, float32: any value for the whole slice, and waves of at most two periods about it.

    phi(r) = phi_0 + A sum c_k cos(2 pi k r + theta_k), sum c_k² = 2, with phi_0 and theta_k anywhere on the circle, c_k normal
    numbers over |k|, and the root mean square A anywhere between nought and a quarter turn: with A = 0 a magnitude as it is
    stored lies within what is learned. The phase of a scan is as smooth, but where there are vessels or metal (Noll et al.,
    Homodyne Detection in Magnetic Resonance Imaging, IEEE TMI 1991). Zhu et al., Image Reconstruction by Domain-Transform
    Manifold Learning, Nature 2018, made up sinusoids in its place; ours have whole periods, for to the Fourier transform a
    slice goes on at its opposite border, and a step there would ring.

    Args:
        size: rows and columns.
        random: decides it.
    """
    down, across = np.array(_half_plane(_ORDER)).T
    heights = random.standard_normal(len(down)) / np.hypot(down, across)
    heights *= math.sqrt(2.0 / float((heights**2).sum())) * random.uniform(0.0, _MOST)
    begun = heights * np.exp(1j * random.uniform(-math.pi, math.pi, len(down)))
    rows, columns = (2j * math.pi * np.arange(edge) / edge for edge in size)
    waves = (np.exp(np.outer(rows, down)) * begun) @ np.exp(np.outer(across, columns))
    return torch.from_numpy((random.uniform(-math.pi, math.pi) + waves.real).astype(np.float32))


def _half_plane(order: int) -> list[tuple[int, int]]:
    """Periods along rows and columns; the other half are the same waves."""
    return [(k, j) for k in range(order + 1) for j in range(-order, order + 1) if (k, j) > (0, 0)]
