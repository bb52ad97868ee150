"""The batches of a zone run: a pure function of the seed and the step, whoever shares them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pdm_core.training.zones.augmentation import looking_different, window_at
from pdm_core.training.zones.label_sets import either
from pdm_core.training.zones.recipe import ZoneRecipe
from pdm_core.training.zones.stacks import LabelledVolume, ZoneStack

# Spread of the windows about a point of the gland, in voxels along (k, j, i).
_ABOUT = (2.0, 14.0, 14.0)


@dataclass(frozen=True)
class ZoneBatch:
    """One process's share of a step.

    Attributes:
        images: (N, 1, K, J, I).
        labels: uint8 (N, K, J, I), see `label_sets`.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.images)

    def part(self, start: int, count: int) -> ZoneBatch:
        """`count` examples from `start` on, or as many as there are."""
        return ZoneBatch(self.images[start : start + count], self.labels[start : start + count])

    def to(self, device: torch.device) -> ZoneBatch:
        """The same on a device."""
        return ZoneBatch(self.images.to(device), self.labels.to(device))


class ExampleSampler:
    """Draws random examples.

    Args:
        volumes: labelled ones; drawn by their weight and the trust in their labels.
        recipe: window, working grid and seed.
    """

    def __init__(self, volumes: Sequence[LabelledVolume], recipe: ZoneRecipe) -> None:
        self._volumes, self._recipe = volumes, recipe
        chances = np.array([volume.chance for volume in volumes])
        self._chances = chances / chances.sum()

    def draw(self, step: int, rank: int = 0, size: int = 1) -> ZoneBatch:
        """The share of process `rank` out of `size` of the batch of `step`; all shares together do not depend on `size`."""
        recipe = self._recipe
        examples = [self._example((recipe.seed, step, number)) for number in range(rank, recipe.batch, size)]
        if not examples:
            return ZoneBatch(torch.empty(0, 1, *recipe.window), torch.empty(0, *recipe.window, dtype=torch.uint8))
        images, labels = zip(*examples, strict=True)
        return ZoneBatch(torch.stack(images)[:, None], torch.stack(labels))

    def _example(self, key: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        random = np.random.default_rng(key)
        volume = self._volumes[int(random.choice(len(self._volumes), p=self._chances))]
        stack = volume.open(self._recipe.working)
        labels = self._labels(stack, random)
        image, labels = window_at(stack.image, labels, self._recipe.window, self._centre(labels, random), random)
        return looking_different(image, random), labels

    def _labels(self, stack: ZoneStack, random: np.random.Generator) -> Tensor:
        """One of several labellings, from whose differences the network learns in time to be unsure, or all of them in one."""
        if self._recipe.disagreement == "either":
            return either(stack.labels)
        trust = np.array(stack.trust)
        return stack.labels[int(random.choice(len(trust), p=trust / trust.sum()))]

    def _centre(self, labels: Tensor, random: np.random.Generator) -> tuple[float, float, float]:
        """Where the window lies: about a voxel of the gland, or anywhere."""
        inside = labels.nonzero()
        if len(inside) and random.random() < self._recipe.on_gland:
            place = inside[int(random.integers(len(inside)))].numpy() + random.standard_normal(3) * _ABOUT
        else:
            place = random.random(3) * (np.array(labels.shape) - 1)
        k, j, i = (float(value) for value in place)
        return k, j, i
