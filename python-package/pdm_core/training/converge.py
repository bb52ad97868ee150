"""The choice of K on a prepared dataset: curves, a picture, and a recommendation with its reason."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pdm_core.atomic import replacing, write_text
from pdm_core.degradation.kspace import lowres_size, project
from pdm_core.diffusion.convergence import Convergence, convergence, recommended_start
from pdm_core.diffusion.schedule import PARENT_STEPS
from pdm_core.errors import InputError
from pdm_core.progress import CancelCheck, Progress, ProgressCallback
from pdm_core.reporting.page import as_png, new_figure
from pdm_core.training.dataset import Dataset
from pdm_core.training.slices import SliceStack

RECORD, PICTURE = "convergence.json", "convergence.png"


@dataclass(frozen=True)
class Recommendation:
    """A K and why.

    Attributes:
        start: K.
        steps: T that it counts for.
        reason: in words.
        curves: one a factor.
    """

    start: int
    steps: int
    reason: str
    curves: tuple[Convergence, ...]


def converge(
    dataset: Dataset,
    folder: Path,
    factors: Sequence[float],
    *,
    steps: int = 100,
    slices: int = 24,
    seed: int = 0,
    progress: ProgressCallback | None = None,
    cancel: CancelCheck | None = None,
) -> Recommendation:
    """Measure on training slices how the latents converge, and write `convergence.json` and `convergence.png`.

    Args:
        dataset: its train split is looked at.
        folder: of the files; made when missing.
        factors: of the low-resolution images, each above 1.
        steps: T of the bridge that K is for.
        slices: how many, spread over all volumes.
        seed: of the noise.
        progress: receives the pairs of slices.
        cancel: checked after every pair.

    Raises:
        InputError: a factor or a number is not possible, or there is no training volume.
    """
    bad = [factor for factor in factors if not 1.0 < factor <= 16.0]
    if bad or not factors or min(steps, slices) < 1:
        raise InputError("Convergence needs factors above 1 and up to 16, and at least one step and one slice.")
    images = _spread(dataset.stacks("train"), slices)
    meter = Progress("following the latents", len(images) * len(factors), progress, cancel)
    generator = torch.Generator().manual_seed(seed)
    curves = tuple(
        convergence([_pair(image, factor) for image in images], factor, generator, meter.advance) for factor in factors
    )
    start = recommended_start(curves, steps)
    recommendation = Recommendation(start, steps, _reason(curves, start, steps), curves)
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / PICTURE) as temporary:
        temporary.write_bytes(as_png(_figure(recommendation)))
    write_text(folder / RECORD, json.dumps(_plain(recommendation, len(images)), indent=1))
    return recommendation


def _spread(stacks: Sequence[SliceStack], count: int) -> list[Tensor]:
    """`count` slices at equal distances through all usable slices of all volumes."""
    numbered = [(stack, number) for stack in stacks for number in range(len(stack))]
    chosen = np.unique(np.linspace(0, len(numbered) - 1, min(count, len(numbered))).round().astype(int))
    return [numbered[index][0].take([numbered[index][1]])[0] for index in chosen]


def _pair(x_hr: Tensor, factor: float) -> tuple[Tensor, Tensor]:
    return x_hr, project(x_hr, lowres_size((x_hr.shape[0], x_hr.shape[1]), factor))


def _reason(curves: Sequence[Convergence], start: int, steps: int) -> str:
    latest = max(curves, key=lambda curve: curve.start)
    return (
        f"At x{latest.factor:g}, the hardest factor, the histograms of the latents differ by no more than chance from "
        f"t = {latest.start_by_histogram} of {PARENT_STEPS} on (the paper's criterion), and the residual is at most a tenth "
        f"of the noise from t = {latest.start_by_pairs} on. The later of both is K = {start} of T = {steps}. "
        "Without latent alignment do not go below; with it the start is exact at any K."
    )


def _plain(recommendation: Recommendation, slices: int) -> dict[str, Any]:
    """For JSON, which knows no infinity."""
    content = {**asdict(recommendation), "slices": slices}
    for curve, plain in zip(recommendation.curves, content["curves"], strict=True):
        plain["paired"] = [value if np.isfinite(value) else None for value in curve.paired]
        plain |= {"start_by_histogram": curve.start_by_histogram, "start_by_pairs": curve.start_by_pairs}
    return content


def _figure(recommendation: Recommendation) -> Any:
    figure = new_figure(10, 4)
    left, right = figure.subplots(1, 2)
    for number, curve in enumerate(recommendation.curves):
        color = f"C{number}"
        left.plot(curve.steps, curve.histogram, "o-", color=color, markersize=3, label=f"x{curve.factor:g}")
        left.plot(curve.steps, curve.floor, "--", color=color, linewidth=1, label=f"x{curve.factor:g}, chance alone")
        right.plot(curve.steps[1:], curve.paired[1:], "o-", color=color, markersize=3, label=f"x{curve.factor:g}")
    left.set(title="histograms of the latents (Fig. 2)", ylabel="KL, nats")
    right.set(title="pixel by pixel", ylabel="KL, nats a pixel")
    for axis in (left, right):
        axis.axvline(recommendation.start * PARENT_STEPS / recommendation.steps, color="black", linewidth=1)
        axis.set(xlabel=f"t of {PARENT_STEPS}; the line: K = {recommendation.start} of {recommendation.steps}", yscale="log")
        axis.set_xscale("symlog", linthresh=10)
        axis.set_xlim(left=0)
        axis.legend()
    return figure
