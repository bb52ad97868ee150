"""The course of zone models: augmented windows, Dice and cross-entropy, Dice on whole validation volumes."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pdm_core.metrics.overlap import dice
from pdm_core.networks.devices import autocast, learning_format
from pdm_core.segmentation.windows import probabilities_by_windows
from pdm_core.training.course import Course, team_mean
from pdm_core.training.dataset import Dataset
from pdm_core.training.team import Team
from pdm_core.training.zones.examples import ExampleSampler, ZoneBatch
from pdm_core.training.zones.label_sets import GLAND
from pdm_core.training.zones.loss import zone_loss
from pdm_core.training.zones.recipe import ZoneRecipe
from pdm_core.training.zones.stacks import LabelledVolume, ZoneStack, labelled_volumes

# Windows of a validation overlap little: it is done often.
_OVERLAP = 0.25
_MEASURES = ("dice_pz", "dice_tz", "dice_gland")


@dataclass
class ZoneCourse(Course):
    """See `Course`."""

    recipe: ZoneRecipe
    network: nn.Module
    averaged: nn.Module
    sampler: ExampleSampler
    volumes: list[LabelledVolume]
    team: Team

    @classmethod
    def of(cls, recipe: ZoneRecipe, network: nn.Module, average: nn.Module, dataset: Dataset, team: Team) -> ZoneCourse:
        """The course of a recipe for a network and the average of its weights."""
        sampler = ExampleSampler(labelled_volumes(dataset, "train", recipe.data), recipe)
        return cls(recipe, network, average.eval(), sampler, labelled_volumes(dataset, "val", recipe.data), team)

    @property
    def keeps_last(self) -> bool:
        """The best validation is kept."""
        return False

    def draw(self, step: int) -> ZoneBatch:
        """See `Course`."""
        return self.sampler.draw(step, self.team.rank, self.team.size)

    def loss(self, batch: ZoneBatch) -> Tensor:
        """See `Course`."""
        with self._format(batch.images.device):
            logits = self.network(batch.images)
        return zone_loss(logits.float(), batch.labels, self.recipe.dice)

    def validate(self) -> dict[str, float]:
        """Mean Dice of peripheral zone, transition zone and gland, each over the volumes whose labels tell of it."""
        sums, counts = dict.fromkeys(_MEASURES, 0.0), dict.fromkeys(_MEASURES, 0)
        for volume in self.volumes[self.team.rank :: self.team.size]:
            stack = volume.open(self.recipe.working)
            found = self._found(stack)
            for labels in stack.labels:
                for name, value in _overlaps(found, labels).items():
                    sums[name] += value / len(stack.labels)
            for name in _overlaps(found, stack.labels[0]):
                counts[name] += 1
        return team_mean(self.team, sums, counts)

    def examples(self) -> dict[str, Tensor]:
        """Image, found zones and labels of the slice of the first validation volume that shows most of the gland."""
        stack = self.volumes[0].open(self.recipe.working)
        labels = stack.labels[0]
        middle = int((labels > 0).flatten(1).sum(dim=1).argmax())
        shown = {"found zones": self._found(stack), "labels": labels}
        gray = {name: values[middle].float() * (2.0 / GLAND) - 1.0 for name, values in shown.items()}
        return {"image": stack.image[middle], **gray}

    def _found(self, stack: ZoneStack) -> Tensor:
        """The likeliest label of each voxel, (k, j, i)."""
        image = stack.image.to(self.team.device)
        window = (len(image), self.recipe.window[1], self.recipe.window[2])
        return probabilities_by_windows(self._logits, image, window, _OVERLAP).argmax(dim=0)

    def _logits(self, windows: Tensor) -> Tensor:
        with self._format(windows.device), torch.inference_mode():
            logits: Tensor = self.averaged(windows)
        return logits

    def _format(self, device: torch.device) -> AbstractContextManager[object]:
        return autocast(device, learning_format(device, self.recipe.precision))


def _overlaps(found: Tensor, labels: Tensor) -> dict[str, float]:
    gland = {"dice_gland": dice((found > 0).numpy(), (labels > 0).numpy())}
    if bool((labels == GLAND).any()):
        return gland
    zones = {"dice_pz": 1, "dice_tz": 2}
    return {**{name: dice((found == zone).numpy(), (labels == zone).numpy()) for name, zone in zones.items()}, **gland}
