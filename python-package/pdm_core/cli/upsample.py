"""`pdm-sr upsample`: one volume in, a sharper one and its provenance out."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdm_core.cli.console import add_progress_argument, console_for
from pdm_core.errors import InputError
from pdm_core.pipeline.options import SuperResolutionOptions

if TYPE_CHECKING:
    from pdm_core.pipeline.super_resolution import SuperResolutionResult


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command's arguments."""
    defaults = SuperResolutionOptions()
    parser: argparse.ArgumentParser = commands.add_parser("upsample", help="make one volume sharper within its slices")
    parser.add_argument("input", type=Path, help="NIfTI, NRRD or MetaImage file, DICOM file or folder")
    parser.add_argument("-o", "--output", type=Path, required=True, help=".nii.gz, .nii, .nrrd, .mha or .mhd")
    parser.add_argument("--factor", type=float, default=defaults.factor, help="how many times finer (default 2)")
    parser.add_argument("--model", default=defaults.model, help="name of a model; see pdm-sr models list")
    parser.add_argument("--steps", type=int, help="network evaluations a sample (default: the model's)")
    parser.add_argument("--samples", type=int, default=defaults.samples, help="samples to average (default 1)")
    parser.add_argument("--seed", type=int, default=defaults.seed)
    parser.add_argument("--uncertainty", type=Path, metavar="FILE", help="write the spread of the samples; needs --samples 2")
    parser.add_argument("--sampler", default=defaults.sampler, help="auto, ddim, ancestral, dpm++1 or dpm++2m")
    parser.add_argument("--eta", type=_eta, default=defaults.eta, help="renewed noise of ddim, 0 to 1, or full")
    parser.add_argument("--grid", default=defaults.grid, help="times of a chosen sampler: uniform, quadratic or logsnr")
    parser.add_argument("--align", default=defaults.align, help="index0 (first voxel stays) or fov (outer box stays)")
    parser.add_argument("--device", default=defaults.device, help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument("--batch", type=int, help="slices at a time (default: what fits)")
    parser.add_argument("--no-project", action="store_true", help="do not keep the measured frequencies as measured")
    parser.add_argument("--pad", action="store_true", help="reflect the borders: for images cropped after the scan")
    parser.add_argument("--dtype", default="float32", help="number format of the output (default float32)")
    parser.add_argument("--series", help="which series of a DICOM folder")
    add_progress_argument(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Check everything, then restore, then write."""
    from pdm_core.volume import read_volume
    from pdm_core.volume.write import check_dtype, checked_output, refuse_overwriting_input, write_volume
    from pdm_core.zoo import find_model

    options = _options(arguments)
    options.validate()
    check_dtype(arguments.dtype)
    find_model(options.model, options.factor)
    outputs = [path for path in (arguments.output, arguments.uncertainty) if path is not None]
    for path in outputs:
        checked_output(path)
        refuse_overwriting_input(arguments.input, path)
    if arguments.uncertainty is not None and options.samples < 2:
        raise InputError("An uncertainty needs at least two samples.", "Add --samples 4.")
    if len({path.resolve() for path in outputs}) < len(outputs):
        raise InputError(f"The image and its uncertainty have the same name {arguments.output}.", "Choose another.")
    volume = read_volume(arguments.input, series=arguments.series)

    from pdm_core.pipeline.super_resolution import super_resolve

    with console_for(arguments) as console:
        result = super_resolve(volume, options, progress=console.progress, warn=console.warning)
        with provenance_beside(arguments.output, result.provenance) as record:
            # The image first: an integer format may refuse its values, and then nothing is left behind.
            write_volume(result.volume, arguments.output, dtype=arguments.dtype)
            if arguments.uncertainty is not None and result.uncertainty is not None:
                write_volume(result.uncertainty, arguments.uncertainty)
        facts = {"output": str(arguments.output), "provenance": str(record)}
        console.result(_summary(result, arguments.output), facts)
    return 0


@contextmanager
def provenance_beside(output: Path, record: dict[str, Any]) -> Iterator[Path]:
    """Place the record beside `output` as NAME.provenance.json once the images are written, and only then."""
    from pdm_core.volume.images import image_suffix

    stem = output.name[: -len(image_suffix(output) or "")]
    target = output.with_name(f"{stem}.provenance.json")
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        temporary.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        yield target
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _options(arguments: argparse.Namespace) -> SuperResolutionOptions:
    return SuperResolutionOptions(
        factor=arguments.factor,
        model=arguments.model,
        sampler=arguments.sampler,
        steps=arguments.steps,
        samples=arguments.samples,
        seed=arguments.seed,
        device=arguments.device,
        project=not arguments.no_project,
        pad=arguments.pad,
        align=arguments.align,
        eta=arguments.eta,
        grid=arguments.grid,
        batch=arguments.batch,
    )


def _eta(text: str) -> Any:
    try:
        return text if text == "full" else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number from 0 to 1 nor full") from None


def _summary(result: SuperResolutionResult, output: Path) -> str:
    slices, rows, columns = result.volume.shape
    x, y, z = result.volume.spacing
    model = result.provenance["model"]["name"]
    return (
        f"{output}: {columns} x {rows} x {slices} voxels of {x:.3f} x {y:.3f} x {z:.3f} mm by model {model} "
        f"in {result.provenance['run']['seconds']:.1f} s. Research use, not for diagnosis."
    )
