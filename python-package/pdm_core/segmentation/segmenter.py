"""What finds zones: one interface, with a network of the zoo or another program's model behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch

from pdm_core.progress import CancelCheck, ProgressCallback
from pdm_core.segmentation.field import ZoneField
from pdm_core.volume.volume import Volume


class Segmenter(Protocol):
    """A model that finds zones."""

    @property
    def name(self) -> str:
        """Short, for records and tables."""

    @property
    def licence(self) -> str:
        """Of the weights, with what they ask of their user."""

    @property
    def non_commercial(self) -> bool:
        """Whether the licence forbids commercial use."""

    @property
    def record(self) -> Mapping[str, Any]:
        """What the provenance says of the model, JSON-able."""

    def notes(self, volume: Volume) -> Iterator[str]:
        """What to say of a volume that is unlike those which the model was trained on."""

    def find(
        self,
        volume: Volume,
        device: torch.device,
        progress: ProgressCallback | None = None,
        cancel: CancelCheck | None = None,
    ) -> ZoneField:
        """Probabilities of the zones where the model works best; the caller reads them on the grid that it wants.

        Raises:
            CancelledError: the caller asked to stop.
        """


def find_segmenter(model: str = "auto") -> Segmenter:
    """The segmenter of a name: a zone model of the zoo, the path of a card (`.json`), or a bundle of MONAI as file or folder.

    Raises:
        InputError: there is no such model, or the file does not hold one.
        MissingDependencyError: no zone model is installed.
    """
    from pdm_core.segmentation.zoo_segmenter import ZooSegmenter
    from pdm_core.zoo import find_zone_model, list_zone_models

    # A name of the zoo stays one in a folder that holds a file of that name.
    named = model == "auto" or model.endswith(".json") or model in {card.name for card in list_zone_models()}
    if named or not Path(model).exists():
        return ZooSegmenter(find_zone_model(model))
    from pdm_core.segmentation.monai_bundle import MonaiBundle

    return MonaiBundle.of(Path(model))
