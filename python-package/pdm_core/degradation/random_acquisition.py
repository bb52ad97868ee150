"""Random acquisitions to train on: what scanners measure, from the plain box to a shuttered and strongly filtered k-space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pdm_core.degradation.acquisition import Acquisition, Borders, Filter, Shutter
from pdm_core.degradation.kspace import Size
from pdm_core.errors import InputError

Range = tuple[float, float]

# Shares of the filters: Hamming windows are what raw data are usually filtered by.
_FILTERS = {"hamming": 0.7, "tukey": 0.15, "fermi": 0.15}
_TAPER: Range = (0.1, 0.6)
_RADIUS: Range = (0.85, 1.0)
_WIDTH: Range = (0.02, 0.08)


@dataclass(frozen=True)
class RandomAcquisitions:
    """A distribution of acquisitions; the numbers are those that fit stacks of several vendors.

    Attributes:
        plain: share that measures the plain box, so that it is not forgotten.
        shuttered: share of the others that has a shutter; those without one are filtered.
        filtered: share of the shuttered ones that is filtered as well.
        rim_begin: radii at which shutters begin to fall, smallest and largest.
        rim_width: widths of that fall.
        hamming: weights of the Hamming windows, from strong to weak.
        cut: share of the slices that are cut out of a larger field of view.

    Raises:
        InputError: a share is outside [0, 1], or a range is not rising.
    """

    plain: float = 0.2
    shuttered: float = 0.8
    filtered: float = 0.45
    rim_begin: Range = (0.88, 0.98)
    rim_width: Range = (0.02, 0.14)
    hamming: Range = (0.5, 0.95)
    cut: float = 0.3

    def __post_init__(self) -> None:
        shares = {name: getattr(self, name) for name in ("plain", "shuttered", "filtered", "cut")}
        for name, share in shares.items():
            if not 0.0 <= share <= 1.0:
                raise InputError(f"The share {name} of random acquisitions is {share:g}.", "Use a number from 0 to 1.")
        for name, least, most in (("rim_begin", 0.0, 2.0), ("rim_width", 0.0, 2.0), ("hamming", 0.5, 1.0)):
            low, high = getattr(self, name)
            if not (least <= low <= high <= most and low > 0.0):
                raise InputError(
                    f"The range {name} of random acquisitions is {low:g} to {high:g}.",
                    f"Use two rising positive numbers from {least:g} to {most:g}.",
                )

    def draw_borders(self, random: np.random.Generator) -> Borders:
        """Borders of the next slice."""
        return "cut" if random.random() < self.cut else "wrap"

    def draw(self, matrix: Size, borders: Borders, random: np.random.Generator) -> Acquisition:
        """A random acquisition of `matrix`; the same state of `random` gives the same one."""
        if random.random() < self.plain:
            return Acquisition(matrix, borders=borders)
        if random.random() >= self.shuttered:
            return Acquisition(matrix, None, self._filter(random), borders)
        begin = random.uniform(*self.rim_begin)
        shutter = Shutter(begin, begin + random.uniform(*self.rim_width))
        return Acquisition(matrix, shutter, self._filter(random) if random.random() < self.filtered else Filter(), borders)

    def _filter(self, random: np.random.Generator) -> Filter:
        kind = random.choice(list(_FILTERS), p=list(_FILTERS.values()))
        if kind == "hamming":
            return Filter("hamming", weight=random.uniform(*self.hamming))
        if kind == "tukey":
            return Filter("tukey", taper=random.uniform(*_TAPER))
        return Filter("fermi", radius=random.uniform(*_RADIUS), width=random.uniform(*_WIDTH))
