"""What folders hold: every image file and every stack of DICOM slices in them, as cases with names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from pdm_core.errors import InputError, PdmError
from pdm_core.progress import CancelCheck, Progress, ProgressCallback
from pdm_core.volume.dicom.grouping import DicomCollector, UnusableFile
from pdm_core.volume.dicom.headers import is_compressed_slice, is_slice_name, may_be_dicom
from pdm_core.volume.dicom.reader import read_stack
from pdm_core.volume.dicom.stacks import Stack, name_stacks
from pdm_core.volume.file_kinds import is_companion, is_dangling
from pdm_core.volume.folders import files_by_folder
from pdm_core.volume.foreign import holds_volumes_of_a_foreign_format, refused_format
from pdm_core.volume.images import header_of, image_suffix, read_image, refuse_without_header
from pdm_core.volume.volume import Volume

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
        try:
            return read_image(self.path) if self.stack is None else read_stack(self.stack, self.path)
        except (PdmError, MemoryError):
            raise
        except Exception as error:  # One odd file does not stop the work on the others.
            raise InputError(f"{self.path} cannot be read: {error}.", "The file may be damaged.") from error


def find_sources(
    inputs: Iterable[Path], progress: ProgressCallback | None = None, cancel: CancelCheck | None = None
) -> list[VolumeSource]:
    """Every volume in files and folders, folders searched through, in the order of the inputs and of the folders' names.

    DICOM files are grouped by series over all folders and inputs. A series whose files lie in several folders has the name
    of the nearest folder that holds them all. A file that cannot be used is a source with a problem, as are a named file
    that is not an image and a link to an image that does not exist. A DICOM file that is named twice counts once.

    Args:
        inputs: files and folders.
        progress: receives the folders that are looked through.
        cancel: checked after every folder.

    Raises:
        InputError: an input does not exist, a folder cannot be opened, or there is no volume at all.
        CancelledError: the caller asked to stop.
    """
    inputs = list(inputs)
    search = _Search()
    for number, entry in enumerate(inputs):
        if not entry.exists():
            raise InputError(f"{entry} does not exist.", "Check the path.")
        if entry.is_file():
            search.look_at([entry], number, entry.parent, named=True)
            continue
        folders = files_by_folder(entry)
        meter = Progress("looking through folders", len(folders), progress, cancel)
        for files in folders.values():
            search.look_at(files, number, entry)
            meter.advance()
    sources = search.sources()
    if not sources:
        raise InputError(f"There is no image in {', '.join(map(str, inputs))}.", "Give image files or folders of DICOM files.")
    return list(_unique(sources))


@dataclass(frozen=True)
class _Origin:
    """Which input a file or folder was found in: its number, for the order, and the folder that names are relative to."""

    number: int
    root: Path


@dataclass
class _Search:
    """What has been found so far.

    Attributes:
        found: sources with their place in the order: number of the input, folder.
        collector: has the DICOM files.
        origins: of each folder of files that may be DICOM.
        named: files that were named, and that are no image files.
        seen: absolute names of all files that may be DICOM.
        alone: files of voxels without their header. In a folder of slices, such a file is taken as one of them.
    """

    found: list[tuple[int, Path, VolumeSource]] = field(default_factory=list)
    collector: DicomCollector = field(default_factory=DicomCollector)
    origins: dict[Path, _Origin] = field(default_factory=dict)
    named: dict[Path, int] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    alone: dict[Path, tuple[int, Path, VolumeSource]] = field(default_factory=dict)

    def look_at(self, files: Iterable[Path], number: int, root: Path, *, named: bool = False) -> None:
        """Take the files of one folder, or one that is named; names are relative to `root`."""
        files = dict.fromkeys(header_of(path) for path in files if named or not is_companion(path.name))
        images = [path for path in files if image_suffix(path) is not None]
        for path in images:
            stem = path.name[: -len(image_suffix(path) or "")]
            name = (path.parent.relative_to(root) / stem).as_posix()
            self.found.append((number, path.parent, VolumeSource(name, path, problem=_without_target(path))))
        others = [path for path in files if image_suffix(path) is None and not self._is_known(path)]
        for path in [path for path in others if holds_volumes_of_a_foreign_format(path)]:
            # A slice that is compressed among others is missing from its series as well.
            if named or not is_compressed_slice(path):
                others.remove(path)
            name = path.relative_to(root).as_posix()
            self.found.append((number, path.parent, VolumeSource(name, path, problem=refused_format(path))))
        for path in others:
            problem = _without_header(path)
            if problem is not None:
                source = VolumeSource(path.relative_to(root).as_posix(), path, problem=problem)
                self.alone[path] = (number, path.parent, source)
            self.origins.setdefault(path.parent, _Origin(number, root))
        if named:
            self.named.update(dict.fromkeys(others, number))
        self.collector.add(others, named=named)

    def sources(self) -> list[VolumeSource]:
        """All sources in their order."""
        stacks, unusable = self.collector.finish()
        folders = {frame.path.parent for stack in stacks for frame in stack.frames}
        alone = {path: entry for path, entry in self.alone.items() if path.parent not in folders}
        self.found.extend(alone.values())
        homes: dict[Path, list[Stack]] = {}
        for stack in stacks:
            homes.setdefault(stack.folder, []).append(stack)
        for home, own in homes.items():
            name_stacks(own)
            origin = self._origin(own)
            self.found.extend((origin.number, home, _of_stack(stack, home, origin.root)) for stack in own)
        self.found.extend(self._refused([file for file in unusable if file.path not in alone]))
        used = {frame.path for stack in stacks for frame in stack.frames} | {file.path for file in unusable} | alone.keys()
        for path, number in self.named.items():
            if path not in used:
                problem = InputError(
                    f"{path} is not an image.", "Give NIfTI, NRRD, MetaImage or DICOM files, or folders of them."
                )
                self.found.append((number, path.parent, VolumeSource(path.name, path, problem=problem)))
        return [source for *_, source in sorted(self.found, key=lambda entry: entry[:2])]

    def _is_known(self, path: Path) -> bool:
        name = os.path.abspath(path)
        known = name in self.seen
        self.seen.add(name)
        return known

    def _origin(self, stacks: list[Stack]) -> _Origin:
        """The first input that files of stacks were found in."""
        folders = {frame.path.parent for stack in stacks for frame in stack.frames}
        return min((self.origins[folder] for folder in folders), key=lambda origin: origin.number)

    def _refused(self, unusable: list[UnusableFile]) -> Iterator[tuple[int, Path, VolumeSource]]:
        """One source for each folder and series of unusable files, and for each link that may have been a folder."""
        told: set[tuple[Path, str | None]] = set()
        for file in unusable:
            folder = file.path.parent
            lost = is_dangling(file.path) and not is_slice_name(file.path)
            place = file.path if lost else folder
            if (place, file.series) not in told:
                told.add((place, file.series))
                origin = self.origins[folder]
                source = VolumeSource(_folder_name(place, origin.root) or place.name, place, problem=file.error)
                yield origin.number, folder, source


def _of_stack(stack: Stack, home: Path, root: Path) -> VolumeSource:
    described = str(stack.facts.get("series_description") or "series")
    prefix = _folder_name(home, root)
    name = f"{prefix + '/' if prefix else ''}{stack.id}_{_UNSAFE.sub('_', described)}"
    return VolumeSource(name, home, stack, stack.problem)


def _folder_name(folder: Path, root: Path) -> str:
    """A folder relative to the input it was found in; empty for the input itself, and for one that holds several inputs."""
    inside = folder.is_relative_to(root) and folder != root
    return folder.relative_to(root).as_posix() if inside else ""


def _without_target(path: Path) -> InputError | None:
    if is_dangling(path):
        return InputError(f"{path} is a link whose target does not exist.", "Fetch the file, or remove the link.")
    return None


def _without_header(path: Path) -> InputError | None:
    """The refusal of a file that is not DICOM and is named as the voxels of a pair are, whose header does not exist."""
    try:
        refuse_without_header(path)
    except InputError as error:
        return None if may_be_dicom(path) else error
    return None


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
