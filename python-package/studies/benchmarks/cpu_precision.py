"""What bfloat16 saves on a CPU that has it in hardware, and what it changes, on real slices of the validation split.

    python studies/benchmarks/cpu_precision.py --data DATA --models fast base --steps 1 3 --slices 4

DATA is a folder with a `splits.json`. Each line restores the slices of a case by --precision float32 and by auto in turn,
`repeats` times, and prints the ratio of their CPU seconds (which other work on the machine hardly disturbs), how far the two
images are apart as a PSNR over the image's range, and by how much PSNR and SSIM against the truth differ.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import torch

from pdm_core import SuperResolutionOptions, Volume, super_resolve
from pdm_core.evaluation.cases import reference_volume
from pdm_core.evaluation.in_plane import reduced_volume, true_factor
from pdm_core.networks.devices import device_name
from pdm_study.cases import study_cases
from pdm_study.measures import measured

PSNR, SSIM = "psnr_unit_float", "ssim_unit_float"


def main() -> None:
    arguments = parse_arguments()
    machine = f"{platform.system()} {platform.machine()}, torch {torch.__version__}"
    print(f"{date.today()}, {machine}, {device_name(torch.device('cpu'))}")
    print(f"{arguments.case}, {arguments.slices} central slices\n")
    print("| model | steps | factor | times as fast | apart, dB | PSNR, dB | SSIM |\n|---|---|---|---|---|---|---|")
    case = study_cases(arguments.data, "val", [arguments.case])[0].case
    truth = reference_volume(case, arguments.slices)
    for model in arguments.models:
        for steps in arguments.steps:
            for factor in arguments.factors:
                print(row(truth, model, steps, factor, arguments.repeats), flush=True)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--case", default="ProstateX-0001")
    parser.add_argument("--models", nargs="+", default=["fast", "base"])
    parser.add_argument("--steps", nargs="+", type=int, default=[1, 3])
    parser.add_argument("--factors", nargs="+", type=float, default=[2.0, 4.0])
    parser.add_argument("--slices", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    return parser.parse_args()


def row(truth: Volume, model: str, steps: int, factor: float, repeats: int) -> str:
    """A line of the table."""
    low = reduced_volume(truth, factor)
    options = SuperResolutionOptions(model=model, steps=steps, factor=true_factor(low, truth.shape[1:]), device="cpu")
    rounds = [[*both(low, options)] for _ in range(repeats)]
    ratios = sorted(full[0] / quick[0] for full, quick in rounds)
    (_, full), (_, quick) = rounds[0]
    apart = 20.0 * np.log10(np.ptp(truth.array) / np.sqrt(np.mean(np.square(full.array - quick.array))))
    gains = [against(quick, truth, low)[name] - against(full, truth, low)[name] for name in (PSNR, SSIM)]
    speed = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    return f"| {model} | {steps} | x{factor:g} | {speed} | {apart:.1f} | {gains[0]:+.4f} | {gains[1]:+.5f} |"


def both(low: Volume, options: SuperResolutionOptions) -> Iterator[tuple[float, Volume]]:
    """CPU seconds and image in full precision, then in that of the device."""
    for precision in ("float32", "auto"):
        chosen = SuperResolutionOptions.from_dict({**options.as_dict(), "precision": precision})
        begun = time.process_time()
        restored = super_resolve(low, chosen).volume
        yield time.process_time() - begun, restored


def against(restored: Volume, truth: Volume, low: Volume) -> dict[str, float]:
    """Means over the slices of every measure."""
    images = (torch.from_numpy(volume.array)[:, None] for volume in (restored, truth, low))
    return {name: float(np.mean(values)) for name, values in measured(*images).items()}


if __name__ == "__main__":
    main()
