"""Restoration between the slices of a real scan, against the scans of the same patient that were taken across it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from pdm_core.degradation.finer_grid import along_slices
from pdm_core.errors import InputError
from pdm_core.evaluation.in_plane import counted
from pdm_core.evaluation.through_plane import BASELINE, EXACT
from pdm_core.pipeline.lattice import Lattice
from pdm_core.pipeline.options import SuperResolutionOptions
from pdm_core.pipeline.slices import SliceGrid
from pdm_core.pipeline.super_resolution import super_resolve
from pdm_core.progress import CancelCheck, Progress, ProgressCallback
from pdm_core.registration.rigid import RigidMotion, as_scanned, registered
from pdm_core.volume import Volume, read_volume
from pdm_core.volume.volume import FloatArray, Matrix
from pdm_core.zoo import find_model

CASE = "ProstateX-0218"
VIEWS: Mapping[str, str] = {"sagittal": "t2_sag", "coronal": "t2_cor"}
# The steepest of the real scan's voxels, along the normal of the restored slices, count as its edges; both images are first
# smoothed by this, lest noise be taken for edges.
_EDGES, _SMOOTHING_MM = 0.1, 0.8


@dataclass(frozen=True)
class Study:
    """Scans of one patient.

    Attributes:
        name: for the table.
        axial: the scan that is restored.
        across: the others by their view.
        places: of the axial scan, in mm, RAS: its middle, or that of the gland and the gland's ends where a mask is known.
    """

    name: str
    axial: Volume
    across: Mapping[str, Volume]
    places: Mapping[str, Matrix]


@dataclass(frozen=True)
class OrthogonalRow:
    """One method seen from one side; all within the common field of view.

    Attributes:
        correlation: normalised cross-correlation with the real scan.
        edge_correlation: that of the derivatives along the normal of the restored slices.
        sharpness: derivative along that normal at the real scan's edges, in the direction of the real one, as a share of it.
    """

    case: str
    view: str
    method: str
    correlation: float
    edge_correlation: float
    sharpness: float


@dataclass(frozen=True)
class SideView:
    """A real scan, and what each method's volume looks like on its grid.

    Attributes:
        scan: the real one.
        motion: between the scans.
        inside: the common field of view.
        restored: by method, in the scan's intensities.
    """

    scan: Volume
    motion: RigidMotion
    inside: NDArray[np.bool_]
    restored: Mapping[str, FloatArray]


def find_study(root: Path, split: str, name: str) -> Study:
    """The scans of a case of a split.

    Raises:
        InputError: the case is not in that split, or has no scans across its axial one.
    """
    listing = {entry["case"]: entry for entry in json.loads((root / "splits.json").read_text(encoding="utf-8"))}
    entry = listing.get(name)
    if entry is None or entry["split"] != split:
        raise InputError(f"The split {split} of {root / 'splits.json'} has no case {name}.")
    files = {image.split(".")[0]: root / entry["path"] / image for image in entry["images"]}
    across = {view: read_volume(files[stem]) for view, stem in VIEWS.items() if stem in files}
    if "t2_tra" not in files or not across:
        raise InputError(f"The case {name} has no sagittal or coronal scan beside its axial one.", f"Choose {CASE}, say.")
    axial = read_volume(files["t2_tra"])
    mask = next((label for label in entry["labels"] if label.startswith("gland_")), None)
    return Study(name, axial, across, places_of(axial, None if mask is None else read_volume(root / entry["path"] / mask)))


def places_of(axial: Volume, gland: Volume | None) -> dict[str, Matrix]:
    """The middle, and with a mask of the gland on the axial grid its base and apex: the middles of its outermost slices."""
    if gland is None:
        middle = (np.array(axial.shape[::-1]) - 1.0) / 2.0
        return {"middle": np.asarray((axial.ijk_to_ras @ (*middle, 1.0))[:3])}
    slices = np.flatnonzero(gland.array.any(axis=(1, 2)))
    centres = [_centre(gland, (number,)) for number in (slices[0], slices[-1])]
    apex, base = sorted(centres, key=lambda place: float(place[2]))
    return {"middle": _centre(gland, slices), "base": base, "apex": apex}


def _centre(mask: Volume, slices: Sequence[int] | NDArray[np.intp]) -> Matrix:
    k, j, i = np.nonzero(mask.array[list(slices)])
    index = np.array([i.mean(), j.mean(), np.asarray(slices)[k].mean(), 1.0])
    return np.asarray((mask.ijk_to_ras @ index)[:3])


def evaluate_orthogonal(
    study: Study,
    options: Sequence[SuperResolutionOptions],
    *,
    progress: ProgressCallback | None = None,
    cancel: CancelCheck | None = None,
) -> tuple[list[OrthogonalRow], dict[str, SideView]]:
    """Restore the axial scan and measure it against each scan across it.

    The motion between the scans is found once, with the axial scan interpolated, and so are gain and offset of the
    intensities: all methods are placed and scaled alike.

    Args:
        study: the scans.
        options: of the restorations, through-plane.
        progress: receives finished restorations and comparisons with an ETA.
        cancel: asked between them.

    Returns:
        A row for each view and method, the interpolated ones first, and what the rows were taken from.
    """
    plain = _interpolated(study.axial)
    meter = Progress("comparing", len(options) + len(study.across) * (len(plain) + len(options)), progress, cancel)
    volumes = dict(plain)
    for settings in options:
        volumes[_method(settings)] = super_resolve(study.axial, settings).volume
        meter.advance()
    rows, views = [], {}
    for view, scan in study.across.items():
        views[view] = _side_view(scan, volumes, meter)
        rows += [_measured(study, view, method, views[view]) for method in volumes]
    return rows, views


def _method(options: SuperResolutionOptions) -> str:
    name = find_model(options.model, mode="through-plane").name + (" adapted" if options.adapt else "")
    matched = "" if options.thickness_matching == "none" else f", matching by {options.thickness_matching}"
    return f"{name}, {counted(options.steps or 1)}{matched}"


def _interpolated(axial: Volume) -> dict[str, Volume]:
    """The axial scan with slices as fine as its pixels, with nothing added."""
    lattice = Lattice.of(axial)
    grid = SliceGrid.of(lattice, SuperResolutionOptions(mode="through-plane", factor=None))
    finer, slices = grid.finer(lattice), torch.from_numpy(axial.array)
    arrays = {
        method: along_slices(of, slices).numpy()
        for method, of in (
            ("linear", grid.operator.linear),
            (BASELINE, grid.operator.smooth),
            (EXACT, grid.operator.interpolated),
        )
    }
    return {method: Volume(array, finer.ijk_to_ras) for method, array in arrays.items()}


def _side_view(scan: Volume, volumes: Mapping[str, Volume], meter: Progress) -> SideView:
    motion = registered(scan, volumes[EXACT])
    seen = {}
    inside = np.ones(scan.shape, dtype=bool)
    for method, volume in volumes.items():
        seen[method], within = as_scanned(volume, scan, motion)
        inside &= within
        meter.advance()
    if inside.sum() < 1000:
        raise InputError("The scans of the study have no common field of view.")
    real, plain = (array[inside].astype(np.float64) for array in (scan.array, seen[EXACT]))
    gain = real.std() / plain.std()
    scaled = {method: (array - plain.mean()) * gain + real.mean() for method, array in seen.items()}
    return SideView(scan, motion, inside, {method: array.astype(np.float32) for method, array in scaled.items()})


def _measured(study: Study, view: str, method: str, side: SideView) -> OrthogonalRow:
    inside = side.inside
    restored = side.restored[method]
    within = _away_from_the_rim(inside, side.scan)
    slope, real = (_derivative(array, side.scan, study.axial)[within] for array in (restored, side.scan.array))
    edges = np.abs(real) >= np.quantile(np.abs(real), 1.0 - _EDGES)
    sharpness = (slope[edges] * np.sign(real[edges])).sum() / np.abs(real[edges]).sum()
    likeness = _correlation(restored[inside], side.scan.array[inside])
    return OrthogonalRow(study.name, view, method, likeness, _correlation(slope, real), float(sharpness))


def _away_from_the_rim(inside: NDArray[np.bool_], scan: Volume) -> NDArray[np.bool_]:
    """Where smoothed derivatives see nothing from beyond the common field of view."""
    rows, columns = (2 * math.ceil(3.0 * _SMOOTHING_MM / scan.spacing[axis]) + 3 for axis in (1, 0))
    return np.asarray(ndimage.binary_erosion(inside, np.ones((1, rows, columns))))


def _derivative(array: FloatArray, scan: Volume, axial: Volume) -> NDArray[np.float64]:
    """Along the normal of the axial slices, as far as it lies in the slices of `scan`; a mm."""
    normal = axial.ijk_to_ras[:3, 2] / axial.spacing[2]
    width = (0.0, _SMOOTHING_MM / scan.spacing[1], _SMOOTHING_MM / scan.spacing[0])
    smooth = ndimage.gaussian_filter(array.astype(np.float64), width)
    total = np.zeros(array.shape)
    for axis, column in ((1, 1), (2, 0)):
        step = scan.spacing[column]
        total += float(normal @ scan.ijk_to_ras[:3, column]) / step * np.gradient(smooth, step, axis=axis)
    return total


def _correlation(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    return float(np.corrcoef(one.astype(np.float64), other.astype(np.float64))[0, 1])


def as_markdown(rows: Sequence[OrthogonalRow]) -> str:
    """One line for each view and method."""
    headings = ("case", "seen from", "method", "correlation", "of the edges", "sharpness of the edges")
    lines = [f"| {' | '.join(headings)} |", "|" + "---|" * len(headings)]
    for row in rows:
        numbers = (row.correlation, row.edge_correlation, row.sharpness)
        lines.append(f"| {row.case} | {row.view} | {row.method} | " + " | ".join(f"{value:.3f}" for value in numbers) + " |")
    return "\n".join(lines)
