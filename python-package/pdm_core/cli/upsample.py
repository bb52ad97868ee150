"""`pdm-sr upsample`: one volume in, a sharper one and its provenance out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdm_core.cli.console import Console, add_progress_argument, console_for
from pdm_core.cli.options import add_option_arguments, options_from
from pdm_core.cli.outputs import check_outputs
from pdm_core.errors import InputError
from pdm_core.segmentation.files import SEGMENTATION_SUFFIX, on_the_input

if TYPE_CHECKING:
    from pdm_core.pipeline.options import SuperResolutionOptions
    from pdm_core.pipeline.super_resolution import SuperResolutionResult
    from pdm_core.segmentation.zones import Zones
    from pdm_core.volume import Volume
    from pdm_core.volume.dicom.source_series import SourceSeries


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command's arguments."""
    parser: argparse.ArgumentParser = commands.add_parser("upsample", help="make one volume sharper, within or between slices")
    parser.add_argument("input", type=Path, help="NIfTI, NRRD, MetaImage or MGH file, DICOM file or folder")
    parser.add_argument("-o", "--output", type=Path, required=True, help=".nii.gz, .nii, .nrrd, .mha or .mhd")
    add_option_arguments(parser)
    parser.add_argument("--uncertainty", type=Path, metavar="FILE", help="write the spread of the samples; needs --samples 2")
    parser.add_argument(
        "--zones", type=Path, metavar="FILE", help="find the zones of the prostate too; FILE as of pdm-sr segment"
    )
    parser.add_argument("--zone-model", default="auto", help="see pdm-sr segment --model")
    parser.add_argument("--dtype", default="float32", help="number format of the output (default float32)")
    parser.add_argument(
        "--dicom", type=Path, metavar="FOLDER", help="write the result as a DICOM series too, derived from that of the input"
    )
    parser.add_argument("--series", help="which series of a DICOM folder")
    add_progress_argument(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Check everything, then restore, then find the zones where they are wanted, then write."""
    from pdm_core.pipeline.dicom_outputs import write_dicom
    from pdm_core.pipeline.outputs import refuse_results_of_another_input, write_result
    from pdm_core.pipeline.zone_outputs import as_table, write_zone_files
    from pdm_core.volume import read_volume
    from pdm_core.volume.write import check_dtype
    from pdm_core.zoo import find_models

    options = options_from(arguments)
    options.validate()
    check_dtype(arguments.dtype)
    find_models(options.mode, options.model, options.factor)
    _check_outputs(arguments, options.samples)
    source = None if arguments.dicom is None else _dicom_source(arguments)
    volume = read_volume(arguments.input, series=arguments.series) if source is None else source.read()
    refuse_results_of_another_input(_files(arguments), volume)

    with console_for(arguments) as console:
        result, zones = _restored(volume, options, arguments, console)
        record = write_result(result, arguments.output, dtype=arguments.dtype, uncertainty=arguments.uncertainty)
        facts: dict[str, Any] = {"output": str(arguments.output), "provenance": str(record)}
        summary = _summary(result, arguments.output)
        if source is not None:
            write_dicom(result, arguments.dicom, source=source)
            facts["dicom"] = str(arguments.dicom)
            summary += f"\n{arguments.dicom}: {result.volume.shape[0]} DICOM files, marked as derived and estimated."
        if zones is not None:
            write_zone_files(zones, arguments.zones, source=volume)
            facts |= {"zones": str(arguments.zones), "zones_input": str(on_the_input(arguments.zones))}
            facts["zone_report"] = zones.report
            summary += f"\n{arguments.zones}: zones by model {zones.report['model']}\n{as_table(zones)}"
        console.result(summary, facts)
    return 0


def _restored(
    volume: Volume, options: SuperResolutionOptions, arguments: argparse.Namespace, console: Console
) -> tuple[SuperResolutionResult, Zones | None]:
    """The result, and its zones where a file for them is named."""
    if arguments.zones is None:
        from pdm_core.pipeline.super_resolution import super_resolve

        return super_resolve(volume, options, progress=console.progress, warn=console.warning), None
    from pdm_core.pipeline.chain import super_resolve_and_segment

    return super_resolve_and_segment(
        volume, options, zone_model=arguments.zone_model, progress=console.progress, warn=console.warning
    )


def _files(arguments: argparse.Namespace) -> list[Path]:
    """The images and zones that will be written."""
    of_input = None if arguments.zones is None else on_the_input(arguments.zones)
    files = (arguments.output, arguments.zones, arguments.uncertainty, of_input)
    return [path for path in files if path is not None]


def _check_outputs(arguments: argparse.Namespace, samples: int) -> None:
    """Refuse what could not be written; see `check_outputs`."""
    recorded = [path for path in (arguments.output, arguments.zones) if path is not None]
    check_outputs(arguments.input, _files(arguments), recorded)
    for path in (arguments.output, arguments.uncertainty):
        if path is not None and path.name.lower().endswith(SEGMENTATION_SUFFIX):
            raise InputError(
                f"{path} has the ending of a segmentation, but would hold intensities.",
                "Use the ending .nrrd without .seg, or .nii.gz.",
            )
    if arguments.uncertainty is not None and samples < 2:
        raise InputError("An uncertainty needs at least two samples.", "Add --samples 4.")


def _dicom_source(arguments: argparse.Namespace) -> SourceSeries:
    """The series that the DICOM output will be derived from; refuses a folder that cannot be its place."""
    from pdm_core.volume.dicom.source_series import open_series
    from pdm_core.volume.dicom.writer import check_series_folder

    folder = check_series_folder(arguments.dicom, arguments.input).resolve()
    for path in (arguments.output, arguments.uncertainty, arguments.zones):
        if path is not None and path.resolve().is_relative_to(folder):
            raise InputError(f"The output {path} lies in the folder of the DICOM output.", "Choose another folder for either.")
    return open_series(arguments.input, arguments.series)


def _summary(result: SuperResolutionResult, output: Path) -> str:
    slices, rows, columns = result.volume.shape
    x, y, z = result.volume.spacing
    model = result.provenance["model"]["name"]
    return (
        f"{output}: {columns} x {rows} x {slices} voxels of {x:.3f} x {y:.3f} x {z:.3f} mm by model {model} "
        f"in {result.provenance['run']['seconds']:.1f} s. Research use, not for diagnosis."
    )
