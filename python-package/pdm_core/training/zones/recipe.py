"""The recipe of a zone model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pdm_core.errors import InputError
from pdm_core.training.run_recipe import RunRecipe
from pdm_core.training.zones.stacks import WorkingGrid
from pdm_core.zoo import ZoneCard, find_zone_model

LABELS = ("background", "peripheral_zone", "transition_zone")
DISAGREEMENTS = ("drawn", "either")
_PAIRS = ("slices_mm", "percentiles")


@dataclass(frozen=True, kw_only=True)
class ZoneRecipe(RunRecipe):
    """A training run of a zone model.

    Attributes:
        mode: "zones".
        grid_mm: working spacing along slices, rows and columns.
        slices_mm: smallest and largest distance of slices that is worked on as it is.
        window: slices, rows and columns of a training example; the network looks through windows of its rows and columns.
        percentiles: of a volume's intensities that become -1 and 1.
        on_gland: share of the examples whose window lies about the gland; the others lie anywhere.
        dice: weight of the Dice loss beside the cross-entropy.
        disagreement: of several labellings of a volume. "drawn" takes one of them for each example, by their trust; "either"
            takes all in one, and where they differ any of them counts as right.
        initial: name of the zone model, or path of its card, whose weights the run starts from; empty starts from random ones.
            A recipe file that names one may leave out the network and the working grid: they are the model's.
    """

    mode: str = "zones"
    grid_mm: tuple[float, float, float] = (3.0, 0.8, 0.8)
    slices_mm: tuple[float, float] = (2.4, 4.2)
    window: tuple[int, int, int] = (12, 112, 112)
    percentiles: tuple[float, float] = (1.0, 99.0)
    on_gland: float = 0.8
    dice: float = 1.0
    disagreement: str = "drawn"
    initial: str = ""

    def complaints(self) -> dict[str, bool]:
        """What may be wrong, and whether it is fine."""
        return {
            **super().complaints(),
            f"mode {self.mode!r} must be zones": self.mode == "zones",
            f"grid_mm {self.grid_mm} must be positive": min(self.grid_mm) > 0.0,
            f"slices_mm {self.slices_mm} must satisfy 0 < low <= high": 0.0 < self.slices_mm[0] <= self.slices_mm[1],
            f"window {self.window} must have a slice and 32 x 32 pixels": self.window[0] > 0 and min(self.window[1:]) >= 32,
            f"percentiles {self.percentiles} must rise within 0 and 100": (
                0.0 <= self.percentiles[0] < self.percentiles[1] <= 100.0
            ),
            f"on_gland {self.on_gland:g} must lie in [0, 1]": 0.0 <= self.on_gland <= 1.0,
            f"dice {self.dice:g} must not be negative": self.dice >= 0.0,
            f"disagreement {self.disagreement!r} must be one of {', '.join(DISAGREEMENTS)}": self.disagreement
            in DISAGREEMENTS,
        }

    @property
    def working(self) -> WorkingGrid:
        """How volumes are brought before the network."""
        return WorkingGrid(self.grid_mm, self.slices_mm, self.percentiles)


def zone_recipe(values: Mapping[str, Any]) -> ZoneRecipe:
    """A recipe from a file's values.

    Raises:
        InputError: an impossible value.
        TypeError, ValueError: an entry of the wrong kind.
    """
    content = dict(values)
    if content.get("initial"):
        content = {**_as_in(find_zone_model(content["initial"])), **content}
    for name in {*_PAIRS, "grid_mm"} & set(content):
        content[name] = tuple(float(value) for value in content[name])
    if "window" in content:
        content["window"] = tuple(int(value) for value in content["window"])
    lengths = {"grid_mm": 3, "window": 3, **dict.fromkeys(_PAIRS, 2)}
    for name, length in lengths.items():
        if name in content and len(content[name]) != length:
            raise InputError(f"The recipe's {name} needs {length} numbers, not {list(content[name])}.")
    return ZoneRecipe(**content)


def _as_in(card: ZoneCard) -> dict[str, Any]:
    """The entries that a run takes over from the model that it starts from."""
    return {name: getattr(card, name) for name in ("network", "grid_mm", "slices_mm", "percentiles")}
