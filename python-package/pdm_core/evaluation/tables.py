"""Evaluation rows as Markdown, CSV and JSON, with what is needed to print them again."""

from __future__ import annotations

import csv
import io
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import date
from pathlib import Path
from typing import Any

import torch

from pdm_core.atomic import write_text
from pdm_core.evaluation.in_plane import ZERO_FILLING, Row
from pdm_core.version import package_version

# What the rows are called that hold the means over the cases.
MEAN = "mean"


def with_means(rows: Sequence[Row]) -> list[Row]:
    """The rows, and behind them the mean over the cases of each factor and method."""
    means = []
    for factor, method in dict.fromkeys((row.factor, row.method) for row in rows):
        group = [row for row in rows if (row.factor, row.method) == (factor, method)]
        numbers = {name: sum(getattr(row, name) for row in group) / len(group) for name in _numbers(group)}
        means.append(replace(group[0], case=MEAN, **numbers))
    return [*rows, *means]


def _numbers(rows: Sequence[Row]) -> list[str]:
    """The measures that all of the rows have."""
    names = [item.name for item in fields(Row) if item.name not in ("case", "factor", "method")]
    return [name for name in names if all(getattr(row, name) is not None for row in rows)]


def as_markdown(rows: Sequence[Row], baseline: str = ZERO_FILLING) -> str:
    """One table: a line for each case, factor and method; gains are over the baseline of the same case and factor.

    The gain inside leaves out what lies near the borders, see `Row`.
    """
    plain = {(row.case, row.factor): row for row in rows if row.method == baseline}
    further = [name for name in ("flicker", "flicker_planes") if name in _numbers(rows)]
    headings = [
        *("case", "factor", "method", "PSNR dB", "gain dB", "gain inside dB", "SSIM", "gain", "Consistency dB"),
        *("high-band error", "detail", *(name.replace("_", ", ") for name in further)),
    ]
    lines = [f"| {' | '.join(headings)} |", "|" + "---|" * len(headings)]
    for row in rows:
        base = plain[row.case, row.factor]
        lines.append(
            f"| {row.case} | x{row.factor:g} | {row.method} | {row.psnr:.2f} | {row.psnr - base.psnr:+.2f} "
            f"| {row.psnr_inside - base.psnr_inside:+.2f} | {row.ssim:.4f} "
            f"| {row.ssim - base.ssim:+.4f} | {row.consistency:.0f} | {row.high_frequency:.3f} "
            f"| {row.detail:.2f} |" + "".join(f" {getattr(row, name):.2f} |" for name in further)
        )
    return "\n".join(lines)


def as_csv(rows: Sequence[Any]) -> str:
    """The rows, all of one kind, with all digits."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [item.name for item in fields(rows[0])], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return text.getvalue()


def write_tables(folder: Path, kind: str, table: str, rows: Sequence[Any], facts: Mapping[str, Any]) -> None:
    """Write one table as `kind`.md, .csv and .json, the first and the last with its circumstances.

    Args:
        folder: made when missing.
        kind: name of the files.
        table: in Markdown.
        rows: dataclasses, one for each row.
        facts: the circumstances; see `circumstances`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        f"{kind}.md": table + "\n\n" + "\n".join(f"{name}: {value}" for name, value in facts.items()) + "\n",
        f"{kind}.csv": as_csv(rows),
        f"{kind}.json": json.dumps({"rows": [asdict(row) for row in rows], **facts}, indent=1) + "\n",
    }
    for name, text in content.items():
        write_text(folder / name, text)


def circumstances(convention: str, slices: str | int, command: str) -> dict[str, Any]:
    """What a reader must know to believe the table."""
    return {
        "convention": convention,
        "slices": slices if isinstance(slices, str) else f"{slices} central",
        "command": command,
        "date": date.today().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, {torch.get_num_threads()} threads",
        "versions": {"pdm_core": package_version(), "torch": str(torch.__version__)},
    }
