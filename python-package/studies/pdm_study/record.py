"""A record of what was measured, and all that decided it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pdm_core.metrics.reliability import Reliability

# Rises when a measure or the preparation of the slices changes: what was measured before then counts no more.
SCHEME = 1
FloatImage = NDArray[np.float32]


@dataclass(frozen=True)
class Identity:
    """All that decides a record.

    Attributes:
        settings: of the contender; JSON-able.
        factor: of the reduction.
        volume: SHA-256 of the reference.
    """

    settings: Mapping[str, Any]
    factor: float
    volume: str

    @property
    def key(self) -> str:
        """SHA-256 of everything, in hexadecimal digits."""
        return digest({"scheme": SCHEME, "settings": self.settings, "factor": self.factor, "volume": self.volume})

    @property
    def anywhere(self) -> Identity:
        """The same on whatever device, in whatever precision, which decide the time, and of the images next to nothing."""
        options = self.settings.get("options")
        if options is None:
            return self
        others = {name: value for name, value in options.items() if name not in ("device", "precision")}
        return replace(self, settings={**self.settings, "options": others})


@dataclass(frozen=True)
class Record:
    """One contender on one case at one factor.

    Attributes:
        values: every measure of every slice.
        seconds: of the whole volume; CPU time where one thread of a CPU worked, else wall time.
        evaluations: of the network a slice.
        machine: that it was measured on, with its threads; CPU time is named, for it compares with no wall time.
        reliability: of the uncertainty; None for one sample.
    """

    values: Mapping[str, list[float]]
    seconds: float
    evaluations: int
    machine: str
    reliability: Reliability | None = None

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Record:
        """The inverse of `dataclasses.asdict` by way of JSON."""
        curve = content["reliability"]
        if curve is not None:
            pairs = {name: tuple(curve[name]) for name in ("predicted", "observed")}
            curve = Reliability(**{**curve, **pairs})
        return cls(**{**content, "reliability": curve})

    @property
    def slices(self) -> int:
        """How many were restored."""
        return len(next(iter(self.values.values())))


def digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of JSON-able content, in hexadecimal digits."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
