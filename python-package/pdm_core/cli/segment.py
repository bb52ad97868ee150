"""`pdm-sr segment`: one volume in, the zones of its prostate out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pdm_core.cli.console import add_progress_argument, console_for
from pdm_core.cli.outputs import check_outputs
from pdm_core.device_names import check_device

_ENDINGS = ".seg.nrrd (a segmentation for Slicer), .nii.gz, .nii, .nrrd, .mha or .mhd"


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command's arguments."""
    parser: argparse.ArgumentParser = commands.add_parser("segment", help="find the zones of the prostate in one volume")
    parser.add_argument("input", type=Path, help="NIfTI, NRRD, MetaImage or MGH file, DICOM file or folder")
    parser.add_argument("-o", "--output", type=Path, required=True, help=_ENDINGS)
    parser.add_argument(
        "--model", default="auto", help="a zone model of pdm-sr models list, or a MONAI bundle's file or folder"
    )
    parser.add_argument(
        "--probabilities", type=Path, metavar="FILE", help="write FILE_peripheral_zone and FILE_transition_zone"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument("--series", help="which series of a DICOM folder")
    add_progress_argument(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Check everything, then segment, then write."""
    from pdm_core.pipeline.outputs import refuse_results_of_another_input
    from pdm_core.pipeline.zone_outputs import as_table, probability_paths, write_probabilities, write_zone_files
    from pdm_core.volume import read_volume

    check_device(arguments.device)
    probabilities = {} if arguments.probabilities is None else probability_paths(arguments.probabilities)
    check_outputs(arguments.input, [arguments.output, *probabilities.values()], [arguments.output])
    volume = read_volume(arguments.input, series=arguments.series)
    refuse_results_of_another_input([arguments.output, *probabilities.values()], volume)

    from pdm_core.segmentation.zones import find_zones

    with console_for(arguments) as console:
        zones = find_zones(
            volume, model=arguments.model, device=arguments.device, progress=console.progress, warn=console.warning
        )
        if probabilities:
            write_probabilities(zones, probabilities)
        record = write_zone_files(zones, arguments.output, others=probabilities.values())
        summary = (
            f"{arguments.output}: zones by model {zones.report['model']} in {zones.record['run']['seconds']:.1f} s. "
            f"Research use, not for diagnosis.\n{as_table(zones)}"
        )
        console.result(summary, {"output": str(arguments.output), "provenance": str(record), **zones.report})
    return 0
