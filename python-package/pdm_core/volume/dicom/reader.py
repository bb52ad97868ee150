"""A DICOM file or folder to a volume."""

from __future__ import annotations

from pathlib import Path

from pdm_core.volume.checks import checked_array
from pdm_core.volume.dicom.geometry import ordered, stack_matrix
from pdm_core.volume.dicom.pixels import read_pixels
from pdm_core.volume.dicom.stacks import Stack, choose_stack, find_stacks
from pdm_core.volume.volume import Volume


def read_dicom(source: Path, series: str | None = None) -> Volume:
    """Read one stack of slices.

    Args:
        source: a DICOM file (one slice or multi-frame) or a folder that is searched through.
        series: the stack to read where there are several.

    Raises:
        InputError: no image there, a choice is needed, or the slices form no regular grid.
    """
    stack = choose_stack(dicom_stacks(source), series, source)
    return _volume(stack, f"{source}, series {stack.id}")


def dicom_stacks(source: Path) -> list[Stack]:
    """All stacks of slices in a file or folder, by the order of its files."""
    files = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())
    return find_stacks(files)


def _volume(stack: Stack, source: str) -> Volume:
    frames = ordered(stack.frames)
    thickness = stack.facts.get("slice_thickness_mm")
    matrix = stack_matrix(frames, source, None if thickness is None else float(thickness))
    array = read_pixels(frames, (len(frames), *frames[0].size))
    return Volume(checked_array(array, source), matrix, stack.facts)
