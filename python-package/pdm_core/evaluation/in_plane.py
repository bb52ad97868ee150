"""In-plane restoration of real images from their own reduction: every method through the same measure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pdm_core.baselines.bicubic import bicubic
from pdm_core.degradation.kspace import Size, downsample, lowres_size, upsample
from pdm_core.evaluation.cases import Case, SliceChoice, reference_volume
from pdm_core.metrics.image_quality import MetricConvention, consistency, detail_energy, high_frequency_error, psnr_ssim
from pdm_core.pipeline.options import SuperResolutionOptions
from pdm_core.pipeline.super_resolution import super_resolve
from pdm_core.progress import CancelCheck, Progress, ProgressCallback
from pdm_core.volume import Volume
from pdm_core.zoo import find_model

ZERO_FILLING = "zero filling"
_BORDER = 32
# Steps of the samples that are averaged: the faithful setting, and one whose samples tell of their uncertainty.
_AVERAGED = (1, 3)
Restore = Callable[[Volume, Size, float], Tensor]


@dataclass(frozen=True)
class Row:
    """One method on one case at one factor; means over the slices.

    Attributes:
        psnr: dB.
        psnr_inside: dB, without the outermost 32 pixels: the reduction itself rings from one border into the opposite one
            where anatomy is cut off, and a model that takes that back gains there what no real scan would show.
        ssim: structural similarity.
        consistency: dB, Eq. (20).
        high_frequency: error energy above the measured band as a share of the truth's there.
        detail: energy above the measured band as a share of the truth's there.
        flicker: how much what was added changes from slice to slice, as a share of what is missing (SCIENCE §6); between
            slices only.
        flicker_planes: the same from row to row and from column to column, across the planes that are restored one by one.
    """

    case: str
    factor: float
    method: str
    psnr: float
    psnr_inside: float
    ssim: float
    consistency: float
    high_frequency: float
    detail: float
    flicker: float | None = None
    flicker_planes: float | None = None


def evaluate_in_plane(
    cases: Sequence[Case],
    models: Sequence[str],
    factors: Sequence[float] = (2.0, 4.0),
    steps: Sequence[int] = (1, 3, 8),
    samples: int = 4,
    *,
    slices: SliceChoice = "central",
    convention: MetricConvention = MetricConvention.UNIT_FLOAT,
    device: str = "auto",
    seed: int = 0,
    progress: ProgressCallback | None = None,
    cancel: CancelCheck | None = None,
) -> list[Row]:
    """Reduce each reference by D, restore it by each method and measure it against the reference.

    Args:
        cases: reference volumes.
        models: names in the zoo, or paths of cards; each is run with every number of `steps`, and as the mean of
            `samples` with 1 and with 3 steps.
        factors: reductions.
        steps: network evaluations.
        samples: samples of the averaged run; 1 leaves it out.
        slices: the six central ones, or all.
        convention: how range and window of PSNR and SSIM are fixed.
        device: where the models run.
        seed: of the sampling.
        progress: receives finished restorations with an ETA.
        cancel: asked between restorations.
    """
    methods = dict(in_plane_methods(models, steps, samples, device, seed))
    meter = Progress("evaluating", len(cases) * len(factors) * len(methods), progress, cancel)
    rows = []
    for case in cases:
        reference = reference_volume(case, slices)
        truth = torch.from_numpy(reference.array)[:, None]
        for factor in factors:
            low = reduced_volume(reference, factor)
            for method, restore in methods.items():
                restored = restore(low, (truth.shape[-2], truth.shape[-1]), factor)
                rows.append(_measured(case.name, factor, method, restored, truth, low, convention))
                meter.advance()
    return rows


def reduced_volume(reference: Volume, factor: float) -> Volume:
    """D of every slice; the first voxel's centre stays, the spacing grows by the ratio of the matrices."""
    high = (reference.shape[1], reference.shape[2])
    size = lowres_size(high, factor)
    array = downsample(torch.from_numpy(reference.array)[:, None], size)[:, 0].numpy()
    scale = np.diag([high[1] / size[1], high[0] / size[0], 1.0, 1.0])
    return Volume(array, reference.ijk_to_ras @ scale, reference.metadata)


def true_factor(low: Volume, size: Size) -> float:
    """The factor that leads from the reduced matrix to the full one, which rounding makes another than was asked for."""
    return math.sqrt(size[0] * size[1] / (low.shape[1] * low.shape[2]))


def in_plane_methods(
    models: Sequence[str], steps: Sequence[int], samples: int, device: str, seed: int
) -> Iterator[tuple[str, Restore]]:
    """The baselines and the models, each as a function of a reduced volume, the full matrix and the factor.

    Args:
        models: names, or paths of cards.
        steps: network evaluations a sample; each model runs with each count.
        samples: of the averaged runs; 1 leaves them out.
        device: where the models run.
        seed: of sampling.
    """
    yield "bicubic", lambda low, size, _factor: bicubic(_tensor(low), size)
    yield ZERO_FILLING, lambda low, size, _factor: upsample(_tensor(low), size)
    for model in models:
        name = find_model(model, mode="in-plane").name
        for count in steps:
            yield f"{name}, {counted(count)}", _by_model(model, count, 1, device, seed)
        for count in _AVERAGED if samples > 1 else ():
            yield f"{name}, mean of {samples} x {counted(count)}", _by_model(model, count, samples, device, seed)


def counted(steps: int) -> str:
    """Steps in words."""
    return f"{steps} step" + ("s" if steps > 1 else "")


def _by_model(model: str, steps: int, samples: int, device: str, seed: int) -> Restore:
    """The product's own pipeline, on the reduced volume."""

    def restore(low: Volume, size: Size, factor: float) -> Tensor:
        options = SuperResolutionOptions(
            factor=true_factor(low, size), model=model, steps=steps, samples=samples, seed=seed, device=device
        )
        return _tensor(super_resolve(low, options).volume)

    return restore


def _measured(
    case: str, factor: float, method: str, restored: Tensor, truth: Tensor, low: Volume, convention: MetricConvention
) -> Row:
    psnr, ssim = psnr_ssim(restored, truth, convention)
    central, _ = psnr_ssim(inside(restored), inside(truth), convention)
    exactness = consistency(restored, _tensor(low))
    above, detail = (of(restored, truth, (low.shape[1], low.shape[2])) for of in (high_frequency_error, detail_energy))
    means = (float(values.mean()) for values in (psnr, central, ssim, exactness, above, detail))
    return Row(case, factor, method, *means)


def inside(images: Tensor) -> Tensor:
    """Images (N, 1, H, W) without their outermost 32 pixels, of small ones a quarter of each side; see `Row`."""
    rows, columns = (min(_BORDER, edge // 4) for edge in images.shape[-2:])
    return images[..., rows:-rows, columns:-columns]


def _tensor(volume: Volume) -> Tensor:
    return torch.from_numpy(volume.array)[:, None]
