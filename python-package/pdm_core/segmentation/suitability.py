"""Whether a volume can hold a prostate to segment: what is refused before the work, and what the user is warned of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath

import numpy as np

from pdm_core.errors import InputError
from pdm_core.segmentation.body_part import holds_prostate
from pdm_core.volume.checks import refuse_labels
from pdm_core.volume.read import notes_on_reading
from pdm_core.volume.slice_axis import thick_axis
from pdm_core.volume.volume import Volume

_LEAST_SLICES = 3
# Beyond this, zones of a few millimetres are lost between the voxels.
_COARSEST_MM = 8.0
_LEAST_EXTENT_MM = 20.0
# Pixels are at most this far from square.
_SQUARE = 2.0
# Words of other contrasts, as they stand in series descriptions and file names between separators.
_OTHER_CONTRAST = re.compile(
    r"(?<![a-z])(adc|dwi|ep2d|diff|trace|bval|b\d{3,4}|dce|perf|flair|t1w?|vibe|swi|tof)(?![a-z0-9])", re.IGNORECASE
)
# T2 scans of the pelvis have echo times of about 100 ms, T1 and proton density scans of under 40.
_SHORT_ECHO_MS = 40.0
_PLANES = ("sagittal", "coronal", "axial")


def refuse_unworkable(volume: Volume) -> None:
    """Raise `InputError` for a volume in which no zones can be found, whatever the model."""
    _refuse_other_body(volume)
    slices = min(volume.shape)
    if slices < _LEAST_SLICES:
        raise InputError(
            f"The volume has {slices} slice{'' if slices == 1 else 's'}; the zones need a volume.",
            f"Give a series of at least {_LEAST_SLICES} slices through the whole gland.",
        )
    spacing = volume.spacing
    sizes = " x ".join(f"{value:.2f}" for value in spacing)
    fine, middle, coarse = sorted(spacing)
    if coarse > _COARSEST_MM:
        raise InputError(f"The voxels are {sizes} mm, too coarse for zones.", f"Give a scan of at most {_COARSEST_MM:g} mm.")
    if middle > _SQUARE * fine and thick_axis(spacing) is None:
        raise InputError(
            f"The voxels are {sizes} mm, coarse along two axes: they form no slices.",
            "Give the scan as it was acquired, or resample it to cubes first.",
        )
    extent = min(number * size for number, size in zip(volume.shape[::-1], spacing, strict=True))
    if extent < _LEAST_EXTENT_MM:
        raise InputError(
            f"The volume is {extent:.0f} mm across at its thinnest; a prostate does not fit in.",
            "Give a series through the whole gland.",
        )
    refuse_labels(volume)


def notes_on(volume: Volume) -> Iterator[str]:
    """What a careful user should know before trusting zones of this volume."""
    facts = volume.metadata
    yield from notes_on_reading(facts)
    if facts.get("modality") not in (None, "", "MR"):
        yield f"The modality is {facts['modality']}, not MR: the model has never seen such images."
    if holds_prostate(_body_part(volume)) == "unknown":
        yield f"The headers call the body part {_body_part(volume)!r}, which is not known here: see whether it is the pelvis."
    name = str(facts.get("series_description") or PurePath(str(facts.get("path", ""))).name)
    other = _OTHER_CONTRAST.search(name)
    if other is not None and "t2" not in name.lower():
        yield f"The scan is called {name!r}: {other[0]} is not the T2 contrast that the zones are found in."
    echo = facts.get("echo_time_ms")
    if isinstance(echo, int | float) and 0 < echo < _SHORT_ECHO_MS:
        yield f"The echo time is {echo:g} ms, that of no T2 scan; the zones are found in T2 contrast."
    plane = slice_plane(volume)
    if plane not in (None, "axial"):
        yield f"The slices are {plane}; the model was trained on axial ones: its zones are less certain here."


def slice_plane(volume: Volume) -> str | None:
    """The anatomical plane nearest to the slices, or None where voxels are about as long along every axis."""
    thick = thick_axis(volume.spacing)
    return None if thick is None else _PLANES[int(np.abs(volume.ijk_to_ras[:3, thick]).argmax())]


def _refuse_other_body(volume: Volume) -> None:
    """What the headers say is believed when it names another part of the body than the pelvis."""
    body = _body_part(volume)
    if holds_prostate(body) == "no":
        raise InputError(
            f"The headers say that this is a scan of the body part {body}; the zones are those of the prostate.",
            "Give a T2 scan of the pelvis; where the headers are wrong, save the images as NIfTI first.",
        )


def _body_part(volume: Volume) -> str:
    return str(volume.metadata.get("body_part") or "").strip()
