"""Image panels like the paper's Fig. 4, 8 and 9: truth, what was measured, each system, and its error beneath it."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import Any

import numpy as np

from pdm_core.reporting.contact_sheet import detailed_region
from pdm_core.reporting.page import new_figure
from pdm_study.contenders import Contender
from pdm_study.record import FloatImage
from pdm_study.results import Results

_COLUMNS = 6
_TITLE = 34


def panel_figure(results: Results, contenders: Sequence[Contender], case: str, factor: float) -> Any | None:
    """The detailed part of one slice by every contender of which a picture is there; None where there is none.

    All images share one window; errors are signed, red where an image is too bright, on one scale too.

    Args:
        results: all that is known.
        contenders: in the order of the panels.
        case: name.
        factor: of the reduction.
    """
    pictures = _pictures(results, contenders, case, factor)
    if not pictures:
        return None
    truth, plain = results.truths[case, factor]
    region = detailed_region(truth)
    shown = [("truth", truth), ("LR, zero filled", plain), *pictures]
    window = tuple(float(edge) for edge in np.percentile(truth[region], (0.5, 99.5)))
    most = float(np.percentile(np.abs(plain - truth)[region], 99.5))
    blocks = -(-len(shown) // _COLUMNS)
    figure = new_figure(2.2 * _COLUMNS, 4.9 * blocks)
    axes = figure.subplots(2 * blocks, _COLUMNS, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for number, (title, image) in enumerate(shown):
        row, column = 2 * (number // _COLUMNS), number % _COLUMNS
        axes[row, column].imshow(image[region], cmap="gray", vmin=window[0], vmax=window[1])
        axes[row, column].set_title(fill(title, _TITLE), fontsize=6)
        axes[row + 1, column].imshow((image - truth)[region], cmap="RdBu_r", vmin=-most, vmax=most)
    figure.suptitle(f"{case}, x{factor:g}; errors from -{most:.2f} to {most:.2f}", fontsize=9)
    return figure


def lacking(results: Results, contenders: Sequence[Contender], case: str, factor: float) -> int:
    """How many of the contenders have numbers and no picture.

    Args:
        results: all that is known.
        contenders: that the figure would show.
        case: name.
        factor: of the reduction.
    """
    labels = {contender.label for contender in contenders}
    here = [item for item in results.measured if (item.case, item.factor) == (case, factor) and item.contender in labels]
    return sum(item.picture is None for item in here)


def _pictures(results: Results, contenders: Sequence[Contender], case: str, factor: float) -> list[tuple[str, FloatImage]]:
    """In the order of the contenders."""
    here = {item.contender: item.picture for item in results.measured if (item.case, item.factor) == (case, factor)}
    found = ((contender.label, here.get(contender.label)) for contender in contenders)
    return [(label, picture) for label, picture in found if picture is not None]
