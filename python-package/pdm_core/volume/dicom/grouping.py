"""All DICOM images of any number of folders, grouped by series over the folders: the one grouping for every command."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pdm_core.errors import InputError
from pdm_core.volume.dicom.facts import series_of
from pdm_core.volume.dicom.frames import frames_of
from pdm_core.volume.dicom.headers import DoubtfulFileError, image_header
from pdm_core.volume.dicom.image_kinds import NotASliceError
from pdm_core.volume.dicom.series_files import SeriesFiles
from pdm_core.volume.dicom.stacks import Stack
from pdm_core.volume.dicom.values import optional_text

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


@dataclass(frozen=True)
class UnusableFile:
    """A file that may be an image and cannot be used.

    Attributes:
        path: the file.
        error: why.
        series: UID of its series; None where that is not known.
    """

    path: Path
    error: InputError
    series: str | None


class DicomCollector:
    """Reads the headers of files, each once, and groups their frames when all have been seen."""

    def __init__(self) -> None:
        self._series: dict[str, SeriesFiles] = {}
        self._unusable: list[UnusableFile] = []

    def add(self, files: Iterable[Path], *, named: bool = False) -> None:
        """Take the DICOM images among `files`; what is positively of another kind is passed over.

        Whatever is wrong with one file becomes the problem of its series, and never stops the search.

        Args:
            files: the files of a folder.
            named: whether a user has named these very files, so that each should be an image.
        """
        with warnings.catch_warnings():
            # What cannot be understood is refused or left out.
            warnings.simplefilter("ignore")
            for path in files:
                self._add_one(path, named)

    def _add_one(self, path: Path, named: bool) -> None:
        series = None
        try:
            dataset = image_header(path)
            if dataset is not None:
                series = optional_text(dataset, "SeriesInstanceUID")
                self._take(dataset, path)
        except InputError as error:
            known = InputError(error.message, error.hint) if named else error
            # Hidden files are remains of copying and lists of programs, unless they can be read.
            if named or not path.name.startswith("."):
                self._unusable.append(UnusableFile(path, known, series))
        except Exception as error:  # pydicom parses at access, and lets all kinds of exceptions through.
            refusal = InputError(f"The header of {path} cannot be understood: {error}.", "Export the series again.")
            self._unusable.append(UnusableFile(path, refusal, series))

    def _take(self, dataset: Dataset, path: Path) -> None:
        frames = frames_of(dataset, path)
        self._series.setdefault(series_of(dataset, path), SeriesFiles()).add(dataset, path, frames)

    def finish(self) -> tuple[list[Stack], list[UnusableFile]]:
        """The stacks, and the files that cannot be used and that are not the problem of a stack.

        An unusable file among a stack's slices becomes the stack's problem: without it a slice would be missing, and at
        either end of a stack no one would see that. Images in color and others that are not slices pass beside a series, and
        files of unknown kinds pass where there is none.
        """
        stacks = self._stacks_of_series()
        known: dict[str | Path, list[UnusableFile]] = {}
        for file in self._unusable:
            known.setdefault(file.series or file.path.parent, []).append(file)
        concerned: set[Path] = set()
        for stack in stacks:
            folders = {frame.path.parent for frame in stack.frames}
            own = [file for key in (stack.facts["series_uid"], *folders) for file in known.get(key, ())]
            concerned |= {file.path for file in own}
            stack.problem = _among_slices(own[0].error) if own else stack.problem
        homes = {frame.path.parent for stack in stacks for frame in stack.frames}
        left = [file for file in self._unusable if file.path not in concerned and not _passes(file, homes)]
        return stacks, left

    def _stacks_of_series(self) -> list[Stack]:
        """All stacks, without those of files that do not state their series and lie among the slices of one."""
        named: list[Stack] = []
        nameless: list[Stack] = []
        for series in self._series.values():
            (named if series.is_named else nameless).extend(series.finish())
        homes = {frame.path.parent for stack in named for frame in stack.frames}
        for stack in nameless:
            path = stack.frames[0].path
            if path.parent in homes:
                error = InputError(f"{path} does not state its SeriesInstanceUID (0020,000e).", "Export the series again.")
                self._unusable.append(UnusableFile(path, error, None))
            else:
                named.append(stack)
        return named


def _among_slices(error: InputError) -> InputError:
    """The refusal of a series for one of its files; only a file that is not a slice can be removed without a loss."""
    if not isinstance(error, NotASliceError):
        return error
    return NotASliceError(
        f"{error.message} It lies among the slices of a series.", "Remove this file, or export the series again."
    )


def _passes(file: UnusableFile, homes: set[Path]) -> bool:
    """Whether a file may be passed over that is none of a series': beside one, or because nothing says that it is an image."""
    return isinstance(file.error, DoubtfulFileError) or (isinstance(file.error, NotASliceError) and file.path.parent in homes)
