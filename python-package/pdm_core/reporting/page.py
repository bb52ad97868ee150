"""Self-contained HTML pages: tables, and figures as pictures inside the text."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STYLE = """body{font:16px/1.5 sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}img{max-width:100%}
td,th{padding:.2rem 1rem;text-align:right}td:first-child,th:first-child{text-align:left}
figure{display:inline-block;margin:.3rem;width:9rem;font-size:12px;overflow-wrap:anywhere;vertical-align:top}
pre{font-size:12px;background:#f4f4f4;padding:1rem;overflow:auto}"""


def page(title: str, *parts: str) -> str:
    """A whole page of `parts`, which are HTML already; the title is escaped."""
    heading = html.escape(title)
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{heading}</title>\n'
        f"<style>{_STYLE}</style>\n<h1>{heading}</h1>\n" + "\n".join(parts) + "\n</html>\n"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of texts, which are escaped."""
    cells = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    lines = ("".join(f"<td>{html.escape(str(value))}</td>" for value in row) for row in rows)
    return f"<table><tr>{cells}</tr>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


def paragraph(text: str) -> str:
    """A paragraph of text, which is escaped."""
    return f"<p>{html.escape(text)}</p>"


def preformatted(text: str) -> str:
    """Text with its own line breaks; it is escaped."""
    return f"<pre>{html.escape(text)}</pre>"


def picture(png: bytes, description: str) -> str:
    """A PNG inside the page."""
    data = base64.b64encode(png).decode()
    return f'<img alt="{html.escape(description, quote=True)}" src="data:image/png;base64,{data}">'


def captioned(png: bytes, caption: str) -> str:
    """A small picture with words below it."""
    return f"<figure>{picture(png, caption)}<figcaption>{html.escape(caption)}</figcaption></figure>"


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of a size in inches; needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def as_png(figure: Figure) -> bytes:
    """The picture of a figure."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=100)
    return stream.getvalue()


def gray_png(image: NDArray[np.float32], low: float = -1.0, high: float = 1.0) -> bytes:
    """An image (H, W) in gray, black at `low` and white at `high`."""
    from matplotlib.image import imsave

    stream = io.BytesIO()
    imsave(stream, image, vmin=low, vmax=high, cmap="gray", format="png")
    return stream.getvalue()
