"""`pdm-sr batch`: files and folders in, a folder of sharper volumes and one report out."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

from pdm_core.cli.console import add_progress_argument, console_for
from pdm_core.cli.failures import as_user_error
from pdm_core.cli.options import add_option_arguments, options_from
from pdm_core.errors import InputError

_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha")


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command's arguments."""
    parser: argparse.ArgumentParser = commands.add_parser("batch", help="make many volumes sharper, with one report")
    parser.add_argument("input", type=Path, nargs="+", help="image files, DICOM folders, or folders of them")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the results; the same command goes on")
    add_option_arguments(parser)
    parser.add_argument("--suffix", default=_SUFFIXES[0], help=f"format of the results: {', '.join(_SUFFIXES)}")
    parser.add_argument("--dtype", default="float32", help="number format of the results (default float32)")
    parser.add_argument("--zones", action="store_true", help="find the zones of the prostate too, as Slicer's segmentations")
    parser.add_argument("--zone-model", default="auto", help="see pdm-sr segment --model")
    add_progress_argument(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Check the options, find the cases, restore them one by one.

    Returns:
        0 when all cases have a result, 1 when some failed.
    """
    from pdm_core.volume.sources import find_sources
    from pdm_core.volume.write import check_dtype, refuse_overwriting_input
    from pdm_core.zoo import find_models

    options = options_from(arguments)
    options.validate()
    check_dtype(arguments.dtype)
    find_models(options.mode, options.model, options.factor)
    if arguments.suffix not in _SUFFIXES:
        raise InputError(f"There is no format {arguments.suffix!r}.", f"Choose one of: {', '.join(_SUFFIXES)}.")
    if arguments.output.is_file():
        raise InputError(f"The output {arguments.output} is a file.", "Give the name of a folder.")
    for entry in arguments.input:
        refuse_overwriting_input(entry, arguments.output)
    sources = find_sources(arguments.input)

    from pdm_core.pipeline.batch import run_batch
    from pdm_core.segmentation.segmenter import find_segmenter
    from pdm_core.segmentation.zones import notes_on_licence

    with console_for(arguments) as console:
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
