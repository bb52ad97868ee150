"""The report on a prepared dataset: what was taken and refused, how it looks, and how its splits compare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pdm_core.reporting.page import as_png, captioned, gray_png, new_figure, page, paragraph, picture, table
from pdm_core.training.dataset.cache import HISTOGRAM_RANGE
from pdm_core.training.dataset.candidates import SPLITS

if TYPE_CHECKING:
    from pdm_core.training.dataset.index import Dataset, VolumeRecord

REPORT = "report.html"
_COLORS = {"train": "tab:blue", "val": "tab:orange", "test": "tab:green"}
_THUMBNAIL = 128
# A page with more pictures would no longer open quickly.
_MOST_THUMBNAILS = 400


def write_report(dataset: Dataset) -> Path:
    """Write `report.html` into the dataset's folder, self-contained."""
    records = dataset.volumes
    shown = records[:: -(-len(records) // _MOST_THUMBNAILS)]
    refused = Counter(refusal.reason for refusal in dataset.refused)
    path = dataset.folder / REPORT
    path.write_text(
        page(
            "A prepared dataset",
            paragraph(f"Prepared from {dataset.settings['source']}. Patients are numbered here; their names stand nowhere."),
            table(("split", "patients", "volumes", "usable slices", "interpolated by the scanner"), _summary(records)),
            picture(as_png(_figure(records)), "intensities, pixel spacing and slice distance of the splits"),
            "<h2>Refused</h2>",
            table(("reason", "volumes"), refused.most_common()) if refused else paragraph("Nothing."),
            table(("volume", "reason"), ((item.name, item.reason) for item in dataset.refused)) if refused else "",
            f"<h2>Taken ({len(records)}; {len(shown)} shown)</h2>",
            *(captioned(_thumbnail(dataset.folder, record), _caption(record)) for record in shown),
        ),
        encoding="utf-8",
    )
    return path


def _summary(records: Sequence[VolumeRecord]) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for split in SPLITS:
        part = [record for record in records if record.split == split]
        patients = len({record.patient for record in part})
        interpolated = sum(min(record.facts.bandwidth) < 1.0 for record in part)
        rows.append((split, patients, len(part), sum(len(record.facts.useful) for record in part), interpolated))
    return rows


def _figure(records: Sequence[VolumeRecord]) -> Any:
    """Three plots: shares of the intensities, pixel spacing, slice distance; a color a split."""
    figure = new_figure(12, 3.4)
    intensities, pixels, distances = figure.subplots(1, 3)
    for split in SPLITS:
        part = [record.facts for record in records if record.split == split]
        if not part:
            continue
        counts = np.sum([facts.histogram for facts in part], axis=0)
        intensities.stairs(
            counts / counts.sum(), np.linspace(*HISTOGRAM_RANGE, len(counts) + 1), color=_COLORS[split], label=split
        )
        for axis, index in ((pixels, 0), (distances, 2)):
            axis.hist([round(facts.spacing_mm[index], 3) for facts in part], bins=20, color=_COLORS[split], alpha=0.6)
    intensities.set(title="intensities (-1 and 1: percentiles 0.1, 99.9)", yscale="log")
    intensities.legend()
    pixels.set(title="true pixel spacing, mm", ylabel="volumes")
    distances.set(title="distance between slices, mm", ylabel="volumes")
    return figure


def _caption(record: VolumeRecord) -> str:
    facts = record.facts
    slices, rows, columns = facts.shape
    i, j, k = facts.spacing_mm
    grid = f"{columns} x {rows} x {slices}, {i:.2f} x {j:.2f} x {k:.1f} mm"
    return f"{record.patient} {record.split}: {record.name}; {facts.plane}, {grid}"


def _thumbnail(folder: Path, record: VolumeRecord) -> bytes:
    """PNG of the central slice."""
    volume = np.load(folder / record.facts.file, mmap_mode="r")
    central = volume[len(volume) // 2]
    step = max(1, -(-max(central.shape) // _THUMBNAIL))
    return gray_png(central[::step, ::step])
