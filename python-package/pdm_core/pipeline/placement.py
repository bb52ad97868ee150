"""The grid of a run's result and what was measured on it, without a model: to compare a result with, or a reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from pdm_core.degradation.profile import Align
from pdm_core.pipeline.grid import InPlaneGrid, finer_pixels, to_tensor
from pdm_core.pipeline.lattice import Lattice
from pdm_core.pipeline.options import SuperResolutionOptions
from pdm_core.pipeline.slices import SliceGrid
from pdm_core.volume.scan import Scan
from pdm_core.volume.slice_axis import order_back, order_with_last, slice_axis_of
from pdm_core.volume.volume import Volume


def stages_of(options: SuperResolutionOptions) -> Sequence[SuperResolutionOptions]:
    """The options of a run's stages: itself, or in-plane and then through-plane for an isotropic one."""
    if options.mode != "isotropic":
        return (options,)
    slices = replace(options, mode="through-plane", factor=None)
    return (slices,) if options.factor is None else (replace(options, mode="in-plane"), slices)


def output_lattice(volume: Volume, options: SuperResolutionOptions) -> Lattice:
    """Where the voxels of the result will lie.

    Raises:
        InputError: the slices cannot be restored.
    """
    axis = slice_axis_of(volume)
    lattice = Lattice.of(volume).permuted(order_with_last(axis))
    for stage in stages_of(options):
        if stage.mode == "in-plane":
            assert stage.factor is not None
            lattice = finer_pixels(lattice, stage.factor, stage.align)
        else:
            lattice = SliceGrid.of(lattice, stage).finer(lattice)
    return lattice.permuted(order_back(axis))


def measured_only(volume: Volume, options: SuperResolutionOptions) -> Volume:
    """The volume on the grid of its restoration with nothing added: what was measured, interpolated.

    The restoration less this is what the model has inferred. Pixels are interpolated by zero filling, slices by the spline
    that gives the measured slices back when it is averaged over them. Voxels without data hold their value here too.
    """
    scan = Scan.of(volume)
    volume = scan.work
    for stage in stages_of(options):
        if stage.mode == "in-plane":
            assert stage.factor is not None
            volume = zero_filled(volume, stage.factor, stage.align)
        else:
            grid = SliceGrid.of(Lattice.of(volume), stage)
            finer = grid.finer(Lattice.of(volume))
            volume = Volume(grid.interpolated(volume.array), finer.ijk_to_ras, finer.metadata)
    return scan.given_back(volume)


@torch.inference_mode()
def zero_filled(volume: Volume, factor: float, align: Align = "index0") -> Volume:
    """The volume on a grid of finer pixels, interpolated by zero filling."""
    grid = InPlaneGrid.of(volume.array, factor, align, pad=False)
    array = np.empty((volume.shape[0], *grid.high), dtype=np.float32)
    for number, measured in enumerate(volume.array):
        tensor = to_tensor(measured[None], torch.device("cpu"))
        array[number] = grid.placed(grid.interpolated(tensor), tensor, project=True)[0, 0].numpy()
    return Volume(array, grid.matrix(volume.ijk_to_ras), volume.metadata)
