"""The course of models that have to please a discriminator, as SRGAN (Ledig et al., CVPR 2017; SCIENCE §1.7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from pdm_core.networks.discriminator import build_discriminator
from pdm_core.networks.seeded import seeded
from pdm_core.training.batches import PairBatch
from pdm_core.training.course import Course
from pdm_core.training.gradients import SharedGradients
from pdm_core.training.loss import distance, output_and_target
from pdm_core.training.restoration import RestorationCourse


class AdversarialCourse(Course):
    """The loss of a restoration, and how far its images are from passing for true ones.

    Before each step of the network the discriminator makes one on the same batch. It sees single images, never how the others
    of a batch look (`RunningStatistics`), so that the curve is the same for any number of processes.

    Args:
        restoration: the course without the discriminator.
        warn: hears of a batch that had to be cut.
    """

    def __init__(self, restoration: RestorationCourse, warn: Callable[[str], None]) -> None:
        self._restoration, self._recipe = restoration, restoration.recipe
        with seeded(self._recipe.seed):
            self._discriminator = build_discriminator(self._recipe.discriminator).to(restoration.team.device)
        self._optimizer = torch.optim.Adam(self._discriminator.parameters())
        self._gradients = SharedGradients(self._discriminator, self._mistakes, self._recipe.batch, restoration.team, warn)

    @property
    def keeps_last(self) -> bool:
        """See `Recipe`."""
        return self._recipe.keeps_last

    def draw(self, step: int) -> PairBatch:
        """See `Course`."""
        return self._restoration.draw(step)

    def prepare(self, batch: PairBatch, rate: float) -> None:
        """Move the discriminator by one step."""
        self._discriminator.requires_grad_(True)
        self._gradients.find(batch)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.step()
        self._discriminator.requires_grad_(False)

    def loss(self, batch: PairBatch) -> Tensor:
        """See `Course`."""
        restored, x_hr = self._images(batch)
        content = distance(restored, x_hr, self._recipe.loss)
        return content + self._recipe.adversarial * self._against(restored, 1.0)

    def extra_state(self) -> dict[str, Any]:
        """The discriminator and its moments."""
        return {"discriminator": self._discriminator.state_dict(), "optimizer": self._optimizer.state_dict()}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        """See `Course`."""
        self._discriminator.load_state_dict(state["discriminator"])
        self._optimizer.load_state_dict(state["optimizer"])

    def validate(self) -> dict[str, float]:
        """See `Course`."""
        return self._restoration.validate()

    def examples(self) -> dict[str, Tensor]:
        """See `Course`."""
        return self._restoration.examples()

    def _images(self, batch: PairBatch) -> tuple[Tensor, Tensor]:
        return output_and_target(self._restoration.denoiser, batch.pairs, batch.times, batch.noise)

    def _mistakes(self, batch: PairBatch) -> Tensor:
        """The discriminator's mean loss on true and restored images."""
        with torch.no_grad():
            restored, x_hr = self._images(batch)
        return 0.5 * (self._against(x_hr, 1.0) + self._against(restored, 0.0))

    def _against(self, images: Tensor, truth: float) -> Tensor:
        """Cross-entropy between what the discriminator says of images and 1 (true) or 0 (restored)."""
        logits = self._discriminator(images)
        return binary_cross_entropy_with_logits(logits, torch.full_like(logits, truth))
