"""Whether zones can be those of a prostate: the flags that go with them, each a sentence for a person."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pdm_core.segmentation.labels import GLAND, PERIPHERAL_ZONE, TRANSITION_ZONE, ZONES
from pdm_core.volume.volume import Matrix, Volume

# Between the gland of a young man and the largest adenomas; 20 to 80 ml are common.
_PLAUSIBLE_ML = (10.0, 300.0)
# Share of its ellipsoid that a gland fills: looked at once, it was 0.86 or more for 38 labellings of prostates by people and
# networks, and mostly less than this for what a network has drawn in brains and a knee.
_LEAST_FILL = 0.8
# A gland that still has this share of its largest section at the border continues beyond it.
_CUT_OFF = 0.5
_FACES = (("left", "right"), ("posterior", "anterior"), ("inferior", "superior"))
_UNSURE = 0.7


def volumes_ml(labels: Volume) -> dict[str, float]:
    """Volume of each zone and of the gland, both together, in ml."""
    voxel = abs(float(np.linalg.det(labels.ijk_to_ras[:3, :3]))) / 1000.0
    volumes = {zone.key: voxel * int(np.count_nonzero(labels.array == label)) for label, zone in ZONES.items()}
    volumes[GLAND.key] = sum(volumes.values())
    return {name: round(value, 3) for name, value in volumes.items()}


def flags_of(labels: Volume, confidence: float) -> Iterator[str]:
    """What speaks against these zones; nothing when they look as zones do.

    Args:
        labels: 0 background, 1 peripheral zone, 2 transition zone.
        confidence: mean probability of the label within the gland.
    """
    volumes = volumes_ml(labels)
    if volumes[GLAND.key] == 0.0:
        yield "No gland was found: it is not in view, or this is not a T2 scan of the pelvis."
        return
    for zone in ZONES.values():
        if volumes[zone.key] == 0.0:
            yield f"No {zone.name.lower()} was found, only the other zone."
    low, high = _PLAUSIBLE_ML
    if not low <= volumes[GLAND.key] <= high:
        yield (
            f"The gland has {volumes[GLAND.key]:.1f} ml; {low:g} to {high:g} ml are plausible: it is not whole in view, or "
            "what was found is no prostate."
        )
    filled = ellipsoid_fill(labels)
    if filled < _LEAST_FILL:
        yield (
            f"The shape is not that of a prostate: it fills {100 * filled:.0f} % of an ellipsoid of its extent, where glands "
            "fill nearly all; what was found may be something else."
        )
    yield from _at_the_border(labels)
    yield from _upside_down(labels)
    if confidence < _UNSURE:
        yield f"The model is not sure: within the gland its labels have a mean probability of {confidence:.2f}."


def ellipsoid_fill(labels: Volume) -> float:
    """Volume of the gland as a share of the ellipsoid's with its second moments: 1 for an ellipsoid, less for all else."""
    axes = labels.ijk_to_ras[:3, :3]
    places = np.argwhere(labels.array > 0)[:, ::-1] @ axes.T
    # The voxels' own extent belongs to the moments too, or a thin gland would have none.
    moments = np.cov(places, rowvar=False, bias=True) + axes @ axes.T / 12.0
    ellipsoid = 4.0 / 3.0 * np.pi * np.sqrt(np.linalg.det(5.0 * moments))
    return float(len(places) * abs(np.linalg.det(axes)) / ellipsoid)


def _at_the_border(labels: Volume) -> Iterator[str]:
    gland = labels.array > 0
    for axis in range(3):
        sections = gland.sum(axis=tuple(other for other in range(3) if other != axis))
        for end in (0, -1):
            if not sections[end]:
                continue
            face = _face(labels.ijk_to_ras, axis, end)
            if sections[end] < _CUT_OFF * sections.max():
                yield f"The gland touches the {face} border of the volume: a part may lie beyond it."
            else:
                yield f"The gland is cut off at the {face} border of the volume: it is not whole in view."


def _face(ijk_to_ras: Matrix, axis: int, end: int) -> str:
    """The side of the patient at which an end of an axis of the array `[K, J, I]` lies."""
    outward = ijk_to_ras[:3, 2 - axis] * (1.0 if end else -1.0)
    nearest = int(np.abs(outward).argmax())
    return _FACES[nearest][int(outward[nearest] > 0)]


def _upside_down(labels: Volume) -> Iterator[str]:
    """The peripheral zone lies behind the transition zone; where it does not, orientation or anatomy is another."""
    peripheral, transition = (_anterior_mm(labels, label) for label in ZONES)
    if peripheral > transition:
        yield (
            f"The {PERIPHERAL_ZONE.name.lower()} lies in front of the {TRANSITION_ZONE.name.lower()}, not behind it: "
            "the orientation of the volume may be wrong, or this is no prostate."
        )


def _anterior_mm(labels: Volume, label: int) -> float:
    """How far to the front the centre of a label lies; not a number when there is none."""
    found = np.argwhere(labels.array == label)
    if not len(found):
        return float("nan")
    return float(labels.ijk_to_ras[1] @ np.append(found.mean(axis=0)[::-1], 1.0))
