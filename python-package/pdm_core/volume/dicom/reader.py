"""A DICOM file or folder to a volume."""

from __future__ import annotations

from pathlib import Path

from pdm_core.volume.checks import checked_array, refuse_sheared
from pdm_core.volume.dicom.copies import refuse_copies
from pdm_core.volume.dicom.geometry import ordered, stack_matrix
from pdm_core.volume.dicom.grouping import DicomCollector
from pdm_core.volume.dicom.pixels import read_pixels
from pdm_core.volume.dicom.stacks import Stack, choose_stack, name_stacks
from pdm_core.volume.folders import files_by_folder
from pdm_core.volume.volume import NOTES, Volume


def read_dicom(source: Path, series: str | None = None) -> Volume:
    """Read one stack of slices.

    Args:
        source: a DICOM file (one slice or multi-frame) or a folder that is searched through.
        series: the stack to read where there are several.

    Raises:
        InputError: no image there, a choice is needed, or the slices form no regular grid.
    """
    return read_stack(choose_stack(dicom_stacks(source), series, source), source)


def dicom_stacks(source: Path) -> list[Stack]:
    """All stacks of slices in a file or folder, by the order of its files.

    Raises:
        InputError: there are images, but none can be used: all are damaged, in color or do not say where they lie.
    """
    collector = DicomCollector()
    if source.is_file():
        collector.add([source], named=True)
    else:
        for files in files_by_folder(source).values():
            collector.add(files)
    stacks, unusable = collector.finish()
    if unusable and not stacks:
        raise unusable[0].error
    for stack in stacks:
        stack.notes.extend(f"Not used: {file.error.message}" for file in unusable[:1])
    name_stacks(stacks)
    return stacks


def read_stack(stack: Stack, path: Path) -> Volume:
    """The volume of one stack; `path` names it in messages.

    Raises:
        InputError: the slices form no regular grid or cannot be decoded, or a file beside them is damaged.
    """
    if stack.problem is not None:
        raise stack.problem
    source = f"{path}, series {stack.id}"
    frames = ordered(stack.frames)
    refuse_copies(frames, source)
    thickness = stack.facts.get("slice_thickness_mm")
    matrix = stack_matrix(frames, source, None if thickness is None else float(thickness))
    refuse_sheared(matrix, (len(frames), *frames[0].size), source)
    array, padding = read_pixels(frames, (len(frames), *frames[0].size))
    facts = {**stack.facts, NOTES: stack.notes} if stack.notes else stack.facts
    return Volume(checked_array(array, source), matrix, facts, padding)
