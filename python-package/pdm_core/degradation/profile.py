"""How thick slices average the anatomy: the slice-profile operator A along one axis, for any real factor (SCIENCE §2.3, §6).

All of it is linear in one axis and small: dense float64 matrices, made once and applied to the second last dimension of a
tensor. Thickness and distance of slices are two things; their ratio says whether slices leave gaps (below 1) or overlap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from pdm_core.errors import InputError

Align = Literal["index0", "fov"]
ProfileName = Literal["box", "gaussian", "sinc"]
Matrix = NDArray[np.float64]

# Lobes of the sinc on either side of its centre that a Hann window lets through.
_LOBES = 3
# Beyond this condition of A Aᵀ (Gaussian slices thicker than 2.3 times their distance) the exact projection would amplify
# noise a hundredfold: it is damped until the condition falls to this, and the measured slices are met less exactly.
MAX_CONDITION = 1e4


@dataclass(frozen=True)
class SliceProfile:
    """What one slice sees along its normal.

    Attributes:
        kind: "box"; "gaussian", as a selective pulse excites (radifox, SMORE); or "sinc", as slice encoding of 3-D scans
            gives, under a Hann window of three lobes.
        thickness: slice thickness as a share of the distance between slices: full width at half maximum of box and
            Gaussian, distance of the first zero of the sinc.
    """

    kind: ProfileName = "gaussian"
    thickness: float = 1.0

    def weights(self, distance: Matrix, step: float) -> Matrix:
        """Sensitivity at `distance` from the centre, in units of the slices' distance, for fine samples `step` wide."""
        if self.kind == "box":
            reach, half = self.thickness / 2.0, step / 2.0
            overlap = np.minimum(distance + half, reach) - np.maximum(distance - half, -reach)
            return np.asarray(np.maximum(overlap, 0.0))
        relative = distance / self.thickness
        if self.kind == "gaussian":
            return np.asarray(np.exp(-4.0 * math.log(2.0) * relative**2))
        window = np.cos(0.5 * np.pi * np.clip(np.abs(relative) / _LOBES, 0.0, 1.0)) ** 2
        return np.asarray(np.sinc(relative) * window)


@dataclass(frozen=True)
class SliceOperator:
    """A between `high` fine samples and `low` slices along one axis.

    Attributes:
        low: number of slices.
        high: number of fine samples.
        align: "fov" divides the slabs, so that the physical box stays; "index0" puts the first fine sample at the first
            slice's centre.
        profile: what each slice sees. Beyond the ends of the fine grid nothing is known: the profile is cut there and the
            rest weighs more, so that every row of A sums to 1.

    Raises:
        InputError: fewer fine samples than slices, no slice, or a thickness that is no positive number.
    """

    low: int
    high: int
    align: Align = "index0"
    profile: SliceProfile = SliceProfile()

    def __post_init__(self) -> None:
        if not 1 <= self.low <= self.high:
            raise InputError(f"{self.low} slices cannot become {self.high}.", "Use a factor of at least 1.")
        if not (math.isfinite(self.profile.thickness) and self.profile.thickness > 0.0):
            raise InputError(f"A slice thickness of {self.profile.thickness:g} times the slices' distance is not possible.")

    @property
    def factor(self) -> float:
        """True factor: the ratio of the numbers."""
        return self.high / self.low

    @cached_property
    def matrix(self) -> Matrix:
        """A, (low, high)."""
        distance = self.places[None, :] - np.arange(self.low)[:, None]
        weights = self.profile.weights(distance, 1.0 / self.factor)
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    @cached_property
    def pseudo_inverse(self) -> Matrix:
        """Aᵀ(A Aᵀ + mu I)⁻¹, (high, low); mu is 0 unless the condition of A Aᵀ exceeds `MAX_CONDITION`."""
        gram = self.matrix @ self.matrix.T
        power = np.linalg.eigvalsh(gram)
        damping = max(0.0, float(power[-1] - MAX_CONDITION * power[0]) / (MAX_CONDITION - 1.0))
        return np.asarray(np.linalg.solve(gram + damping * np.eye(self.low), self.matrix).T)

    @cached_property
    def interpolation(self) -> Matrix:
        """B, (high, low), with A B = I: the cubic B-spline through the slices, then projected onto what they have measured."""
        return self._spline + self.pseudo_inverse @ (np.eye(self.low) - self.matrix @ self._spline)

    def apply(self, x: Tensor) -> Tensor:
        """A x: the slices (..., low, W) of fine samples (..., high, W)."""
        return _of(self.matrix, x) @ x

    def adjoint(self, y: Tensor) -> Tensor:
        """Aᵀ y, (..., high, W)."""
        return _of(self.matrix.T, y) @ y

    def interpolated(self, y: Tensor) -> Tensor:
        """B y: x_LR (..., high, W), smooth and exact in what was measured."""
        return _of(self.interpolation, y) @ y

    def smooth(self, y: Tensor) -> Tensor:
        """The cubic B-spline through the slices `y` (..., low, W), as if each had measured a point."""
        return _of(self._spline, y) @ y

    def linear(self, y: Tensor) -> Tensor:
        """Straight lines between the slices `y` (..., low, W)."""
        columns = [np.interp(self.places, np.arange(self.low), unit) for unit in np.eye(self.low)]
        return _of(np.stack(columns, axis=1), y) @ y

    def minimal(self, y: Tensor) -> Tensor:
        """Aᵀ(A Aᵀ + mu I)⁻¹ y: of all images that give the slices `y` (..., low, W) the one of least energy."""
        return _of(self.pseudo_inverse, y) @ y

    def project(self, x: Tensor, y: Tensor) -> Tensor:
        """x + Aᵀ(A Aᵀ + mu I)⁻¹(y - A x): the nearest to `x` (..., high, W) that gives the slices `y` (..., low, W)."""
        return x + self.minimal(y - self.apply(x))

    @property
    def places(self) -> Matrix:
        """Centres of the fine samples, counted in slices."""
        if self.align == "index0":
            return np.asarray(np.arange(self.high) / self.factor)
        return np.asarray((np.arange(self.high) + 0.5) / self.factor - 0.5)

    @cached_property
    def _spline(self) -> Matrix:
        """Cubic B-spline through the slices at the fine samples, (high, low); mirrored at the outer faces."""
        places, slices = np.meshgrid(self.places, np.arange(self.low), indexing="ij")
        return np.asarray(ndimage.map_coordinates(np.eye(self.low), [places, slices], order=3, mode="reflect"))


def _of(matrix: Matrix, like: Tensor) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(matrix)).to(like)
