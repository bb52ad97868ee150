"""Restoration between slices of real images with thin slices, from thick ones made of them: every method by one measure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from pdm_core.degradation.profile import SliceOperator, SliceProfile
from pdm_core.evaluation.cases import Case
from pdm_core.evaluation.in_plane import Row, counted
from pdm_core.evaluation.metrics import psnr, ssim
from pdm_core.pipeline.intensity import PERCENTILES
from pdm_core.pipeline.options import SuperResolutionOptions
from pdm_core.pipeline.slices import along_slices
from pdm_core.pipeline.super_resolution import super_resolve
from pdm_core.progress import CancelCheck, Progress, ProgressCallback
from pdm_core.volume import Volume
from pdm_core.zoo import find_model

BASELINE = "cubic B-spline"
EXACT = "B-spline, exact in the slices"
# Test cases with real slices of 1 to 1.25 mm: prostate T2 in 3-D, cervical spine T2, a brain template T1.
CALIBRATION = ("I2CVB-A", "spine_sct", "brain_templates")
Restore = Callable[[Volume, SliceOperator], Tensor]


def evaluate_through_plane(
    cases: Sequence[Case],
    models: Sequence[str],
    factors: Sequence[float] = (3.0, 6.0),
    steps: Sequence[int] = (1, 3),
    *,
    device: str = "auto",
    seed: int = 0,
    progress: ProgressCallback | None = None,
    cancel: CancelCheck | None = None,
) -> list[Row]:
    """Make thick Gaussian slices of each reference, without gaps, restore them and measure them against the reference.

    All is by the convention `unit_float`. In the rows, PSNR and its gain inside (between the centres of the first and the
    last slice) are those of the whole volume, SSIM is the mean over the planes (K, I) across the slices, consistency that of
    the averages over the slices, and error and detail are those of what no slice has measured.

    Args:
        cases: reference volumes, their thin slices along K.
        models: names in the zoo, or paths of cards; each is run with every number of `steps`.
        factors: thin slices a thick one.
        steps: network evaluations.
        device: where the models run.
        seed: of the sampling.
        progress: receives finished restorations with an ETA.
        cancel: asked between restorations.
    """
    methods = dict(through_plane_methods(models, steps, device, seed))
    meter = Progress("evaluating", len(cases) * len(factors) * len(methods), progress, cancel)
    rows = []
    for case in cases:
        truth = _reference(case)
        for factor in factors:
            low, operator = thick_slices(truth, factor)
            for method, restore in methods.items():
                rows.append(_measured(case.name, factor, method, restore(low, operator), truth, operator))
                meter.advance()
    return rows


def thick_slices(truth: Volume, factor: float) -> tuple[Volume, SliceOperator]:
    """Gaussian slices as thick as they are apart, the first centred on the first thin one, and the operator that made them."""
    operator = SliceOperator(max(2, round(truth.shape[0] / factor)), truth.shape[0], "index0", SliceProfile())
    array = along_slices(operator.apply, torch.from_numpy(truth.array)).numpy()
    matrix = truth.ijk_to_ras @ np.diag([1.0, 1.0, operator.factor, 1.0])
    distance = truth.spacing[2] * operator.factor
    return Volume(array, matrix, {**truth.metadata, "slice_thickness_mm": distance}), operator


def _reference(case: Case) -> Volume:
    """The volume in [0, 1] between its 0.1 and 99.9 percentiles, not clipped."""
    volume = case.read()
    low, high = np.percentile(volume.array, PERCENTILES)
    return Volume((volume.array - np.float32(low)) / np.float32(high - low), volume.ijk_to_ras, {"source": case.name})


def through_plane_methods(
    models: Sequence[str], steps: Sequence[int], device: str, seed: int
) -> Iterator[tuple[str, Restore]]:
    """The baselines and the models, each as a function of thick slices and of what made them."""
    yield "linear", lambda low, operator: along_slices(operator.linear, torch.from_numpy(low.array))
    yield BASELINE, lambda low, operator: along_slices(operator.smooth, torch.from_numpy(low.array))
    yield EXACT, lambda low, operator: along_slices(operator.interpolated, torch.from_numpy(low.array))
    for model in models:
        name = find_model(model, mode="through-plane").name
        for count in steps:
            yield f"{name}, {counted(count)}", _by_model(model, count, device, seed)


def _by_model(model: str, steps: int, device: str, seed: int) -> Restore:
    """The product's own pipeline, on the thick slices."""

    def restore(low: Volume, operator: SliceOperator) -> Tensor:
        options = SuperResolutionOptions(
            mode="through-plane", factor=operator.factor, model=model, steps=steps, seed=seed, device=device
        )
        return torch.from_numpy(super_resolve(low, options).volume.array)

    return restore


def _measured(case: str, factor: float, method: str, restored: Tensor, reference: Volume, operator: SliceOperator) -> Row:
    truth = torch.from_numpy(reference.array)
    last = math.floor((operator.low - 1) * operator.factor) + 1
    averages, real_averages = (along_slices(operator.apply, x.double()) for x in (restored, truth))
    error, detail, real = (_unmeasured(x.double(), operator) for x in (restored - truth, restored, truth))
    return Row(
        case,
        factor,
        method,
        psnr=_psnr(restored, truth),
        psnr_inside=_psnr(restored[:last], truth[:last]),
        ssim=_ssim(restored, truth),
        consistency=_psnr(averages, real_averages),
        high_frequency=error / real,
        detail=detail / real,
    )


def _psnr(volume: Tensor, reference: Tensor) -> float:
    """Of a whole volume (K, J, I)."""
    return float(psnr(volume[None], reference[None]))


def _ssim(volume: Tensor, reference: Tensor) -> float:
    """Mean over the planes (K, I) across the slices of a volume (K, J, I), one at a time: its windows need much memory."""
    planes = zip(volume.unbind(1), reference.unbind(1), strict=True)
    return float(torch.cat([ssim(plane[None, None], true[None, None]) for plane, true in planes]).mean())


def _unmeasured(x: Tensor, operator: SliceOperator) -> float:
    """Energy of what no slice has measured."""
    measured = along_slices(operator.minimal, along_slices(operator.apply, x))
    return float((x - measured).square().sum())
