"""A contact sheet: whole slices, the same detail magnified, differences and uncertainty, all at one window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]
_ZOOM = 4


@dataclass(frozen=True)
class Panel:
    """One picture of the sheet.

    Attributes:
        title: above it.
        image: (H, W), all panels alike.
        kind: images share their window; differences are signed; the uncertainty starts at zero.
    """

    title: str
    image: FloatImage
    kind: Literal["image", "difference", "uncertainty"]


def draw_contact_sheet(panels: Sequence[Panel], path: Path) -> None:
    """Draw `panels` to a PNG: images on top, their detail below, then differences and uncertainty of the detail."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    images = [panel for panel in panels if panel.kind == "image"]
    maps = [panel for panel in panels if panel.kind != "image"]
    truth = images[-1].image
    window = (float(np.percentile(truth, 0.5)), float(np.percentile(truth, 99.5)))
    region = detailed_region(truth)
    figure = Figure(figsize=(4 * len(images), 12.6), facecolor="black", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(3, len(images))
    for axis in axes.flat:
        axis.axis("off")
    for column, panel in enumerate(images):
        _show(axes[0, column], panel.title, panel.image, window, "gray", region)
        _show(axes[1, column], f"{panel.title}, detail", panel.image[region], window, "gray")
    for column, panel in enumerate(maps):
        limits, colours = _scale(panel, maps, region)
        drawn = _show(axes[2, column], f"{panel.title}, detail", panel.image[region], limits, colours)
        bar = figure.colorbar(drawn, ax=axes[2, column], shrink=0.8)
        bar.ax.tick_params(colors="white")
    figure.savefig(path, dpi=100)


def detailed_region(image: FloatImage) -> tuple[slice, slice]:
    """The quarter-sized window, in the central half of the image, where neighbouring pixels differ most."""
    from scipy.ndimage import uniform_filter

    height, width = (edge // _ZOOM for edge in image.shape)
    change = np.hypot(*np.gradient(image.astype(np.float64)))
    local = uniform_filter(change, size=(height, width))
    rows, columns = image.shape
    centre = local[
        rows // 4 + height // 2 : 3 * rows // 4 - height // 2, columns // 4 + width // 2 : 3 * columns // 4 - width // 2
    ]
    row, column = np.unravel_index(int(centre.argmax()), centre.shape)
    top, left = rows // 4 + int(row), columns // 4 + int(column)
    return slice(top, top + height), slice(left, left + width)


def _scale(panel: Panel, maps: Sequence[Panel], region: tuple[slice, slice]) -> tuple[tuple[float, float], str]:
    """Limits and colours: all differences share theirs."""
    if panel.kind == "uncertainty":
        return (0.0, float(np.percentile(panel.image[region], 99.5)) or 1.0), "magma"
    differences = [np.abs(item.image[region]) for item in maps if item.kind == "difference"]
    limit = float(np.percentile(np.concatenate(differences), 99.5)) or 1.0
    return (-limit, limit), "RdBu_r"


def _show(
    axis: Any, title: str, image: FloatImage, limits: tuple[float, float], colours: str,
    region: tuple[slice, slice] | None = None,
) -> Any:  # fmt: skip
    from matplotlib.patches import Rectangle

    drawn = axis.imshow(image, cmap=colours, vmin=limits[0], vmax=limits[1], interpolation="nearest")
    axis.set_title(title, color="white", fontsize=13)
    if region is not None:
        rows, columns = region
        axis.add_patch(
            Rectangle((columns.start, rows.start), columns.stop - columns.start, rows.stop - rows.start, fill=False, ec="gold")
        )
    return drawn
