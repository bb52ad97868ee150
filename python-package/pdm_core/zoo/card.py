"""The card of a model: what it is for, what it was trained on, how good it was measured to be, and its checksum."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from pdm_core.errors import InputError


@dataclass(frozen=True)
class ModelCard:
    """A model of the zoo.

    Attributes:
        name: short name, also of the files.
        title: one line for lists.
        purpose: what it does, for a radiologist.
        version: of the weights.
        mode: "in-plane" or "through-plane".
        method: system of the paper that it belongs to.
        network: `pdm_core.networks.build_network` configuration.
        bridge: fields of `pdm_core.diffusion.Bridge`.
        parameterization: "residual" or "epsilon".
        residual_std: pairs (factor, s_d) for the residual preconditioning.
        sampler: defaults: sampler, steps of a single sample, sample_steps of several, grid, eta, rule.
        factors: smallest and largest factor.
        spacing_mm: smallest and largest pixel spacing of the low-resolution images it was trained on; of through-plane models
            the distance of their slices.
        min_matrix: pixels that each side of a slice must have.
        contrasts: what the training images were.
        data: data sets with name, licence and citation.
        licence: of the weights.
        parameters: number of weights.
        training: recipe, steps, hardware and date.
        quality: measured tables with convention, command, machine and date.
        limits: what a user must know, and what falls short with the reason.
        thickness: smallest and largest slice thickness as a share of the slices' distance that a through-plane model was
            trained on; None for the others.
        sha256: of the weight file.
        smoke: input seed and expected statistics of one forward pass, for `models verify`.
    """

    name: str
    title: str
    purpose: str
    version: str
    mode: str
    method: str
    network: Mapping[str, Any]
    bridge: Mapping[str, Any]
    parameterization: str
    residual_std: tuple[tuple[float, float], ...]
    sampler: Mapping[str, Any]
    factors: tuple[float, float]
    spacing_mm: tuple[float, float]
    min_matrix: int
    contrasts: tuple[str, ...]
    data: tuple[Mapping[str, str], ...]
    licence: str
    parameters: int
    sha256: str
    smoke: Mapping[str, float]
    training: Mapping[str, Any] = field(default_factory=dict)
    quality: Mapping[str, Any] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    thickness: tuple[float, float] | None = None
    weights: Path = Path()

    def supports(self, factor: float) -> bool:
        """Whether the model was trained for `factor`, give or take what rounding a matrix to whole pixels does to it."""
        rounding = 1.0 + 0.5 / self.min_matrix
        return self.factors[0] / rounding <= factor <= self.factors[1] * rounding

    def as_json(self) -> str:
        """The card as it stands in its file."""
        content = asdict(self)
        del content["weights"]
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def read_card(path: Path) -> ModelCard:
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
    known = {item.name for item in fields(ModelCard)} - {"weights"}
    for complaint, keys in (("unknown", set(content) - known), ("missing", _required() - set(content))):
        if keys:
            raise InputError(f"The model card {path} has {complaint} entries: {', '.join(sorted(keys))}.")
    try:
        return ModelCard(**{**content, **_tuples(content)}, weights=path.with_suffix(".safetensors"))
    except (TypeError, ValueError) as error:
        raise InputError(f"The model card {path} is malformed: {error}.") from error


def _required() -> set[str]:
    return {item.name for item in fields(ModelCard)} - {"weights", "training", "quality", "limits", "thickness"}


def _tuples(content: Mapping[str, Any]) -> dict[str, Any]:
    """The entries that JSON holds as lists, as the tuples that the card promises."""
    low, high = (float(value) for value in content["factors"])
    finest, coarsest = (float(value) for value in content["spacing_mm"])
    thickness = content.get("thickness")
    return {
        "factors": (low, high),
        "spacing_mm": (finest, coarsest),
        "residual_std": tuple((float(factor), float(std)) for factor, std in content["residual_std"]),
        "contrasts": tuple(content["contrasts"]),
        "data": tuple(content["data"]),
        "limits": tuple(content.get("limits", ())),
        "thickness": None if thickness is None else (float(thickness[0]), float(thickness[1])),
    }
