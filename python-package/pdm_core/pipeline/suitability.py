"""Whether a model and a volume suit each other: what is refused, and what the user is warned of (SLICER §2, row 23)."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pdm_core.degradation.bandwidth import Bandwidth
from pdm_core.diffusion.bridges import build_bridge
from pdm_core.diffusion.sampling import SamplingPlan
from pdm_core.errors import InputError
from pdm_core.pipeline.lattice import Lattice
from pdm_core.pipeline.slices import SliceGrid
from pdm_core.volume.dicom.derivation import ESTIMATE
from pdm_core.volume.read import notes_on_reading
from pdm_core.zoo import ModelCard
from pdm_core.zoo.card import notes_on_spacing

# Output beyond this many voxels would not fit the memory of a workstation.
_MAX_OUTPUT_VOXELS = 2**31
# New slices finer or coarser than these shares of the pixels do not occur in training.
_FINEST_SLICES, _COARSEST_SLICES = 0.9, 1.7


def refuse_unworkable(lattice: Lattice, card: ModelCard, growth: float) -> None:
    """Raise `InputError` for a volume that this model cannot work on; `growth` is the ratio of voxels after and before."""
    rows, columns = lattice.shape[1:]
    if min(rows, columns) < card.min_matrix:
        raise InputError(
            f"The slices have {columns} x {rows} pixels; the model {card.name} needs at least {card.min_matrix} on each side.",
            "Choose a series with a larger matrix.",
        )
    voxels = math.prod(lattice.shape) * growth
    if voxels > _MAX_OUTPUT_VOXELS:
        raise InputError(f"The output would have {voxels:.2g} voxels.", "Use a smaller factor or crop the volume.")


def notes_on_samples(card: ModelCard, plan: SamplingPlan, samples: int) -> Iterator[str]:
    """What to say of several samples that hardly differ: an aligned bridge starts at a_K = 0, one step ignores the noise."""
    if samples > 1 and plan.steps == 1 and build_bridge(card.bridge).starts_at_lr:
        yield (
            "With one step the samples differ only by how the model sees the slices, flipped or transposed: "
            "their mean is good, but their spread is far smaller than that of samples of three or more steps."
        )


def notes_on_source(lattice: Lattice) -> Iterator[str]:
    """What to say of images that are no MRI, were computed from others, or whose place in the patient is not certain."""
    yield from notes_on_reading(lattice.metadata)
    modality = lattice.metadata.get("modality")
    if modality not in (None, "", "MR"):
        yield f"The modality is {modality}, not MR: the model has never seen such images."
    yield from _notes_on_origin(lattice)


def _notes_on_origin(lattice: Lattice) -> Iterator[str]:
    """What to say of images that were computed from others, as far as their headers tell."""
    kind = str(lattice.metadata.get("image_type", "")).split("/")
    if ESTIMATE in kind:
        yield "The input is itself a result of super-resolution: what was estimated there is taken for measured here."
    elif kind[0] == "DERIVED":
        yield (
            "The headers mark the input as a derived image, not as acquired: what was computed before "
            "(smoothed, reformatted, interpolated) is taken for measured."
        )


def notes_on_pixels(lattice: Lattice, card: ModelCard, factor: float, bandwidth: Bandwidth) -> Iterator[str]:
    """What a careful user should know before trusting this model within the slices of this volume."""
    yield from notes_on_spacing(card, lattice.spacing)
    if bandwidth.interpolated:
        rows, columns = bandwidth.true_size((lattice.shape[1], lattice.shape[2]))
        yield (
            f"The scanner has interpolated this image: of its {lattice.shape[2]} x {lattice.shape[1]} matrix about "
            f"{columns} x {rows} was measured. The projection keeps the empty band between them empty, "
            f"so a factor of {factor:g} adds less than it would to the measured matrix."
        )


def notes_on_slices(lattice: Lattice, card: ModelCard, grid: SliceGrid) -> Iterator[str]:
    """What a careful user should know before trusting this model between the slices of this volume."""
    yield from notes_on_spacing(card, lattice.spacing)
    distance, thickness = lattice.spacing[2], grid.operator.profile.thickness
    if grid.thickness_from == "spacing":
        yield (
            f"The slice thickness is not known: it is taken as the slices' distance, {distance:.2f} mm, as if there were "
            "neither gaps nor overlaps. Give it if you know it (thickness_mm, --thickness)."
        )
    low, high = card.thickness or (thickness, thickness)
    if not 0.99 * low <= thickness <= 1.01 * high:
        yield (
            f"The slices are {grid.thickness_mm:.2f} mm thick at a distance of {distance:.2f} mm, a ratio of {thickness:.2f}; "
            f"the model {card.name} was trained on {low:g} to {high:g}: its detail is less certain here."
        )
    ratio = distance / grid.operator.factor / lattice.pixel
    if not _FINEST_SLICES <= ratio <= _COARSEST_SLICES:
        yield (
            f"The new slices will be {ratio * lattice.pixel:.2f} mm apart, the pixels are {lattice.pixel:.2f} mm; "
            f"the model {card.name} was trained on slices about as fine as the pixels."
        )
