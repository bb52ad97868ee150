"""Seconds for a volume on a GPU, and how many times as long a CPU takes, in one run.

    python benchmarks/device_speed.py --models fast base --steps 1 3 8 --device cuda --slices 20

The volume holds slices of 160 x 160 that become 320 x 320. A first run that nobody times loads the kernels. The CPU, which is
timed on one slice, works with all its threads.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from datetime import date

import numpy as np
import torch

from pdm_core import SuperResolutionOptions, Volume, super_resolve
from pdm_core.networks.devices import choose_device, device_name

LOW, FACTOR = 160, 2.0


def main() -> None:
    arguments = parse_arguments()
    device = choose_device(arguments.device)
    print(f"{date.today()}, {platform.system()} {platform.machine()}, torch {torch.__version__}, {device_name(device)}")
    print(f"{arguments.slices} slices of 320 x 320, median of {arguments.repeats}; CPU: {torch.get_num_threads()} threads\n")
    print("| model | steps | s a volume | ms a slice | CPU, times as long a slice |\n|---|---|---|---|---|")
    for model in arguments.models:
        for steps in arguments.steps:
            print(row(model, steps, str(device), arguments), flush=True)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["fast", "base"])
    parser.add_argument("--steps", nargs="+", type=int, default=[1, 3, 8])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--slices", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=5)
    return parser.parse_args()


def row(model: str, steps: int, device: str, arguments: argparse.Namespace) -> str:
    """A line of the table."""
    seconds(model, steps, device, arguments.slices)
    gpu = statistics.median(seconds(model, steps, device, arguments.slices) for _ in range(arguments.repeats))
    ratio = seconds(model, steps, "cpu", 1) / (gpu / arguments.slices)
    return f"| {model} | {steps} | {gpu:.2f} | {1000.0 * gpu / arguments.slices:.1f} | {ratio:.0f} |"


def seconds(model: str, steps: int, device: str, slices: int) -> float:
    """Wall time of one restoration, loading of the weights included."""
    volume = Volume(np.random.default_rng(0).random((slices, LOW, LOW)), np.diag([1.25, 1.25, 3.0, 1.0]))
    options = SuperResolutionOptions(model=model, steps=steps, factor=FACTOR, device=device)
    begun = time.perf_counter()
    super_resolve(volume, options)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
