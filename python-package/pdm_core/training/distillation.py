"""Consistency distillation: the end of a teacher's deterministic trajectory in one evaluation (SCIENCE §0.4, §1.6)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pdm_core.diffusion.bridges import AffineBridge
from pdm_core.diffusion.denoisers import ResidualDenoiser, column, columns, precondition
from pdm_core.diffusion.symmetric import Symmetry
from pdm_core.training.batches import PairBatch
from pdm_core.training.loss import distance
from pdm_core.training.pairs import Pairs
from pdm_core.training.recipe import Distillation, Recipe
from pdm_core.zoo import find_model, load_model


class ConsistencyLoss:
    """Distance between the student's estimate at t and its moving average's at the earlier time that the teacher steps to.

    The residual preconditioning makes the estimate at u = 0 the latent itself: the boundary condition of consistency models.
    With one interval the teacher's step ends there, so that the aim is its estimate at u = 1.

    Args:
        student: is trained.
        target: the same with the averaged weights; no gradient goes there.
        teacher: gives one DDIM step over an interval of the grid; at u = 1, where a = 0, that step is exact.
        scales: intervals of the grid, uniform in u.
        kind: of the distance, see `distance`.
        views: symmetries of the square crops that the teacher's estimate is the mean over.
    """

    def __init__(
        self,
        student: ResidualDenoiser,
        target: ResidualDenoiser,
        teacher: ResidualDenoiser,
        scales: int,
        kind: str,
        views: int = 1,
    ) -> None:
        self._student, self._target, self._teacher = student, target, teacher
        self._scales, self._kind = scales, kind
        self._views = [Symmetry(number) for number in range(views)]

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
        with torch.no_grad():
            aim = self._aim(x, pairs, now, before)
        estimate = student.estimate_each(x, pairs.x_lr, now, pairs.factor, *pairs.further)
        return distance(estimate / unit, aim / unit, self._kind)

    def _aim(self, x: Tensor, pairs: Pairs, now: np.ndarray, before: np.ndarray) -> Tensor:
        """What the student's estimate from the latents `x` at times `now` should be, (N, 1, H, W)."""
        x_hr = self._teachers_mean(x, pairs, now)
        if self._scales == 1:
            return x_hr
        stepped = _ddim_step(self._student.bridge, x, x_hr, pairs.x_lr, now, before)
        return self._target.estimate_each(stepped, pairs.x_lr, before, pairs.factor, *pairs.further)

    def _teachers_mean(self, x: Tensor, pairs: Pairs, times: np.ndarray) -> Tensor:
        """Mean of the teacher's estimates of all views, (N, 1, H, W)."""
        # All views as one batch: a GPU would idle between small ones.
        count = len(self._views)
        x_seen, lr_seen = (torch.cat([symmetry.view(images) for symmetry in self._views]) for images in (x, pairs.x_lr))
        told = [tuple(values) * count for values in (pairs.factor, *pairs.further)]
        seen = self._teacher.estimate_each(x_seen, lr_seen, np.tile(times, count), *told)
        parts = zip(self._views, torch.split(seen, len(x)), strict=True)
        return torch.stack([symmetry.back(part) for symmetry, part in parts]).mean(dim=0)


def consistency_loss(
    recipe: Recipe, settings: Distillation, student: ResidualDenoiser, target: ResidualDenoiser, device: torch.device
) -> ConsistencyLoss:
    """The loss of a recipe with a distillation, its teacher loaded and verified."""
    teacher = load_model(find_model(settings.teacher), device).requires_grad_(False)
    assert isinstance(teacher, ResidualDenoiser)
    teacher.precision = recipe.precision
    return ConsistencyLoss(student, target, teacher, settings.scales, recipe.loss, settings.views)


def _ddim_step(bridge: AffineBridge, x: Tensor, x_hr: Tensor, x_lr: Tensor, now: np.ndarray, before: np.ndarray) -> Tensor:
    """DDIM with eta = 0 from times `now` to `before`, each of its own image."""
    a, b, sigma = columns(bridge, now, x)
    a_before, b_before, sigma_before = columns(bridge, before, x)
    return a_before * x_hr + b_before * x_lr + sigma_before / sigma * (x - a * x_hr - b * x_lr)
