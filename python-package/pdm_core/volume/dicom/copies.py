"""Files of one slice that exist twice, which are told from repeated scans of one place."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from pdm_core.errors import InputError
from pdm_core.volume.dicom.frames import Frame
from pdm_core.volume.dicom.geometry import same_place
from pdm_core.volume.dicom.pixels import read_pixels


def refuse_copies(frames: Sequence[Frame], source: str) -> None:
    """Raise `InputError` where the first two slices of one place are the same image in two files.

    Args:
        frames: in their order along the normal.
        source: for the message.
    """
    normal = frames[0].normal
    places = [float(frame.position @ normal) for frame in frames]
    pairs = (pair for number, pair in enumerate(pairwise(frames)) if same_place(*places[number:][:2]))
    first, second = next(pairs, (None, None))
    if first is not None and second is not None and first.path != second.path and _is_copy(first, second):
        raise InputError(
            f"{source}: {first.path} and {second.path} hold the same image.", "Remove the files that exist twice."
        )


def _is_copy(first: Frame, second: Frame) -> bool:
    if first.instance_uid and first.instance_uid == second.instance_uid:
        return True
    one, other = (read_pixels([frame], (1, *frame.size))[0] for frame in (first, second))
    return np.array_equal(one, other)
