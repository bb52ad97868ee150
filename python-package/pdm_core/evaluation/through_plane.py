"""Restoration between slices of real images with thin slices, from thick ones made of them: every method by one measure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pdm_core.baselines.smore import smore
from pdm_core.baselines.soup_gan import find_soup_gan, soup_gan
from pdm_core.degradation.finer_grid import along_slices
from pdm_core.degradation.profile import SliceOperator, SliceProfile
from pdm_core.evaluation.cases import Case
from pdm_core.evaluation.in_plane import Row, counted
from pdm_core.metrics.image_quality import flicker, psnr, ssim
from pdm_core.pipeline.options import SuperResolutionOptions
from pdm_core.pipeline.super_resolution import super_resolve
from pdm_core.progress import CancelCheck, Progress, ProgressCallback
from pdm_core.volume import Volume
from pdm_core.volume.robust_range import robust_range
from pdm_core.zoo import find_model

BASELINE = "cubic B-spline"
EXACT = "B-spline, exact in the slices"
# Test cases with real slices of 1 to 1.25 mm: prostate T2 in 3-D, cervical spine T2, a brain template T1.
CALIBRATION = ("I2CVB-A", "spine_sct", "brain_templates")
SMORE = "SMORE-like regression"
SOUP_GAN = "SOUP-GAN, published weights"
# A method on thick slices; some give two results, as they are and exact in what was measured. The last argument may cancel.
Restore = Callable[[Volume, SliceOperator, Callable[[], None]], Iterator[tuple[str, Tensor]]]


@dataclass(frozen=True)
class Others:
    """Contenders that take minutes or a package of their own.

    Attributes:
        smore: the self-supervised regression of `pdm_core.baselines.smore`.
        soup_gan: SOUP-GAN with its published weights, where the package KevinSR is installed.
        adapt: steps by which each model is also tried adapted to the case; 0 leaves that out.
    """

    smore: bool = False
    soup_gan: bool = False
    adapt: int = 0


def evaluate_through_plane(
    cases: Sequence[Case],
    models: Sequence[str],
    factors: Sequence[float] = (3.0, 6.0),
    steps: Sequence[int] = (1, 3),
    *,
    others: Others | None = None,
    slab: int | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: ProgressCallback | None = None,
    cancel: CancelCheck | None = None,
) -> list[Row]:
    """Make thick Gaussian slices of each reference, without gaps, restore them and measure them against the reference.

    All is by the convention `unit_float`. In the rows, PSNR and its gain inside (between the centres of the first and the
    last slice) are those of the whole volume, SSIM is the mean over the planes (K, I) across the slices, consistency that of
    the averages over the slices, error and detail are those of what no slice has measured, and flicker is of what a method
    adds to the spline that is exact in the slices.

    Args:
        cases: reference volumes, their thin slices along K.
        models: names in the zoo, or paths of cards; each is run with every number of `steps`.
        factors: thin slices a thick one.
        steps: network evaluations.
        others: further contenders.
        slab: central slices of each reference that are taken; None takes all.
        device: where the models run.
        seed: of the sampling.
        progress: receives finished restorations with an ETA.
        cancel: asked between restorations.

    Raises:
        MissingDependencyError: a contender needs what is not installed.
    """
    methods = list(through_plane_methods(models, steps, others or Others(), device, seed))
    meter = Progress("evaluating", len(cases) * len(factors) * len(methods), progress, cancel)
    rows = []
    for case in cases:
        truth = _reference(case, slab)
        for factor in factors:
            low, operator = thick_slices(truth, factor)
            for restore in methods:
                for method, restored in restore(low, operator, meter.check_cancel):
                    rows.append(_measured(case.name, factor, method, restored, truth, low, operator))
                meter.advance()
    return rows


def thick_slices(truth: Volume, factor: float) -> tuple[Volume, SliceOperator]:
    """Gaussian slices as thick as they are apart, the first centred on the first thin one, and the operator that made them."""
    operator = SliceOperator(max(2, round(truth.shape[0] / factor)), truth.shape[0], "index0", SliceProfile())
    array = along_slices(operator.apply, torch.from_numpy(truth.array)).numpy()
    matrix = truth.ijk_to_ras @ np.diag([1.0, 1.0, operator.factor, 1.0])
    distance = truth.spacing[2] * operator.factor
    return Volume(array, matrix, {**truth.metadata, "slice_thickness_mm": distance}), operator


def _reference(case: Case, slab: int | None) -> Volume:
    """The volume, or the central slices of it, in [0, 1] between the volume's 0.1 and 99.9 percentiles, not clipped."""
    volume = case.read()
    low, high = robust_range(volume.array)
    first = 0 if slab is None else max(0, (volume.shape[0] - slab) // 2)
    matrix = volume.ijk_to_ras.copy()
    matrix[:3, 3] += first * matrix[:3, 2]
    array = volume.array[first : None if slab is None else first + slab]
    return Volume((array - np.float32(low)) / np.float32(high - low), matrix, {"source": case.name})


def through_plane_methods(
    models: Sequence[str], steps: Sequence[int], others: Others, device: str, seed: int
) -> Iterator[Restore]:
    """The baselines, the other contenders and the models.

    Each maps thick slices, what made them and a check for cancelling to one or more restored stacks by their names.

    Args:
        models: names, or paths of cards.
        steps: network evaluations; each model runs with each count.
        others: what runs beside the models.
        device: where the models run.
        seed: of sampling and of what is trained on the scan itself.
    """
    yield _interpolations
    if others.smore:
        yield _by_smore(seed)
    if others.soup_gan:
        # Found missing before the work rather than amid it.
        find_soup_gan()
        yield _by_soup_gan
    for model in models:
        for count in steps:
            yield _by_model(model, count, 0, device, seed)
            if others.adapt:
                yield _by_model(model, count, others.adapt, device, seed)


def _interpolations(low: Volume, operator: SliceOperator, _check: Callable[[], None]) -> Iterator[tuple[str, Tensor]]:
    slices = torch.from_numpy(low.array)
    yield "linear", along_slices(operator.linear, slices)
    yield BASELINE, along_slices(operator.smooth, slices)
    yield EXACT, along_slices(operator.interpolated, slices)


def _by_smore(seed: int) -> Restore:
    def restore(low: Volume, operator: SliceOperator, check: Callable[[], None]) -> Iterator[tuple[str, Tensor]]:
        slices = torch.from_numpy(low.array)
        columns, rows, distance = low.spacing
        fine = distance / operator.factor
        restored = smore(slices, operator, (fine / rows, fine / columns), seed=seed, on_step=check)
        yield SMORE, restored
        yield f"{SMORE}, exact in the slices", _exact(restored, slices, operator)

    return restore


def _by_soup_gan(low: Volume, operator: SliceOperator, _check: Callable[[], None]) -> Iterator[tuple[str, Tensor]]:
    slices = torch.from_numpy(low.array)
    restored = soup_gan(slices, operator)
    yield SOUP_GAN, restored
    yield f"{SOUP_GAN}, exact in the slices", _exact(restored, slices, operator)


def _by_model(model: str, steps: int, adapt: int, device: str, seed: int) -> Restore:
    """The product's own pipeline, on the thick slices."""
    name = find_model(model, mode="through-plane").name + (" adapted" if adapt else "")

    def restore(low: Volume, operator: SliceOperator, _check: Callable[[], None]) -> Iterator[tuple[str, Tensor]]:
        options = SuperResolutionOptions(
            mode="through-plane", factor=operator.factor, model=model, steps=steps, seed=seed, device=device, adapt=adapt
        )
        yield f"{name}, {counted(steps)}", torch.from_numpy(super_resolve(low, options).volume.array)

    return restore


def _exact(restored: Tensor, slices: Tensor, operator: SliceOperator) -> Tensor:
    """The nearest volume that gives the measured slices: what a method is worth without its share of inexactness there."""
    return operator.project(restored.flatten(1), slices.flatten(1)).reshape(restored.shape)


def _measured(
    case: str, factor: float, method: str, restored: Tensor, reference: Volume, low: Volume, operator: SliceOperator
) -> Row:
    truth = torch.from_numpy(reference.array)
    plain = along_slices(operator.interpolated, torch.from_numpy(low.array))
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
        flicker=flicker(restored, truth, plain, (0,)),
        flicker_planes=flicker(restored, truth, plain, (1, 2)),
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
