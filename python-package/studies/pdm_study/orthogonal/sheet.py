"""A picture of what was restored between the slices, beside the scan taken across them: whole, and at the gland's ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pdm_core.volume.volume import FloatArray, Matrix
from pdm_study.orthogonal.evaluation import SideView

# Width and height in mm of what is shown: around the middle, and around each end of the gland.
_WHOLE_MM, _DETAIL_MM = (110.0, 70.0), (44.0, 28.0)
_PERCENTILES = (1.0, 98.0)
Box = tuple[slice, slice]


def draw_orthogonal_sheet(
    side: SideView, methods: Mapping[str, str], places: Mapping[str, Matrix], title: str, path: Path
) -> None:
    """Draw one slice of a side view to a PNG: a column for each method and one for the real scan, a row for each place.

    Args:
        side: scan and methods on its grid.
        methods: to show, with the titles of their columns.
        places: points in mm, RAS; the first decides the slice and is shown with much around it, the others magnified. The
            methods share a window in each row; the real scan, taken with other coils nearby, has its own.
        title: of the real scan's column.
        path: of the picture.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    number = _slice_at(side, next(iter(places.values())))
    columns = {
        words: np.where(side.inside[number], side.restored[method][number], np.nan) for method, words in methods.items()
    }
    columns[title] = side.scan.array[number]
    figure = Figure(figsize=(3.3 * len(columns), 2.3 * len(places)), facecolor="black", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(places), len(columns), squeeze=False)
    for row, (name, point) in enumerate(places.items()):
        images = [_upright(side, image, _box(side, point, _DETAIL_MM if row else _WHOLE_MM)) for image in columns.values()]
        windows = [_window(images[0])] * len(methods) + [_window(images[-1])]
        for column, words in enumerate(columns):
            _show(axes[row, column], f"{words}, {name}" if row else words, images[column], windows[column])
    figure.savefig(path, dpi=100, pil_kwargs={"optimize": True})


def _slice_at(side: SideView, point: Matrix) -> int:
    return int(np.clip(round(float(_index(side, point)[2])), 0, side.scan.shape[0] - 1))


def _index(side: SideView, point: Matrix) -> NDArray[np.float64]:
    """Voxel (i, j, k) of the scan where a point of the restored volume lies, as the patient lay in the scan."""
    moved = side.motion.transform.GetInverse().TransformPoint([float(v) for v in np.diag([-1.0, -1.0, 1.0]) @ point])
    place = np.array([-moved[0], -moved[1], moved[2], 1.0])
    return np.asarray((np.linalg.inv(side.scan.ijk_to_ras) @ place)[:3])


def _box(side: SideView, point: Matrix, size_mm: tuple[float, float]) -> Box:
    """Rows and columns around a point, within the image."""
    place, spacing = _index(side, point), side.scan.spacing
    ranges = []
    for axis, width, edge in ((1, size_mm[1], side.scan.shape[1]), (0, size_mm[0], side.scan.shape[2])):
        half = width / spacing[axis] / 2.0
        ranges.append(slice(max(0, round(place[axis] - half)), min(edge, round(place[axis] + half))))
    return ranges[0], ranges[1]


def _upright(side: SideView, image: FloatArray, box: Box) -> FloatArray:
    """Head up; to the left what is anterior, or the patient's right."""
    steps: Sequence[int] = [-1 if value > 0.0 else 1 for value in (_most(side, 1), _most(side, 0))]
    return image[box][:: steps[0], :: steps[1]]


def _most(side: SideView, axis: int) -> float:
    """The greatest component of an axis of the scan in RAS."""
    direction = side.scan.ijk_to_ras[:3, axis]
    return float(direction[np.abs(direction).argmax()])


def _window(image: FloatArray) -> tuple[float, float]:
    low, high = np.nanpercentile(image, _PERCENTILES)
    return float(low), float(high)


def _show(axis: Any, title: str, image: FloatArray, window: Sequence[float]) -> None:
    axis.imshow(image, cmap="gray", vmin=window[0], vmax=window[1], interpolation="bicubic")
    axis.set_title(title, color="white", fontsize=11)
    axis.axis("off")
