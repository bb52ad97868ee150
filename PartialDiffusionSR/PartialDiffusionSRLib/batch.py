"""Batches in a Slicer without a window: the same work as `pdm-sr batch`, on files or on Slicer's DICOM database."""

import argparse
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import slicer

from PartialDiffusionSRLib.dependencies import ensureDependencies
from PartialDiffusionSRLib.headless import runCommand

_UNSAFE = re.compile(r"[^\w.-]+")
_MODALITY = "0008,0060"


def runBatch(words: list[str]) -> int:
    """Do what the words of a command line say.

    Returns:
        The exit code of `pdm-sr batch`: 0 done, 1 some cases failed, 2 bad arguments or input, 3 something is missing.

    Raises:
        PdmError: torch or another package is missing; nothing is installed without a user to ask.
    """
    arguments, options = _parser().parse_known_args(words)
    ensureDependencies(interactive=False)
    with _inputs(arguments) as inputs:
        return runCommand(["batch", *map(str, inputs), "-o", str(arguments.output), *options])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="super_resolve_batch.py",
        description="MRI super-resolution of many volumes. All options of `pdm-sr batch` are taken too.",
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--input", type=Path, nargs="+", help="image files, DICOM folders, or folders of them")
    source.add_argument("--database", metavar="WORDS", help="MR series of Slicer's DICOM database with these words (or all)")
    parser.add_argument("--output", type=Path, required=True, help="folder of the results and of the report")
    return parser


@contextmanager
def _inputs(arguments: argparse.Namespace) -> Iterator[list[Path]]:
    """The files and folders to work on; those of the database are gathered for as long as they are needed."""
    if arguments.database is None:
        yield arguments.input
        return
    with tempfile.TemporaryDirectory(prefix="pdm") as folder:
        _gatherSeries(slicer.dicomDatabase, arguments.database, Path(folder))
        yield [Path(folder)]


def _gatherSeries(database, words: str, folder: Path) -> None:
    """Put the files of every matching MR series into a folder of its own, named after patient, study and series."""
    for patient in database.patients():
        for study in database.studiesForPatient(patient):
            for series in database.seriesForStudy(study):
                files = database.filesForSeries(series)
                described = f"{database.nameForPatient(patient)} {database.descriptionForSeries(series)}"
                wanted = words == "all" or words.lower() in described.lower()
                if not files or not wanted or database.fileValue(files[0], _MODALITY) != "MR":
                    continue
                home = folder / f"patient{patient}" / _UNSAFE.sub("_", series)
                home.mkdir(parents=True)
                for number, file in enumerate(files):
                    _placed(file, home / f"{number:05d}.dcm")


def _placed(file: str, target: Path) -> None:
    try:
        os.link(file, target)
    except OSError:
        # Another disk, or a file system without links.
        shutil.copyfile(file, target)
