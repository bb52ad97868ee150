"""`pdm-sr prepare`: files in, a verified dataset with a patient-level split out."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

from pdm_core.cli.console import add_progress_argument, console_for
from pdm_core.cli.signals import stop_on_signals


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command's arguments."""
    parser: argparse.ArgumentParser = commands.add_parser("prepare", help="make a dataset to train on")
    parser.add_argument("input", type=Path, help="folder of DICOM or image files, or a CSV table (image, patient, split)")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the dataset; what it holds is kept")
    parser.add_argument("--include", nargs="+", default=(), metavar="WORD", help="take series with one of these words, as t2")
    parser.add_argument("--exclude", nargs="+", metavar="WORD", help="leave out series with one of these words")
    parser.add_argument("--plane", nargs="+", dest="planes", metavar="PLANE", help="axial, coronal, sagittal (default: all)")
    parser.add_argument("--min-slices", type=int, help="least number of slices")
    parser.add_argument("--min-matrix", type=int, help="least number of true pixels on each side")
    parser.add_argument("--val", type=float, help="share of the patients for validation")
    parser.add_argument("--test", type=float, help="share of the patients for the test")
    parser.add_argument("--seed", type=int, help="of the split")
    add_progress_argument(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Prepare, and say what was taken."""
    # Before the long work, not after it: the report draws with it.
    import matplotlib  # noqa: F401

    from pdm_core.training.dataset import SelectionRules, SplitShares, prepare

    rules = SelectionRules(**_given(arguments, "include", "exclude", "planes", "min_slices", "min_matrix"))
    shares = SplitShares(**_given(arguments, "val", "test", "seed"))
    with console_for(arguments) as console, stop_on_signals(console.warning, "what was read is kept") as stopped:
        dataset = prepare(
            arguments.input,
            arguments.output,
            rules,
            shares,
            progress=console.progress,
            warn=console.warning,
            cancel=stopped,
        )
        counts = Counter(record.split for record in dataset.volumes)
        patients = len({record.patient for record in dataset.volumes})
        summary = ", ".join(f"{counts[split]} {split}" for split in ("train", "val", "test"))
        console.result(
            f"{dataset.folder}: {len(dataset.volumes)} volumes of {patients} patients ({summary}), "
            f"{len(dataset.refused)} refused; see {dataset.folder / 'report.html'}",
            {"dataset": str(dataset.folder), "taken": len(dataset.volumes), "refused": len(dataset.refused)},
        )
    return 0


def _given(arguments: argparse.Namespace, *names: str) -> dict[str, Any]:
    """The settings that were given; for the others the defaults of the rules hold."""
    values = {name: getattr(arguments, name) for name in names}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items() if value is not None}
