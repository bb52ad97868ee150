"""The course of super-resolution models: pairs with noise, the denoising or consistency loss, gains on validation slices."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from pdm_core.diffusion.denoisers import NetworkDenoiser, ResidualDenoiser, build_denoiser
from pdm_core.training.batches import PairBatch, draw_batch
from pdm_core.training.course import Course
from pdm_core.training.dataset import Dataset
from pdm_core.training.distillation import ConsistencyLoss, consistency_loss
from pdm_core.training.initial import spread_for
from pdm_core.training.loss import denoising_loss
from pdm_core.training.pairs import PairSampler
from pdm_core.training.recipe import Recipe
from pdm_core.training.slices import SliceStack
from pdm_core.training.team import Team
from pdm_core.training.validation import examples, validate, validation_factors


@dataclass
class RestorationCourse(Course):
    """See `Course`."""

    recipe: Recipe
    denoiser: NetworkDenoiser
    averaged: NetworkDenoiser
    sampler: PairSampler
    consistency: ConsistencyLoss | None
    stacks: list[SliceStack]
    team: Team

    @classmethod
    def of(cls, recipe: Recipe, network: nn.Module, average: nn.Module, dataset: Dataset, team: Team) -> RestorationCourse:
        """The course of a recipe for a network and the average of its weights."""
        training = dataset.stacks("train", recipe.data)
        spread = spread_for(recipe, training)
        denoiser, averaged = (
            build_denoiser(weights, recipe.bridge, recipe.parameterization, spread) for weights in (network, average)
        )
        denoiser.precision = averaged.precision = recipe.precision
        sampler = PairSampler(
            training, recipe.factors, recipe.crop, recipe.bandwidth_share, recipe.loss_of_resolution, denoiser.images
        )
        consistency = None
        if recipe.distillation is not None:
            assert isinstance(denoiser, ResidualDenoiser) and isinstance(averaged, ResidualDenoiser)
            consistency = consistency_loss(recipe, recipe.distillation, denoiser, averaged.eval(), team.device)
        stacks = dataset.stacks("val", recipe.data)
        return cls(recipe, denoiser, averaged.eval(), sampler, consistency, stacks, team)

    @property
    def keeps_last(self) -> bool:
        """See `Recipe`."""
        return self.recipe.keeps_last

    def draw(self, step: int) -> PairBatch:
        """See `Course`."""
        return draw_batch(self.sampler, self.recipe, step, self.team.rank, self.team.size)

    def loss(self, batch: PairBatch) -> Tensor:
        """See `Course`."""
        if self.consistency is not None:
            return self.consistency(batch)
        return denoising_loss(self.denoiser, batch.pairs, batch.times, batch.noise, self.recipe.loss)

    def validate(self) -> dict[str, float]:
        """See `Course`."""
        return validate(self.averaged, self.stacks, self._factors, self.team, self.recipe.loss_of_resolution)

    def examples(self) -> dict[str, Tensor]:
        """See `Course`."""
        return examples(self.averaged, self.stacks[0], self._factors[-1], self.team.device, self.recipe.loss_of_resolution)

    @property
    def _factors(self) -> tuple[float, ...]:
        return validation_factors(self.recipe.factors, self.recipe.loss_of_resolution)
