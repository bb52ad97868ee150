"""The slice direction of one run: how many slices become how many, how thick they were, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pdm_core.degradation.finer_grid import along_slices, finer_matrix
from pdm_core.degradation.profile import SliceOperator, SliceProfile
from pdm_core.errors import InputError
from pdm_core.pipeline.lattice import Lattice
from pdm_core.pipeline.options import SuperResolutionOptions
from pdm_core.volume.volume import FloatArray
from pdm_core.zoo import ModelCard

THICKNESS = "slice_thickness_mm"
_OF_MEASURED_SLICES = (THICKNESS, "spacing_between_slices_mm")
# Slices thinner or thicker than these shares of their distance are no slices: a header or a slip of the pen.
_PLAUSIBLE = (0.2, 2.5)
_AS_FINE_AS_PIXELS = 1.05


@dataclass(frozen=True)
class SliceGrid:
    """The stack before and after.

    Attributes:
        operator: between the fine samples and the slices.
        thickness_mm: that it assumes.
        thickness_from: where that comes from: "options", "metadata" or "spacing".
    """

    operator: SliceOperator
    thickness_mm: float
    thickness_from: str

    @classmethod
    def of(cls, lattice: Lattice, options: SuperResolutionOptions) -> SliceGrid:
        """The grid of a through-plane run.

        Raises:
            InputError: one slice, slices as fine as the pixels, or a thickness that cannot be.
        """
        slices, distance = lattice.shape[0], lattice.spacing[2]
        _refuse_without_gain(lattice)
        factor = options.factor or distance / lattice.pixel
        thickness, source = _thickness(lattice, options)
        profile = SliceProfile(options.profile, thickness / distance)
        operator = SliceOperator(slices, max(slices, round(slices * factor)), options.align, profile)
        return cls(operator, thickness, source)

    def finer(self, lattice: Lattice) -> Lattice:
        """The restored volume's lattice: in the same place in the patient in mm, its slices no longer the measured ones."""
        matrix = finer_matrix(lattice.ijk_to_ras, (1.0, 1.0, self.operator.factor), self.operator.align)
        metadata = {name: value for name, value in lattice.metadata.items() if name not in _OF_MEASURED_SLICES}
        return Lattice((self.operator.high, *lattice.shape[1:]), matrix, metadata)

    def interpolated(self, slices: FloatArray) -> FloatArray:
        """B y: a stack (K, J, I) on the fine grid with nothing added."""
        array: FloatArray = along_slices(self.operator.interpolated, torch.from_numpy(slices)).numpy()
        return array

    def refuse_unserved(self, lattice: Lattice, card: ModelCard, options: SuperResolutionOptions) -> None:
        """Raise `InputError` where slices as fine as the pixels are beyond the model; given factors were checked before."""
        factor = lattice.spacing[2] / lattice.pixel
        if options.factor is not None or card.supports(factor):
            return
        low, high = card.factors
        raise InputError(
            f"To reach the pixels of {lattice.pixel:.3g} mm, the slices of {lattice.spacing[2]:.3g} mm would have to become "
            f"{factor:.3g} times finer; the model {card.name} serves factors from {low:g} to {high:g}.",
            "Use the mode through-plane with a factor within that range; an isotropic run can do with a smaller factor of the "
            "pixels, or none.",
        )


def _refuse_without_gain(lattice: Lattice) -> None:
    if lattice.shape[0] < 2:
        raise InputError("The volume has one slice: there is nothing between slices to restore.", "Choose a whole series.")
    if lattice.spacing[2] <= _AS_FINE_AS_PIXELS * lattice.pixel:
        raise InputError(
            f"The slices ({lattice.spacing[2]:.3g} mm apart) are already as fine as the pixels ({lattice.pixel:.3g} mm).",
            "Through-plane restoration is for volumes with thick slices; these are taken along the axis with clearly the "
            "longest voxels, or along the third axis where there is none.",
        )


def _thickness(lattice: Lattice, options: SuperResolutionOptions) -> tuple[float, str]:
    """Thickness in mm, and where it comes from."""
    distance = lattice.spacing[2]
    low, high = (share * distance for share in _PLAUSIBLE)
    if options.thickness_mm is not None:
        if not low <= options.thickness_mm <= high:
            raise InputError(
                f"A thickness of {options.thickness_mm:g} mm does not go with slices {distance:.3g} mm apart.",
                f"Use a number from {low:.2g} to {high:.2g}, or none.",
            )
        return options.thickness_mm, "options"
    try:
        known = float(lattice.metadata[THICKNESS])
    except (KeyError, TypeError, ValueError):
        return distance, "spacing"
    return (known, "metadata") if low <= known <= high else (distance, "spacing")
