"""Recipes: everything that decides a training run, in one validated YAML or JSON file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from pdm_core.diffusion.denoisers import COMPLEX_SCORE
from pdm_core.diffusion.symmetric import FLIPS, SYMMETRIES
from pdm_core.errors import InputError
from pdm_core.methods.registry import PDM, find_method
from pdm_core.training.dataset.index import DataSource
from pdm_core.training.degradations import Degradation, degradation_of
from pdm_core.training.recipe_files import recipe_content
from pdm_core.training.run_recipe import RunRecipe
from pdm_core.training.zones.recipe import ZoneRecipe, zone_recipe
from pdm_core.zoo import ModelCard, find_model

# What a network is told: noise level, factor and, for through-plane models, the slices' thickness.
_SCALARS = {"in-plane": 2, "through-plane": 3}
# A student of more steps gains nothing over its teacher.
_MOST_STEPS = 4


@dataclass(frozen=True)
class Distillation:
    """Consistency distillation along the trajectory of a trained model (SCIENCE §0.4, §1.6).

    Attributes:
        teacher: name of the model in the zoo, or path of its card.
        steps: network evaluations that the student is made for, 1 to 4.
        scales: intervals that the trajectory from u = 1 to 0 is cut into; a step of the teacher spans one. With fewer than
            `steps` the student would be asked at times that it has never seen. With one there is nothing to be consistent
            with: the student learns the teacher's own estimate at u = 1.
        views: flipped and transposed views of the images, 1 to 8, that the teacher's estimate is the mean over (see
            `Symmetry`): their errors differ, so the mean is nearer to the truth.
    """

    teacher: str
    steps: int = 2
    scales: int = 18
    views: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= _MOST_STEPS:
            raise InputError(f"A student of {self.steps} steps is not possible.", f"Choose 1 to {_MOST_STEPS}.")
        if self.scales < self.steps:
            raise InputError(
                f"{self.scales} scales are too few for {self.steps} steps.",
                "Use 18 or more, or for one step 1: its student learns the teacher's own estimate.",
            )
        if self.views not in range(1, SYMMETRIES + 1):
            raise InputError(f"A teacher cannot be asked for {self.views} views.", f"Choose 1 to {SYMMETRIES}.")

    @property
    def averages(self) -> bool:
        """Whether the student learns the mean of all answers, as its teacher gives it at u = 1, and not one of them."""
        return self.scales == 1


@dataclass(frozen=True, kw_only=True)
class Recipe(RunRecipe):
    """A training run of a super-resolution model.

    Attributes:
        method: the system of `pdm_core.methods` that gives bridge, parameterization and loss where a recipe file names none.
        network: preset and overrides for `pdm_core.networks.build_network`.
        bridge: fields for `pdm_core.diffusion.build_bridge`.
        parameterization: see `pdm_core.diffusion.denoisers.PARAMETERIZATIONS`.
        mode: "in-plane" or "through-plane": along which axes resolution is restored.
        factors: smallest and largest factor.
        degradation: how training images lose resolution, see `degradation_of`; left out the usual way of the mode.
        thickness: smallest and largest slice thickness as a share of the slices' distance, for through-plane models.
        crop: edge of the square training crops in pixels.
        start_share: share of samples drawn at u = 1, where sampling starts and one-step use ends.
        bandwidth_share: share of slices whose bandwidth is lowered first, so that finer matrices of coarser scans occur.
        loss: "l1", "mse" or "huber" on the unit-variance target.
        adversarial: weight of a discriminator's opinion in the loss, as in SRGAN; 0 for none.
        discriminator: arguments of `pdm_core.networks.discriminator.Discriminator`; none for SRGAN's size.
        initial: name of the model, or path of its card, whose weights the run starts from; empty starts from random ones.
            A recipe file that names one may leave out network, bridge and parameterization: they are the model's.
        distillation: makes a consistency model of a trained one instead of a denoiser; None trains a denoiser.
    """

    method: str = PDM.name
    bridge: Mapping[str, Any] = field(default_factory=lambda: PDM.bridge)
    parameterization: str = PDM.parameterization
    mode: str = "in-plane"
    factors: tuple[float, float] = (1.5, 4.0)
    degradation: Mapping[str, Any] = field(default_factory=dict)
    thickness: tuple[float, float] = (0.7, 1.3)
    crop: int = 96
    start_share: float = 0.35
    bandwidth_share: float = 0.3
    loss: str = PDM.loss
    adversarial: float = 0.0
    discriminator: Mapping[str, Any] = field(default_factory=dict)
    initial: str = ""
    distillation: Distillation | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        # Impossible settings are refused here, before long work.
        degradation_of(self.mode, self.thickness, self.degradation)

    def complaints(self) -> dict[str, bool]:
        """What may be wrong, and whether it is fine."""
        low, high = self.factors
        views = 1 if self.distillation is None else self.distillation.views
        return {
            **super().complaints(),
            f"factors {low:g} to {high:g} must satisfy 1 < low <= high": 1.0 < low <= high,
            f"mode {self.mode!r} must be in-plane or through-plane": self.mode in ("in-plane", "through-plane"),
            f"thickness {self.thickness} must satisfy 0 < low <= high": 0.0 < self.thickness[0] <= self.thickness[1],
            f"a network for {self.mode} takes {_SCALARS.get(self.mode)} scalars": (
                self.network.get("scalars", 2) == _SCALARS.get(self.mode)
            ),
            f"crop {self.crop} must be at least 32": self.crop >= 32,
            f"loss {self.loss!r} must be l1, mse or huber": self.loss in ("l1", "mse", "huber"),
            f"adversarial {self.adversarial:g} must not be negative": self.adversarial >= 0.0,
            "a discriminator judges restored images: adversarial above 0 needs the parameterization regression": (
                self.adversarial <= 0.0 or self.parameterization == "regression"
            ),
            "a discriminator is described, but adversarial is 0": self.adversarial > 0.0 or not self.discriminator,
            f"complex images are restored within the slices: {COMPLEX_SCORE} needs the mode in-plane": (
                self.parameterization != COMPLEX_SCORE or self.mode == "in-plane"
            ),
            "a distillation needs the parameterization residual": (
                self.distillation is None or self.parameterization == "residual"
            ),
            f"{views} views would transpose planes whose rows are slices; for {self.mode} choose 1 to {FLIPS}": (
                self.mode != "through-plane" or views <= FLIPS
            ),
            "a student must start from its teacher": self.distillation is None or self.initial == self.distillation.teacher,
            f"start_share {self.start_share:g} and bandwidth_share {self.bandwidth_share:g} must lie in [0, 1]": (
                min(self.start_share, self.bandwidth_share) >= 0.0 and max(self.start_share, self.bandwidth_share) <= 1.0
            ),
        }

    @property
    def keeps_last(self) -> bool:
        """Whether the last weights are the best, whatever the PSNR of the validations says.

        It is highest for the mean of all answers, which a student leaves for one of them, unless that mean is its aim, and a
        network that has to please a discriminator for one that looks true.
        """
        leaves_mean = self.distillation is not None and not self.distillation.averages
        return leaves_mean or self.adversarial > 0.0

    @property
    def loss_of_resolution(self) -> Degradation:
        """How the training images lose resolution."""
        return degradation_of(self.mode, self.thickness, self.degradation)


def load_recipe(path_or_name: str | Path) -> Recipe | ZoneRecipe:
    """Read a recipe from a YAML or JSON file, or a bundled one by its name (see `recipe_files`).

    Raises:
        InputError: the file is missing, is no mapping, or holds an unknown or impossible value.
    """
    return _from_mapping(recipe_content(path_or_name), str(path_or_name))


def _with_its_method(values: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of a recipe, and those that it takes over from its method; of a bridge of the same kind only the rest."""
    method = find_method(values.get("method", PDM.name))
    said = {word: getattr(method, word) for word in ("bridge", "parameterization", "loss", "adversarial")}
    if "method" in values:
        said["network"] = {"preset": method.network}
    own = values.get("bridge", {})
    kind = method.bridge.get("kind", "vp")
    bridge = {**method.bridge, **own} if own.get("kind", kind) == kind else own
    return {**said, **values, "bridge": bridge}


def _as_in(card: ModelCard) -> dict[str, Any]:
    """The entries that a run takes over from the model that it starts from."""
    taken = {"mode": card.mode, "network": card.network, "bridge": card.bridge, "parameterization": card.parameterization}
    return taken if card.thickness is None else {**taken, "thickness": card.thickness}


def _from_mapping(content: Mapping[str, Any], source: str) -> Recipe | ZoneRecipe:
    kind: type[RunRecipe] = ZoneRecipe if content.get("mode") == "zones" else Recipe
    known = {item.name for item in fields(kind)}
    unknown = sorted(set(content) - known)
    if unknown:
        raise InputError(f"The recipe {source} holds unknown entries: {', '.join(unknown)}.", "Check their spelling.")
    try:
        values = dict(content)
        if "data" in values:
            values["data"] = tuple(DataSource(**item) for item in values["data"])
        if kind is ZoneRecipe:
            return zone_recipe(values)
        for name in {"factors", "thickness"} & set(values):
            low, high = values[name]
            values[name] = (float(low), float(high))
        if "distillation" in values:
            values["distillation"] = Distillation(**values["distillation"])
            values.setdefault("initial", values["distillation"].teacher)
        if "initial" in values and "network" not in values:
            values = {**_as_in(find_model(values["initial"])), **values}
        return Recipe(**_with_its_method(values))
    except (TypeError, ValueError) as error:
        raise InputError(f"The recipe {source} is incomplete or malformed: {error}.") from error
