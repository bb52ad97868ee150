"""`pdm-sr upsample`: one volume in, a sharper one and its provenance out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdm_core.cli.console import add_progress_argument, console_for
from pdm_core.cli.options import add_option_arguments, options_from
from pdm_core.errors import InputError

if TYPE_CHECKING:
    from pdm_core.pipeline.super_resolution import SuperResolutionResult


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command's arguments."""
    parser: argparse.ArgumentParser = commands.add_parser("upsample", help="make one volume sharper, within or between slices")
    parser.add_argument("input", type=Path, help="NIfTI, NRRD or MetaImage file, DICOM file or folder")
    parser.add_argument("-o", "--output", type=Path, required=True, help=".nii.gz, .nii, .nrrd, .mha or .mhd")
    add_option_arguments(parser)
    parser.add_argument("--uncertainty", type=Path, metavar="FILE", help="write the spread of the samples; needs --samples 2")
    parser.add_argument("--dtype", default="float32", help="number format of the output (default float32)")
    parser.add_argument("--series", help="which series of a DICOM folder")
    add_progress_argument(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Check everything, then restore, then write."""
    from pdm_core.volume import read_volume
    from pdm_core.volume.write import check_dtype, checked_output, refuse_overwriting_input
    from pdm_core.zoo import find_models

    options = options_from(arguments)
    options.validate()
    check_dtype(arguments.dtype)
    find_models(options.mode, options.model, options.factor)
    outputs = [path for path in (arguments.output, arguments.uncertainty) if path is not None]
    for path in outputs:
        checked_output(path)
        refuse_overwriting_input(arguments.input, path)
    if arguments.uncertainty is not None and options.samples < 2:
        raise InputError("An uncertainty needs at least two samples.", "Add --samples 4.")
    if len({path.resolve() for path in outputs}) < len(outputs):
        raise InputError(f"The image and its uncertainty have the same name {arguments.output}.", "Choose another.")
    volume = read_volume(arguments.input, series=arguments.series)

    from pdm_core.pipeline.outputs import write_result
    from pdm_core.pipeline.super_resolution import super_resolve

    with console_for(arguments) as console:
        result = super_resolve(volume, options, progress=console.progress, warn=console.warning)
        record = write_result(result, arguments.output, dtype=arguments.dtype, uncertainty=arguments.uncertainty)
        facts = {"output": str(arguments.output), "provenance": str(record)}
        console.result(_summary(result, arguments.output), facts)
    return 0


def _summary(result: SuperResolutionResult, output: Path) -> str:
    slices, rows, columns = result.volume.shape
    x, y, z = result.volume.spacing
    model = result.provenance["model"]["name"]
    return (
        f"{output}: {columns} x {rows} x {slices} voxels of {x:.3f} x {y:.3f} x {z:.3f} mm by model {model} "
        f"in {result.provenance['run']['seconds']:.1f} s. Research use, not for diagnosis."
    )
