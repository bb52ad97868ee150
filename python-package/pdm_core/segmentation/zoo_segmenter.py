"""A zone network of the zoo as a segmenter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pdm_core.progress import CancelCheck, ProgressCallback
from pdm_core.segmentation.canonical import CanonicalGrid, normalised
from pdm_core.segmentation.field import ZoneField
from pdm_core.segmentation.windows import probabilities_by_windows
from pdm_core.volume.volume import Volume
from pdm_core.zoo import ZoneCard, load_zone_network

# Within the slices; across them a network sees all.
_OVERLAP = 0.25


@dataclass(frozen=True)
class ZooSegmenter:
    """The network of a card.

    Attributes:
        card: of a zone model.
    """

    card: ZoneCard

    @property
    def name(self) -> str:
        """The model's."""
        return self.card.name

    @property
    def licence(self) -> str:
        """Of the weights."""
        return self.card.licence

    @property
    def non_commercial(self) -> bool:
        """Whether the licence forbids commercial use."""
        return self.card.non_commercial

    @property
    def record(self) -> Mapping[str, Any]:
        """Name, version and checksum of the weights."""
        return {
            "name": self.card.name,
            "engine": str(self.card.network.get("kind", "")),
            "version": self.card.version,
            "sha256": self.card.sha256,
        }

    def notes(self, volume: Volume) -> Iterator[str]:
        """See `Segmenter`; finer pixels are averaged, coarser ones are less than the network is used to."""
        pixel, coarsest = sorted(volume.spacing)[1], self.card.spacing_mm[1]
        if pixel > 1.05 * coarsest:
            yield (
                f"The pixels are {pixel:.2f} mm; the model {self.name} was trained on up to {coarsest:.2f} mm: "
                "its borders are less certain here."
            )

    def find(
        self,
        volume: Volume,
        device: torch.device,
        progress: ProgressCallback | None = None,
        cancel: CancelCheck | None = None,
    ) -> ZoneField:
        """See `Segmenter`."""
        network = load_zone_network(self.card, device)
        grid = CanonicalGrid.of(volume, self.card)
        image = torch.from_numpy(normalised(grid.forward(volume), self.card.percentiles)).to(device)
        window = (grid.shape[0], *self.card.window)
        found = probabilities_by_windows(seen_both_ways(network), image, window, _OVERLAP, progress, cancel)
        return ZoneField(found.numpy(), grid.ijk_to_ras)


def seen_both_ways(network: nn.Module) -> Callable[[Tensor], Tensor]:
    """Mean logits of an image and of its mirror image from right to left, by which patients are alike."""

    def logits(image: Tensor) -> Tensor:
        mean: Tensor = 0.5 * (network(image) + network(image.flip(-1)).flip(-1))
        return mean

    return logits
