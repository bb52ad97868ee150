"""The axis of the slices: by spacing, by header, by what DICOM always does; and a volume with its axes in another order."""

import numpy as np
import pytest

from pdm_core.volume import Volume
from pdm_core.volume.padding import Padding
from pdm_core.volume.slice_axis import order_back, order_with_last, slice_axis, slice_axis_of, slices_back, slices_last


@pytest.mark.parametrize(
    ("spacing", "metadata", "axis"),
    [
        ((3.6, 0.625, 0.625), {}, 0),
        ((0.6, 3.0, 0.6), {}, 1),
        ((0.6, 0.6, 3.0), {}, 2),
        ((1.0, 1.0, 1.0), {}, 2),
        ((1.4, 1.0, 1.0), {}, 2),
        ((1.0, 1.5, 1.0), {}, 1),
        ((3.0, 3.0, 1.0), {}, 2),
        ((1.2, 1.0, 1.0), {"slice_axis": 0}, 0),
        ((1.0, 1.0, 1.0), {"slice_axis": 1}, 1),
        ((1.0, 1.0, 1.0), {"slice_axis": None}, 2),
        ((3.6, 0.6, 0.6), {"slice_axis": 0}, 0),
        ((3.6, 0.6, 0.6), {"slice_axis": 2}, 0),
        ((3.6, 0.6, 0.6), {"format": "dicom"}, 2),
    ],
)
def test_the_slice_axis_is_found(spacing, metadata, axis):
    assert slice_axis(spacing, (20, 20, 20), metadata) == axis


def test_a_single_slice_is_a_slice_whatever_its_pixels():
    assert slice_axis((0.5, 2.0, 1.0), (1, 40, 40)) == 2


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_every_voxel_stays_in_its_place(axis):
    random = np.random.default_rng(axis)
    matrix = np.eye(4)
    matrix[:3] = random.standard_normal((3, 4))
    array = random.standard_normal((3, 4, 5)).astype(np.float32)
    volume = Volume(array, matrix, {"slice_axis": axis}, Padding(array > 0, 7.0, "header"))
    turned = slices_last(volume, axis)
    order = order_with_last(axis)
    assert order[2] == axis and turned.spacing == tuple(volume.spacing[own] for own in order)
    for index in np.ndindex(5, 4, 3):
        there = tuple(index[own] for own in order)
        assert volume.array[index[::-1]] == turned.array[there[::-1]]
        assert volume.padding.mask[index[::-1]] == turned.padding.mask[there[::-1]]
        np.testing.assert_allclose(volume.ijk_to_ras @ (*index, 1), turned.ijk_to_ras @ (*there, 1), atol=1e-12)
    assert turned.metadata["slice_axis"] == 2 and [order[place] for place in order_back(axis)] == [0, 1, 2]
    again = slices_back(turned, axis)
    np.testing.assert_array_equal(again.array, volume.array)
    np.testing.assert_array_equal(again.padding.mask, volume.padding.mask)
    np.testing.assert_array_equal(again.ijk_to_ras, volume.ijk_to_ras)
    assert again.metadata == volume.metadata and again.padding.value == 7.0


def test_the_axis_of_a_volume_is_that_of_its_spacing():
    assert slice_axis_of(Volume(np.zeros((20, 20, 20)), np.diag([3.0, 0.5, 0.5, 1.0]))) == 0
