"""`pdm-sr demo`: the main job on a real volume, with a picture and a report to look at."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdm_core.cli.console import add_progress_argument, console_for
from pdm_core.cli.data import find_data_folder
from pdm_core.errors import MissingDependencyError
from pdm_core.pipeline.options import SuperResolutionOptions

if TYPE_CHECKING:
    from pdm_core.volume import Volume

_CASE = Path("prostate/prostatex/ProstateX-0218/t2_tra.nii.gz")


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command's arguments."""
    parser: argparse.ArgumentParser = commands.add_parser("demo", help="reduce a real volume, restore it and show both")
    parser.add_argument("volume", type=Path, nargs="?", help="your own volume (default: a prostate T2 scan, else a brain)")
    parser.add_argument("-o", "--output", type=Path, default=Path("demo-output"), help="folder (default demo-output)")
    parser.add_argument("--factor", type=float, default=2.0)
    parser.add_argument("--model", default="auto")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--device", default="auto")
    add_progress_argument(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Run the demonstration and say where its files are."""
    options = SuperResolutionOptions(
        factor=arguments.factor,
        model=arguments.model,
        steps=arguments.steps,
        samples=arguments.samples,
        device=arguments.device,
    )
    options.validate()
    volume = _volume(arguments.volume)

    from pdm_core.evaluation.demonstration import demonstrate

    with console_for(arguments) as console:
        scores, files = demonstrate(volume, options, arguments.output, console.progress)
        lines = [f"{'':28} {'PSNR dB':>8} {'SSIM':>7} {'Consistency dB':>15}"]
        lines += [f"{score.method:28} {score.psnr:8.2f} {score.ssim:7.4f} {score.consistency:15.1f}" for score in scores]
        lines += ["", f"Source: {volume.metadata.get('path')}", *(f"  {path}" for path in files)]
        lines.append(f"Look at {files[-1]} (research use, not for diagnosis).")
        console.result("\n".join(lines), {"files": [str(path) for path in files]})
    return 0


def _volume(chosen: Path | None) -> Volume:
    """The user's volume, else a prostate scan of the data folder, else the brain template that nilearn ships."""
    from pdm_core.evaluation.cases import read_slices
    from pdm_core.volume import read_volume

    if chosen is not None:
        return read_slices(chosen)
    data = find_data_folder()
    if data is not None and (data / _CASE).is_file():
        return read_volume(data / _CASE)
    return _axial_slab(read_volume(_nilearn_template()))


def _nilearn_template() -> Path:
    try:
        import nilearn
    except ImportError as error:
        raise MissingDependencyError(
            "There is no volume for the demonstration: no data folder and no nilearn.",
            "Name a volume of your own, or pip install nilearn.",
        ) from error
    found = sorted((Path(nilearn.__file__).parent / "datasets" / "data").glob("mni_icbm152_t1*.nii.gz"))
    if not found:
        raise MissingDependencyError("This version of nilearn ships no brain template.", "Name a volume of your own.")
    return found[0]


def _axial_slab(volume: Volume, slices: int = 16) -> Volume:
    """Some central slices: the template has 180, more than a demonstration needs."""
    from pdm_core.volume import Volume

    first = max(0, (volume.shape[0] - slices) // 2)
    matrix = volume.ijk_to_ras.copy()
    matrix[:3, 3] += first * matrix[:3, 2]
    return Volume(volume.array[first : first + slices], matrix, volume.metadata)
