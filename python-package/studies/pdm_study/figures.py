"""The paper's figures on our data: convergence of the latents, quality against K and steps, time, reliability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan
from pathlib import Path
from typing import Any

import torch

from pdm_core.atomic import replacing
from pdm_core.degradation.kspace import lowres_size, project
from pdm_core.diffusion.convergence import Convergence, convergence
from pdm_core.metrics.reliability import Reliability
from pdm_core.reporting.page import new_figure
from pdm_core.volume import Volume
from pdm_study.measures import COMPARED
from pdm_study.table_rows import TableRow

_ENDS = ("png", "pdf")


def save_figure(figure: Any, folder: Path, name: str) -> None:
    """Write a figure as PNG and PDF."""
    for end in _ENDS:
        with replacing(folder / f"{name}.{end}") as temporary:
            figure.savefig(temporary, format=end, dpi=150)


def convergences(reference: Volume, factors: Sequence[float], seed: int = 0) -> list[Convergence]:
    """Fig. 2 of the paper on the slices of a reference in [0, 1]."""
    images = torch.from_numpy(2.0 * reference.array - 1.0)
    generator = torch.Generator().manual_seed(seed)
    curves = []
    for factor in factors:
        size = lowres_size((images.shape[1], images.shape[2]), factor)
        curves.append(convergence([(image, project(image, size)) for image in images], factor, generator))
    return curves


def figure_2(curves: Sequence[Convergence]) -> Any:
    """Divergence of the noised low- and high-resolution images over t: by histograms as in the paper, and pixel by pixel."""
    figure = new_figure(10, 4)
    left, right = figure.subplots(1, 2)
    for number, curve in enumerate(curves):
        label, color = f"x{curve.factor:g}", f"C{number}"
        left.plot(curve.steps, curve.histogram, "o-", color=color, markersize=3, label=label)
        left.plot(curve.steps, curve.floor, "--", color=color, linewidth=1, label=f"{label}, chance alone")
        right.plot(curve.steps[1:], curve.paired[1:], "o-", color=color, markersize=3, label=label)
    for axis, title in ((left, "histograms, KL in nats"), (right, "pixel by pixel, KL in nats a pixel")):
        axis.set(title=title, xlabel=f"t of {curves[0].steps[-1]}", yscale="log")
        axis.set_xscale("symlog", linthresh=10)
        axis.legend()
    return figure


def figure_10(curves: Mapping[str, Sequence[TableRow]]) -> Any:
    """Quality against network evaluations, which for SR3 are K: a curve for each family of contenders and factor."""
    figure = new_figure(12, 4.5)
    for axis, measure in zip(figure.subplots(1, 2), COMPARED, strict=True):
        for number, (family, lines) in enumerate(curves.items()):
            for factor in dict.fromkeys(line.factor for line in lines):
                known = sorted((line for line in lines if line.cases and line.factor == factor), key=lambda x: x.evaluations)
                if not known:
                    continue
                heights = [line.values[measure.key] for line in known]
                style = "o-" if factor == lines[0].factor else "s--"
                steps = [line.evaluations for line in known]
                axis.plot(steps, [x.mean for x in heights], style, color=f"C{number}", label=f"{family}, x{factor:g}")
                # Without an interval there is a gap in the band, not a band of no width.
                low, high = zip(*((x.interval or (nan, nan)) for x in heights), strict=True)
                axis.fill_between(steps, low, high, color=f"C{number}", alpha=0.15, linewidth=0)
        axis.set(xlabel="network evaluations a slice", ylabel=measure.heading, xscale="log")
        axis.legend(fontsize=7) if axis.lines else None
    return figure


def time_figure(lines: Sequence[TableRow]) -> Any:
    """Seconds a slice against network evaluations, a line for each model."""
    figure = new_figure(6, 4.5)
    axis = figure.subplots()
    known = [line for line in lines if line.cases]
    for model in dict.fromkeys(line.model for line in known):
        own = sorted((line for line in known if line.model == model), key=lambda line: line.evaluations)
        axis.plot([line.evaluations for line in own], [line.seconds for line in own], "o-", markersize=4, label=model)
    axis.set(xlabel="network evaluations a slice", ylabel="seconds a slice")
    axis.legend() if known else None
    return figure


def reliability_figure(curves: Mapping[str, Reliability]) -> Any:
    """Observed against predicted errors; on the diagonal the uncertainty is right."""
    figure = new_figure(6, 5)
    axis = figure.subplots()
    for label, curve in curves.items():
        axis.plot(curve.predicted, curve.observed, "o-", markersize=4, label=label)
    most = max(max(*curve.predicted, *curve.observed) for curve in curves.values())
    axis.plot([0, most], [0, most], color="black", linewidth=1)
    axis.set(xlabel="predicted error (standard deviation over samples)", ylabel="observed error (RMSE)")
    axis.legend(fontsize=7)
    return figure
