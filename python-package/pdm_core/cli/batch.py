"""`pdm-sr batch`: files and folders in, a folder of sharper volumes and one report out."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdm_core.cli.console import Console, add_progress_argument, console_for
from pdm_core.cli.failures import as_user_error
from pdm_core.cli.options import add_option_arguments, options_from
from pdm_core.cli.outputs import check_output_folder
from pdm_core.errors import InputError

if TYPE_CHECKING:
    from pdm_core.volume.sources import VolumeSource

# Names of volumes in one line of a note.
_MOST_NAMES = 5
_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha")


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command's arguments."""
    parser: argparse.ArgumentParser = commands.add_parser("batch", help="make many volumes sharper, with one report")
    parser.add_argument("input", type=Path, nargs="+", help="image files, DICOM folders, or folders of them")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the results; rerun the command to resume")
    add_option_arguments(parser)
    parser.add_argument("--suffix", default=_SUFFIXES[0], help=f"format of the results: {', '.join(_SUFFIXES)}")
    parser.add_argument("--dtype", default="float32", help="number format of the results (default float32)")
    parser.add_argument("--zones", action="store_true", help="find the zones of the prostate too, as Slicer's segmentations")
    parser.add_argument("--zone-model", default="auto", help="see pdm-sr segment --model")
    parser.add_argument(
        "--include", nargs="+", default=[], metavar="WORD", help="take only volumes with one of these words, such as t2"
    )
    parser.add_argument("--exclude", nargs="+", default=[], metavar="WORD", help="leave out volumes with one of these words")
    parser.add_argument("--dry-run", action="store_true", help="list the volumes that would be restored, and stop")
    add_progress_argument(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Check the options, find the cases, restore them one by one.

    Returns:
        0 when all cases have a result, 1 when some failed.
    """
    from pdm_core.volume.write import check_dtype, refuse_overwriting_input
    from pdm_core.zoo import find_models

    options = options_from(arguments)
    options.validate()
    check_dtype(arguments.dtype)
    find_models(options.mode, options.model, options.factor)
    if arguments.suffix not in _SUFFIXES:
        raise InputError(f"There is no format {arguments.suffix!r}.", f"Choose one of: {', '.join(_SUFFIXES)}.")
    check_output_folder(arguments.output)
    for entry in arguments.input:
        refuse_overwriting_input(entry, arguments.output)
    with console_for(arguments) as console:
        sources = _selected(arguments, console)
        if arguments.dry_run:
            return _listed(sources, arguments, console)

        from pdm_core.pipeline.batch import run_batch
        from pdm_core.segmentation.segmenter import find_segmenter
        from pdm_core.segmentation.zones import notes_on_licence

        if arguments.zones:
            for note in notes_on_licence(find_segmenter(arguments.zone_model)):
                console.warning(note)
        reports = run_batch(
            sources,
            arguments.output,
            options,
            suffix=arguments.suffix,
            dtype=arguments.dtype,
            zone_model=arguments.zone_model if arguments.zones else None,
            explain=as_user_error,
            progress=console.progress,
        )
        flagged = sum(bool(report.zone_flags) for report in reports)
        for report in reports:
            if report.status == "failed":
                console.warning(f"{report.case} failed: {report.message}")
        counts = Counter(report.status for report in reports)
        summary = ", ".join(
            f"{counts[status]} {status}" for status in ("done", "segmented", "kept", "failed") if counts[status]
        )
        summary += f"; {flagged} with flags on their zones" if flagged else ""
        facts: dict[str, Any] = {"report": str(arguments.output / "report.json"), "counts": dict(counts), "flagged": flagged}
        console.result(f"{arguments.output / 'report.csv'}: {summary}. Research use, not for diagnosis.", facts)
    return 1 if counts["failed"] else 0


def _selected(arguments: argparse.Namespace, console: Console) -> list[VolumeSource]:
    """The volumes to work on; says which of those found are left out, and why."""
    from pdm_core.pipeline.selection import Selection
    from pdm_core.volume.sources import find_sources

    sources = find_sources(arguments.input, console.progress)
    named = [path for path in arguments.input if path.is_file()]
    selection = Selection.of(sources, arguments.include, arguments.exclude, named)
    for reason, group in _grouped(selection.left_out):
        console.warning(f"{len(group)} of {len(sources)} volumes left out because {reason}: {_names(group)}.")
    if not selection.taken:
        raise InputError(f"None of the {len(sources)} volumes found is to be restored.", "The notes above say why.")
    return selection.taken


def _grouped(left_out: Iterable[tuple[VolumeSource, str]]) -> list[tuple[str, list[str]]]:
    """The names that share a reason."""
    groups: dict[str, list[str]] = {}
    for source, reason in left_out:
        groups.setdefault(reason, []).append(source.name)
    return list(groups.items())


def _names(names: Sequence[str]) -> str:
    """A list for a person: not longer than a few lines."""
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _listed(sources: Sequence[VolumeSource], arguments: argparse.Namespace, console: Console) -> int:
    """Print what a run would do, from names and headers alone.

    Returns:
        0, or 1 where some volumes are already known not to be readable.
    """
    problems = {source.name: str(source.problem) for source in sources if source.problem is not None}
    found = {source.name: str(source.path if source.stack is None else source.stack.describe()) for source in sources}
    lines = [f"{name}: {text}" for name, text in (found | problems).items()]
    summary = f"{len(sources) - len(problems)} volumes would be restored into {arguments.output}, {len(problems)} would fail."
    facts = {"cases": [{"case": source.name, "source": str(source.path)} for source in sources], "problems": problems}
    console.result("\n".join([*lines, summary]), facts)
    return 1 if problems else 0
