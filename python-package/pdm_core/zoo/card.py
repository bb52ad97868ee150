"""The card of a model: what it is for, what it was trained on, how good it was measured to be, and its checksum."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from pdm_core.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Card:
    """What every model of the zoo says of itself.

    Attributes:
        name: short name, also of the files.
        title: one line for lists.
        purpose: what it does, for a radiologist.
        version: of the weights.
        mode: "in-plane", "through-plane" or "zones".
        network: configuration for `pdm_core.networks`.
        spacing_mm: smallest and largest pixel spacing of the images it was trained on; for super-resolution of the
            low-resolution ones, of through-plane models the distance of their slices.
        contrasts: what the training images were.
        data: data sets with name, licence and citation.
        licence: of the weights.
        parameters: number of weights.
        sha256: of the weight file.
        smoke: input seed and expected statistics of one forward pass, for `models verify`.
        training: recipe, steps, hardware and date.
        quality: measured tables with convention, command, machine and date.
        limits: what a user must know, and what falls short with the reason.
        weights: the file, beside the card's.
    """

    name: str
    title: str
    purpose: str
    version: str
    mode: str
    network: Mapping[str, Any]
    spacing_mm: tuple[float, float]
    contrasts: tuple[str, ...]
    data: tuple[Mapping[str, str], ...]
    licence: str
    parameters: int
    sha256: str
    smoke: Mapping[str, float]
    training: Mapping[str, Any] = field(default_factory=dict)
    quality: Mapping[str, Any] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    weights: Path = Path()

    @property
    def non_commercial(self) -> bool:
        """Whether the licence forbids commercial use, which a user must know before the first one."""
        return re.search(r"\bNC\b|non-?commercial", self.licence, re.IGNORECASE) is not None

    def as_json(self) -> str:
        """The card as it stands in its file."""
        content = asdict(self)
        del content["weights"]
        return json.dumps({name: content[name] for name in _in_order(content)}, indent=1, ensure_ascii=False) + "\n"


@dataclass(frozen=True, kw_only=True)
class ModelCard(Card):
    """A super-resolution model.

    Attributes:
        method: system of the paper that it belongs to.
        bridge: fields for `pdm_core.diffusion.build_bridge`.
        parameterization: see `pdm_core.diffusion.denoisers.PARAMETERIZATIONS`.
        residual_std: pairs (factor, s_d) for the residual preconditioning.
        sampler: defaults: sampler, steps of a single sample, sample_steps of several, grid, eta, rule.
        factors: smallest and largest factor.
        min_matrix: pixels that each side of a slice must have.
        thickness: smallest and largest slice thickness as a share of the slices' distance that a through-plane model was
            trained on; None for the others.
    """

    method: str
    bridge: Mapping[str, Any]
    parameterization: str
    residual_std: tuple[tuple[float, float], ...]
    sampler: Mapping[str, Any]
    factors: tuple[float, float]
    min_matrix: int
    thickness: tuple[float, float] | None = None

    @property
    def complex_images(self) -> bool:
        """Whether it restores complex images, of which a magnitude is one of phase zero."""
        # Here, for cards are read where torch must not be.
        from pdm_core.diffusion.denoisers import COMPLEX_SCORE

        return self.parameterization == COMPLEX_SCORE

    @property
    def undoes_acquisitions(self) -> bool:
        """Whether it was trained on random acquisitions, whose shutters and filters its estimates undo."""
        return bool(self.training.get("recipe", {}).get("degradation", {}).get("kind") == "acquisition")

    def supports(self, factor: float) -> bool:
        """Whether the model was trained for `factor`, give or take what rounding a matrix to whole pixels does to it."""
        rounding = 1.0 + 0.5 / self.min_matrix
        return self.factors[0] / rounding <= factor <= self.factors[1] * rounding


@dataclass(frozen=True, kw_only=True)
class ZoneCard(Card):
    """A model of the prostate's zones.

    Attributes:
        grid_mm: working spacing along slices, rows and columns; see `pdm_core.segmentation.canonical`.
        slices_mm: smallest and largest distance of slices that is worked on as it is.
        window: rows and columns of the window that the network looks through.
        percentiles: of the intensities that become -1 and 1.
        labels: names of the classes, by the values of the label map from 0 on.
    """

    grid_mm: tuple[float, float, float]
    slices_mm: tuple[float, float]
    window: tuple[int, int]
    percentiles: tuple[float, float]
    labels: tuple[str, ...]


AnyCard = TypeVar("AnyCard", bound=Card)
# The entries of a card's file in the order of reading: what it is, how it works, where it comes from, how good it is.
_ORDER = (
    "name", "title", "purpose", "version", "mode", "method", "network", "bridge", "parameterization", "residual_std",
    "sampler", "factors", "grid_mm", "slices_mm", "window", "percentiles", "labels", "spacing_mm", "min_matrix",
    "contrasts", "data", "licence", "parameters", "sha256", "smoke", "training", "quality", "limits", "thickness",
)  # fmt: skip


def read_card(path: Path) -> ModelCard | ZoneCard:
    """Read a card; its weights lie beside it under the same name.

    Raises:
        InputError: the card is no JSON, or an entry is missing, unknown or of the wrong kind.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"The model card {path} cannot be read: {error}.") from error
    if not isinstance(content, dict):
        raise InputError(f"The model card {path} is not a JSON object.")
    kind: type[ModelCard] | type[ZoneCard] = ZoneCard if content.get("mode") == "zones" else ModelCard
    known = {item.name for item in fields(kind)} - {"weights"}
    for complaint, keys in (("unknown", set(content) - known), ("missing", _required(kind) - set(content))):
        if keys:
            raise InputError(f"The model card {path} has {complaint} entries: {', '.join(sorted(keys))}.")
    try:
        return kind(**{**content, **_tuples(content)}, weights=path.with_suffix(".safetensors"))
    except (TypeError, ValueError) as error:
        raise InputError(f"The model card {path} is malformed: {error}.") from error


def notes_on_spacing(card: ModelCard, spacing: tuple[float, float, float]) -> Iterator[str]:
    """Yield what to say of an image whose grid lies outside of the model's experience; nothing when it fits.

    Args:
        card: of the model.
        spacing: distances between voxels in mm along (i, j, k).
    """
    coarse, what = max(spacing[:2]), "The pixels are {:.2f} mm"
    if card.mode == "through-plane":
        coarse, what = spacing[2], "The slices are {:.2f} mm apart"
    low, high = card.spacing_mm
    if not 0.95 * low <= coarse <= 1.05 * high:
        yield (
            f"{what.format(coarse)}; the model {card.name} was trained on {low:.2f} to {high:.2f} mm: "
            "its detail is less certain here."
        )
    if abs(spacing[0] / spacing[1] - 1.0) > 0.05:
        yield f"The pixels are not square ({spacing[0]:.2f} x {spacing[1]:.2f} mm); the training images were."


def _required(kind: type[Card]) -> set[str]:
    return {item.name for item in fields(kind) if item.default is MISSING and item.default_factory is MISSING}


def _in_order(content: Mapping[str, Any]) -> list[str]:
    return sorted(content, key=_ORDER.index)


def _tuples(content: Mapping[str, Any]) -> dict[str, Any]:
    """The entries that JSON holds as lists, as the tuples that the cards promise."""
    pairs = ("factors", "spacing_mm", "slices_mm", "percentiles", "thickness")
    tuples: dict[str, Any] = {name: _numbers(content[name], 2) for name in pairs if content.get(name) is not None}
    if "grid_mm" in content:
        tuples["grid_mm"] = _numbers(content["grid_mm"], 3)
        tuples["window"] = tuple(int(edge) for edge in _numbers(content["window"], 2))
    if "residual_std" in content:
        tuples["residual_std"] = tuple((float(factor), float(std)) for factor, std in content["residual_std"])
    words = ("contrasts", "data", "limits", "labels")
    return {**tuples, **{name: tuple(content[name]) for name in words if name in content}}


def _numbers(values: Sequence[Any], count: int) -> tuple[float, ...]:
    if len(values) != count:
        raise ValueError(f"expected {count} numbers, not {values}")
    return tuple(float(value) for value in values)
