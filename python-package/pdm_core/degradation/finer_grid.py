"""Finer grids than the measured one: where they lie in the patient, and slice operators applied to whole stacks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import Tensor

from pdm_core.degradation.profile import Align
from pdm_core.volume.volume import Matrix


def finer_matrix(ijk_to_ras: Matrix, factors: tuple[float, float, float], align: Align) -> Matrix:
    """ijk_to_ras of a grid that is `factors` times finer along (i, j, k), in the same place in the patient in mm."""
    scale = np.diag([*(1.0 / factor for factor in factors), 1.0])
    if align == "fov":
        scale[:3, 3] = [0.5 / factor - 0.5 for factor in factors]
    return np.asarray(ijk_to_ras @ scale)


def along_slices(of: Callable[[Tensor], Tensor], stack: Tensor) -> Tensor:
    """Apply `of`, which works on the second last dimension as `SliceOperator` does, to the first axis of a stack (K, J, I)."""
    return of(stack.flatten(1)).reshape(-1, *stack.shape[1:])
