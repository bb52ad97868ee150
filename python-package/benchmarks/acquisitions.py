"""In-plane models on what scanners measure: gains over zero filling by acquisition, factor and kind of consistency.

    python benchmarks/acquisitions.py fast run/mine.json --data DATASET --split val [--consistency found box] [--volumes]

Each slice of the split is measured by each acquisition and restored in one step by each model (a name in the zoo, or the path
of a card). "Cut" slices are windows of a slice whose true surroundings were measured with it. The consistency is

    soft   by the acquisition itself, as far as it has measured a frequency; the projection for a plain box
    found  the same by the acquisition that the estimate speaks for, as the product does with models of acquisitions
    box    by the projection onto the whole box, which keeps empty corners empty, as the product does with all others
    free   none

PSNR has data range 1 between the 0.1 and 99.9 percentiles; "inside" leaves out the outermost 32 pixels.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pdm_core import Volume, find_model
from pdm_core.degradation.acquisition import Acquisition, Borders, Filter, Shutter
from pdm_core.degradation.acquisition_fit import fitted_acquisition
from pdm_core.degradation.kspace import Size, lowres_size, upsample
from pdm_core.diffusion.denoisers import NetworkDenoiser
from pdm_core.diffusion.periodic import PeriodicDenoiser
from pdm_core.diffusion.sampling import SamplingPlan, sample
from pdm_core.evaluation.cases import Case, reference_volume
from pdm_core.evaluation.in_plane import inside
from pdm_core.metrics.image_quality import psnr
from pdm_core.training.dataset import Dataset
from pdm_core.zoo import load_model

SHUTTER = Shutter(0.94, 1.06)
WEAK, FULL = Filter("hamming", weight=0.8), Filter("hamming", weight=0.54)
KINDS: dict[str, tuple[Shutter | None, Filter, Borders]] = {
    "box": (None, Filter(), "wrap"),
    "shutter": (SHUTTER, Filter(), "wrap"),
    "shutter, Hamming 0.8": (SHUTTER, WEAK, "wrap"),
    "Hamming 0.54": (None, FULL, "wrap"),
    "cut, box": (None, Filter(), "cut"),
    "cut, shutter, Hamming 0.8": (SHUTTER, WEAK, "cut"),
}
CONSISTENCIES = ("soft", "found", "box", "free")
FACTORS = (2, 4)
MEAN = "mean"


@dataclass(frozen=True)
class Measured:
    """Slices and what an acquisition gave of them, in the networks' range.

    Attributes:
        truth: (N, 1, H, W).
        low: (N, 1, h, w).
        acquisition: of `low`.
    """

    truth: Tensor
    low: Tensor
    acquisition: Acquisition

    @property
    def size(self) -> Size:
        """Matrix of the truth."""
        return self.truth.shape[-2], self.truth.shape[-1]

    @property
    def x_lr(self) -> Tensor:
        """Zero filling, (N, 1, H, W)."""
        return upsample(self.low, self.size)


@dataclass(frozen=True)
class Gain:
    """PSNR over zero filling of one volume, dB."""

    volume: str
    kind: str
    factor: int
    method: str
    whole: float
    inside: float


def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    models = {find_model(name, mode="in-plane").name: load_model(find_model(name)).eval() for name in arguments.models}
    for denoiser in models.values():
        denoiser.precision = arguments.precision
    gains: list[Gain] = []
    seconds: dict[str, list[float]] = defaultdict(list)
    for name, truth in volumes(Dataset.open(arguments.data), arguments.split, arguments.slices):
        for kind in arguments.kinds:
            for factor in FACTORS:
                measured = measure(truth, factor, *KINDS[kind])
                gains += restored_gains(name, kind, factor, measured, models, arguments.consistency, seconds)
    report(arguments, gains, seconds)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL", help="name in the zoo, or path of a card")
    parser.add_argument("--data", type=Path, required=True, help="folder of a prepared dataset")
    parser.add_argument("--split", default="val", choices=("train", "val", "test"))
    parser.add_argument("--slices", type=int, default=6, help="central slices of each volume")
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS), metavar="KIND")
    parser.add_argument("--consistency", nargs="+", default=["soft", "found", "box"], choices=CONSISTENCIES)
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--volumes", action="store_true", help="a row for each volume too")
    return parser.parse_args()


def volumes(dataset: Dataset, split: str, slices: int) -> Iterator[tuple[str, Tensor]]:
    """Name and central slices (N, 1, H, W) of each volume, in the networks' range, at its true bandwidth."""
    for record in dataset.volumes:
        if record.split == split:
            array = np.load(dataset.folder / record.facts.file, mmap_mode="r")[list(record.facts.useful)]
            volume = Volume(array, np.diag([*record.facts.spacing_mm, 1.0]))
            reference = reference_volume(Case(record.name, partial(lambda held: held, volume)), slices)
            yield record.name, 2.0 * torch.from_numpy(reference.array)[:, None] - 1.0


def measure(truth: Tensor, factor: int, shutter: Shutter | None, of: Filter, borders: Borders) -> Measured:
    """The slices as measured; cut ones are the middle three quarters of each axis, measured with their surroundings."""
    size = (truth.shape[-2], truth.shape[-1])
    acquisition = Acquisition(lowres_size(size, factor), shutter, of)
    low = acquisition.reduce(truth)
    if borders == "wrap":
        return Measured(truth, low, acquisition)
    for dim, edge in zip((-2, -1), size, strict=True):
        begin, length = (edge // 8 // factor, edge * 3 // 4 // factor)
        low = low.narrow(dim, begin, length)
        truth = truth.narrow(dim, factor * begin, factor * length)
    return Measured(truth, low, Acquisition((low.shape[-2], low.shape[-1]), shutter, of, "cut"))


def restored_gains(
    volume: str,
    kind: str,
    factor: int,
    measured: Measured,
    models: dict[str, NetworkDenoiser],
    consistencies: Sequence[str],
    seconds: dict[str, list[float]],
) -> Iterator[Gain]:
    """Gains of each model with each consistency; the seconds of CPU time a slice of each model are added to `seconds`."""
    truth, zero_filled = ((image + 1.0) / 2.0 for image in (measured.truth, measured.x_lr))
    for name, denoiser in models.items():
        begun = time.process_time()
        free = restored(denoiser, measured)
        seconds[f"{name}, x{factor}"].append((time.process_time() - begun) / len(truth))
        for consistency in consistencies:
            image = (consistent(free, measured, consistency) + 1.0) / 2.0
            whole = psnr(image, truth) - psnr(zero_filled, truth)
            within = psnr(inside(image), inside(truth)) - psnr(inside(zero_filled), inside(truth))
            yield Gain(volume, kind, factor, f"{name}, {consistency}", float(whole.mean()), float(within.mean()))


@torch.inference_mode()
def restored(denoiser: NetworkDenoiser, measured: Measured) -> Tensor:
    """One step, slice by slice, without any consistency."""
    rows, columns = (big / small for big, small in zip(measured.size, measured.acquisition.matrix, strict=True))
    factor, whole, plan = (rows * columns) ** 0.5, PeriodicDenoiser(denoiser), SamplingPlan(steps=1)
    noise = torch.randn((1, 1, *measured.size), generator=torch.Generator().manual_seed(0))
    return torch.cat([sample(whole, x_lr, factor, plan, noise) for x_lr in measured.x_lr.split(1)])


def consistent(free: Tensor, measured: Measured, consistency: str) -> Tensor:
    """The estimate with what was measured put back."""
    if consistency == "free":
        return free
    box = Acquisition(measured.acquisition.matrix)
    acquisitions: dict[str, Callable[[], Acquisition]] = {
        "soft": lambda: measured.acquisition,
        "found": lambda: fitted_acquisition(measured.low, box.reduce(free)),
        "box": lambda: box,
    }
    return acquisitions[consistency]().consistent(free, measured.low)


def report(arguments: argparse.Namespace, gains: Sequence[Gain], seconds: dict[str, list[float]]) -> None:
    """Tables of gain over zero filling, inside and whole."""
    print(f"{date.today()}, {platform.system()} {platform.machine()}, torch {torch.__version__}, {arguments.threads} threads")
    names = list(dict.fromkeys(gain.volume for gain in gains))
    print(f"{arguments.split}: {len(names)} volumes, {arguments.slices} central slices each; one step\n")
    methods = list(dict.fromkeys(gain.method for gain in gains))
    print(f"| volume | acquisition | factor | {' | '.join(f'{method}: inside (whole) dB' for method in methods)} |")
    print("|" + "---|" * (3 + len(methods)))
    for volume in (*(names if arguments.volumes else ()), MEAN):
        for kind in arguments.kinds:
            for factor in FACTORS:
                cells = [cell(gains, volume, kind, factor, method) for method in methods]
                print(f"| {volume} | {kind} | x{factor} | {' | '.join(cells)} |")
    print("\n| model, factor | CPU seconds a slice, median |\n|---|---|")
    for model, times in seconds.items():
        print(f"| {model} | {statistics.median(times):.3f} |")


def cell(gains: Sequence[Gain], volume: str, kind: str, factor: int, method: str) -> str:
    """Mean gain of one method, inside and whole."""
    chosen = [
        gain
        for gain in gains
        if (gain.kind, gain.factor, gain.method) == (kind, factor, method) and volume in (MEAN, gain.volume)
    ]
    within, whole = (statistics.fmean(values) for values in zip(*((gain.inside, gain.whole) for gain in chosen), strict=True))
    return f"{within:+.2f} ({whole:+.2f})"


if __name__ == "__main__":
    main()
