"""The options of a run: one frozen record for the panel, the console, the command line, the batch file and the provenance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from pdm_core.device_names import check_device
from pdm_core.errors import InputError

_CHOICES = {
    "mode": ("in-plane", "through-plane", "isotropic"),
    "sampler": ("auto", "ddim", "ancestral", "dpm++1", "dpm++2m", "consistency", "pc"),
    "grid": ("uniform", "quadratic", "logsnr"),
    "align": ("index0", "fov"),
    "profile": ("box", "gaussian", "sinc"),
    "thickness_matching": ("none", "residual", "average"),
    "precision": ("auto", "float32"),
}


@dataclass(frozen=True)
class SuperResolutionOptions:
    """What to do with a volume.

    Attributes:
        mode: "in-plane": the resolution within the slices; "through-plane": between them, across the slices;
            "isotropic": first within, then between the slices, in one run.
        factor: how many times finer the pixels, or through-plane the slices, become, above 1; the matrix is rounded to whole
            voxels. None lets through-plane slices become as fine as the pixels. Isotropic slices always do: there the factor
            is that of the pixels, and None leaves the pixels as they are.
        thickness_mm: slice thickness (full width at half maximum), which the distance of the slices does not tell: gaps and
            overlaps are common. None takes it from the metadata, else from the distance, with a warning.
        profile: what a slice sees across its thickness: "gaussian", "box", or "sinc" for slice-encoded 3-D scans.
        thickness_matching: what a through-plane network sees: planes across the slices as they are ("none"), or averaged
            until they are as thick as the images of its training; of their estimate all is taken, blur included ("average", as
            in the paper), or only what it adds ("residual").
        model: name in the zoo, path of a card that is not imported, or "auto" for the preferred one.
        sampler: "auto" takes the model's default with its grid and eta; else ddim, ancestral, dpm++1, dpm++2m,
            consistency, or pc (predictor and corrector).
        steps: of the sampling, each one network evaluation (two for pc); None takes the model's default, which is larger for
            several samples.
        start: K/T, the share of the noising at which partial diffusion starts, for models without latent alignment that were
            trained from there on; None starts where the model does.
        samples: independent samples; with two or more the result is their mean, and their spread is the uncertainty.
        seed: makes the run repeatable.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        precision: "auto" lets networks compute in bfloat16 where the device has it in hardware; "float32" never does, for
            images that are the same on other machines up to rounding.
        project: keep what the scanner measured exactly as measured, at every step.
        pad: reflect the borders of slices during the work; for images that were cropped after the scan, whose opposite borders
            would ring into each other. An image as scanned is periodic and restored better without.
        align: "index0" keeps the first voxel's centre in place, "fov" the outer box.
        eta: share of renewed noise for ddim, 0 to 1, or "full".
        grid: times for a chosen sampler: uniform, quadratic or logsnr.
        batch: slices at a time; None fits the device.
        adapt: steps by which the through-plane model is first fine-tuned on the study's own rows and columns, some minutes for
            a few hundred on a CPU; 0 leaves it as it is. Needs `project`: what was measured stays as measured.
    """

    mode: Literal["in-plane", "through-plane", "isotropic"] = "in-plane"
    factor: float | None = 2.0
    thickness_mm: float | None = None
    profile: Literal["box", "gaussian", "sinc"] = "gaussian"
    thickness_matching: Literal["none", "residual", "average"] = "none"
    model: str = "auto"
    sampler: Literal["auto", "ddim", "ancestral", "dpm++1", "dpm++2m", "consistency", "pc"] = "auto"
    steps: int | None = None
    start: float | None = None
    samples: int = 1
    seed: int = 0
    device: str = "auto"
    precision: Literal["auto", "float32"] = "auto"
    project: bool = True
    pad: bool = False
    align: Literal["index0", "fov"] = "index0"
    eta: float | Literal["full"] = 0.0
    grid: Literal["uniform", "quadratic", "logsnr"] = "uniform"
    batch: int | None = None
    adapt: int = 0

    def validate(self) -> None:
        """Raise `InputError` for the first option that is impossible."""
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise InputError(f"There is no {name} {getattr(self, name)!r}.", f"Choose one of: {', '.join(choices)}.")
        if not _is_above(self.factor, 1.0) and (self.factor is not None or self.mode == "in-plane"):
            raise InputError(f"The factor {self.factor!r} is not possible.", "Use a number above 1, such as 2.")
        if not _is_above(self.thickness_mm, 0.0) and self.thickness_mm is not None:
            raise InputError(f"A thickness of {self.thickness_mm!r} mm is not possible.", "Use a number above 0, such as 3.")
        self._check_range("steps", 1, 4000, optional=True)
        self._check_range("samples", 1, 64)
        self._check_range("batch", 1, 4096, optional=True)
        self._check_range("seed", 0, 2**63 - 1)
        self._check_range("adapt", 0, 100_000)
        if self.start is not None and not (_is_number(self.start) and 0.0 < self.start <= 1.0):
            raise InputError(f"start {self.start!r} is not possible.", "Use a number above 0, up to 1, such as 0.25.")
        if self.eta != "full" and not (_is_number(self.eta) and 0.0 <= self.eta <= 1.0):
            raise InputError(f"eta {self.eta!r} is not possible.", 'Use a number from 0 to 1, or "full".')
        if not isinstance(self.model, str) or not self.model:
            raise InputError(f"{self.model!r} is no name of a model.", 'Use "auto" or a name of pdm-sr models list.')
        for name in ("project", "pad"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"{name} {getattr(self, name)!r} is not possible.", "Use true or false.")
        if self.adapt and (self.mode == "in-plane" or not self.project):
            raise InputError(
                "A model is adapted for runs between the slices only, and what was measured must stay as measured.",
                "Use through-plane or isotropic with project, or leave out adapt.",
            )
        check_device(self.device)

    @property
    def label(self) -> str:
        """A short name of what is done, for files: SRx2, SR-through-plane, SR-isotropic-x2."""
        if self.mode == "in-plane":
            return f"SRx{self.factor:g}"
        return f"SR-{self.mode}" + ("" if self.factor is None else f"-x{self.factor:g}")

    def as_dict(self) -> dict[str, Any]:
        """The options, JSON-able."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SuperResolutionOptions:
        """The options that a job or batch file holds; an unknown name is an `InputError`."""
        unknown = sorted(set(values) - {item.name for item in fields(cls)})
        if unknown:
            raise InputError(f"There are no options {', '.join(unknown)}.", "Check their spelling.")
        options = cls(**values)
        options.validate()
        return options

    def _check_range(self, name: str, low: int, high: int, *, optional: bool = False) -> None:
        value = getattr(self, name)
        if value is None and optional:
            return
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not (whole and low <= value <= high):
            raise InputError(f"{name} {value!r} is not possible.", f"Use a whole number from {low} to {high}.")


def _is_above(value: object, low: float) -> bool:
    return isinstance(value, int | float) and _is_number(value) and math.isfinite(value) and value > low


def _is_number(value: object) -> bool:
    # A job file may hold anything; True would otherwise count as 1.
    return isinstance(value, int | float) and not isinstance(value, bool)
