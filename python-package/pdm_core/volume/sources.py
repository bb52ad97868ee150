"""What a folder holds: every image file and every stack of DICOM slices in it, as cases with names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pdm_core.errors import InputError
from pdm_core.progress import CancelCheck, Progress, ProgressCallback
from pdm_core.volume.folders import files_by_folder
from pdm_core.volume.images import header_of, image_suffix, read_image
from pdm_core.volume.volume import Volume

if TYPE_CHECKING:
    from pdm_core.volume.dicom.stacks import Stack

_UNSAFE = re.compile(r"[^\w.-]+")


@dataclass(frozen=True)
class VolumeSource:
    """One volume on disk.

    Attributes:
        name: relative path without an ending, unique among its like; fit for the name of an output.
        path: the image file, or the folder of the slices.
        stack: the slices, where they are DICOM.
        problem: why it cannot be read, where that shows before reading.
    """

    name: str
    path: Path
    stack: Stack | None = None
    problem: InputError | None = None

    def read(self) -> Volume:
        """The volume.

        Raises:
            InputError: it cannot be read or worked on.
        """
        if self.problem is not None:
            raise self.problem
        if self.stack is None:
            return read_image(self.path)
        from pdm_core.volume.dicom.reader import read_stack

        return read_stack(self.stack, self.path)


def find_sources(
    inputs: Iterable[Path], progress: ProgressCallback | None = None, cancel: CancelCheck | None = None
) -> list[VolumeSource]:
    """Every volume in files and folders, folders searched through, in the order of the names.

    Args:
        inputs: files and folders.
        progress: receives the folders that are looked through.
        cancel: checked after every folder.

    Raises:
        InputError: an input does not exist, a folder cannot be opened, or there is no volume at all.
        CancelledError: the caller asked to stop.
    """
    sources: list[VolumeSource] = []
    for entry in inputs:
        if not entry.exists():
            raise InputError(f"{entry} does not exist.", "Check the path.")
        if entry.is_file():
            sources.extend(_in_files([entry], entry.parent))
        else:
            folders = files_by_folder(entry)
            meter = Progress("looking through folders", len(folders), progress, cancel)
            for files in folders.values():
                sources.extend(_in_files(files, entry))
                meter.advance()
    if not sources:
        raise InputError(f"There is no image in {', '.join(map(str, inputs))}.", "Give image files or folders of DICOM files.")
    return list(_unique(sources))


def _in_files(files: list[Path], root: Path) -> Iterator[VolumeSource]:
    """Sources among files of one folder; their names are relative to `root`."""
    from pdm_core.volume.dicom.stacks import find_stacks

    files = list(dict.fromkeys(map(header_of, files)))
    images = [path for path in files if image_suffix(path) is not None]
    for path in images:
        stem = path.name[: -len(image_suffix(path) or "")]
        yield VolumeSource((path.parent.relative_to(root) / stem).as_posix(), path)
    others = [path for path in files if path not in images]
    if not others:
        return
    folder = others[0].parent
    name = folder.relative_to(root).as_posix()
    try:
        stacks = find_stacks(others)
    except InputError as error:
        yield VolumeSource(folder.name if name == "." else name, folder, problem=error)
        return
    for stack in stacks:
        described = str(stack.facts.get("series_description") or "series")
        yield VolumeSource(f"{'' if name == '.' else name + '/'}{stack.id}_{_UNSAFE.sub('_', described)}", folder, stack)


def _unique(sources: list[VolumeSource]) -> Iterator[VolumeSource]:
    """Number the names that occur twice, as those of two inputs may, also where only capitals tell them apart.

    No number makes the name of another source: two studies would be written to one file.
    """
    taken = {source.name.casefold() for source in sources}
    seen: set[str] = set()
    for source in sources:
        name, number = source.name, 1
        while name.casefold() in seen or (number > 1 and name.casefold() in taken):
            number += 1
            name = f"{source.name}_{number}"
        seen.add(name.casefold())
        yield source if name == source.name else replace(source, name=name)
