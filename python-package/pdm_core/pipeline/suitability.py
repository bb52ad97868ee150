"""Whether a model and a volume suit each other: what is refused, and what the user is warned of (SLICER §2, row 23)."""

from __future__ import annotations

from collections.abc import Iterator

from pdm_core.degradation.bandwidth import Bandwidth
from pdm_core.diffusion.bridge import Bridge
from pdm_core.diffusion.sampling import SamplingPlan
from pdm_core.errors import InputError
from pdm_core.pipeline.intensity import IntensityMap
from pdm_core.pipeline.options import SuperResolutionOptions
from pdm_core.volume.volume import Volume
from pdm_core.zoo import ModelCard
from pdm_core.zoo.validity import notes_on_spacing

# Output beyond this many voxels would not fit the memory of a workstation.
_MAX_OUTPUT_VOXELS = 2**31


def refuse_unworkable(volume: Volume, card: ModelCard, factor: float) -> None:
    """Raise `InputError` for a volume that this model cannot work on."""
    rows, columns = volume.shape[1:]
    if min(rows, columns) < card.min_matrix:
        raise InputError(
            f"The slices have {columns} x {rows} pixels; the model {card.name} needs at least {card.min_matrix} on each side.",
            "Choose a series with a larger matrix.",
        )
    if volume.array.size * factor**2 > _MAX_OUTPUT_VOXELS:
        raise InputError(
            f"The output would have {volume.array.size * factor**2:.2g} voxels.",
            "Use a smaller factor or crop the volume.",
        )
    IntensityMap.of(volume.array)


def warnings_for(
    volume: Volume, card: ModelCard, options: SuperResolutionOptions, plan: SamplingPlan, bandwidth: Bandwidth
) -> Iterator[str]:
    """What a careful user should know before trusting this model on this volume."""
    if options.samples > 1 and plan.steps == 1 and Bridge.from_dict(card.bridge).at(1.0).a == 0.0:
        # An aligned bridge starts at a_K = 0: one step ignores the noise.
        yield (
            "With one step the samples differ only by how the model sees the slices, flipped or transposed: "
            "their mean is good, but their spread is far smaller than that of samples of three or more steps."
        )
    yield from notes_on_spacing(card, volume.spacing)
    modality = volume.metadata.get("modality")
    if modality not in (None, "", "MR"):
        yield f"The modality is {modality}, not MR: the model has never seen such images."
    if bandwidth.interpolated:
        rows, columns = bandwidth.true_size((volume.shape[1], volume.shape[2]))
        yield (
            f"The scanner has interpolated this image: of its {volume.shape[2]} x {volume.shape[1]} matrix about "
            f"{columns} x {rows} was measured. The projection keeps the empty band between them empty, "
            f"so a factor of {options.factor:g} adds less than it would to the measured matrix."
        )
