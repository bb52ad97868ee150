"""Consistency distillation: the end of a teacher's deterministic trajectory in one evaluation (SCIENCE §0.4, §1.6)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pdm_core.diffusion.bridges import AffineBridge
from pdm_core.diffusion.denoisers import ResidualDenoiser, autocast, column, columns, precondition
from pdm_core.training.batches import PairBatch
from pdm_core.training.loss import distance
from pdm_core.training.recipe import Distillation, Recipe
from pdm_core.zoo import find_model, load_model


class ConsistencyLoss:
    """Distance between the student's estimate at t and its moving average's at the earlier time that the teacher steps to.

    The residual preconditioning makes the estimate at u = 0 the latent itself: the boundary condition of consistency models.

    Args:
        student: is trained.
        target: the same with the averaged weights; no gradient goes there.
        teacher: gives one DDIM step over an interval of the grid; at u = 1, where a = 0, that step is exact.
        scales: intervals of the grid, uniform in u.
        kind: of the distance, see `distance`.
    """

    def __init__(
        self, student: ResidualDenoiser, target: ResidualDenoiser, teacher: ResidualDenoiser, scales: int, kind: str
    ) -> None:
        self._student, self._target, self._teacher = student, target, teacher
        self._scales, self._kind = scales, kind

    def __call__(self, batch: PairBatch) -> Tensor:
        """Mean loss of a batch; its times are taken up to the next one of the grid."""
        pairs, student = batch.pairs, self._student
        number = np.ceil(batch.times * self._scales)
        now, before = number / self._scales, (number - 1) / self._scales
        a, b, sigma = columns(student.bridge, now, pairs.x_hr)
        x = a * pairs.x_hr + b * pairs.x_lr + sigma * batch.noise
        # In units of the network's output, as a denoiser is trained: in those of the image late times, whose differences are
        # the greatest, would outweigh the early ones, on which all others lean.
        unit = precondition(a, sigma, column([student.spread(factor) for factor in pairs.factor], x))[2]
        with autocast(x.device):
            with torch.no_grad():
                x_hr = self._teacher.estimate_each(x, pairs.x_lr, now, pairs.factor, *pairs.further)
                stepped = _ddim_step(student.bridge, x, x_hr, pairs.x_lr, now, before)
                aim = self._target.estimate_each(stepped, pairs.x_lr, before, pairs.factor, *pairs.further)
            estimate = student.estimate_each(x, pairs.x_lr, now, pairs.factor, *pairs.further)
        return distance(estimate / unit, aim / unit, self._kind)


def consistency_loss(
    recipe: Recipe, settings: Distillation, student: ResidualDenoiser, target: ResidualDenoiser, device: torch.device
) -> ConsistencyLoss:
    """The loss of a recipe with a distillation, its teacher loaded and verified."""
    teacher = load_model(find_model(settings.teacher), device).requires_grad_(False)
    assert isinstance(teacher, ResidualDenoiser)
    return ConsistencyLoss(student, target, teacher, settings.scales, recipe.loss)


def _ddim_step(bridge: AffineBridge, x: Tensor, x_hr: Tensor, x_lr: Tensor, now: np.ndarray, before: np.ndarray) -> Tensor:
    """DDIM with eta = 0 from times `now` to `before`, each of its own image."""
    a, b, sigma = columns(bridge, now, x)
    a_before, b_before, sigma_before = columns(bridge, before, x)
    return a_before * x_hr + b_before * x_lr + sigma_before / sigma * (x - a * x_hr - b * x_lr)
