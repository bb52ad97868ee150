"""The working grid: one array for all 48 orientations of a volume, in its place in mm."""

from itertools import permutations, product

import numpy as np
import pytest

from pdm_core.errors import InputError
from pdm_core.segmentation.canonical import CanonicalGrid, normalised
from pdm_core.volume import Volume

GRID, SLICES = (3.0, 0.8, 0.8), (2.5, 4.0)
ORIENTATIONS = list(product(permutations(range(3)), product((1, -1), repeat=3)))


def a_volume(spacing=(0.5, 0.5, 3.2), shape=(9, 40, 48), tilt=0.2):
    """A box that is brighter than its surroundings, off the centre, slices tilted about the axis from right to left."""
    array = np.zeros(shape, dtype=np.float32)
    array[2:6, 10:22, 24:40] = 1.0
    tilted = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    matrix = np.eye(4)
    matrix[:3, :3] = tilted @ np.diag([-1.0, -1.0, 1.0]) @ np.diag(spacing)
    matrix[:3, 3] = (12.0, -7.0, 30.0)
    return Volume(array, matrix)


def reordered(volume, order, signs):
    """The same image with its voxel axes in another order and direction."""
    array, matrix = volume.array, volume.ijk_to_ras.copy()
    for axis, sign in enumerate(signs):
        if sign < 0:
            array = np.flip(array, 2 - axis)
            matrix[:3, 3] += (volume.shape[2 - axis] - 1) * matrix[:3, axis]
            matrix[:3, axis] *= -1
    array = array.transpose([2 - order[axis] for axis in (2, 1, 0)])
    matrix[:3, :3] = matrix[:3, list(order)]
    return Volume(array, matrix)


def centre_mm(array, matrix):
    weights = array / array.sum()
    at = [float((weights.sum(axis=tuple({0, 1, 2} - {axis})) * np.arange(array.shape[axis])).sum()) for axis in (2, 1, 0)]
    return matrix[:3, :3] @ at + matrix[:3, 3]


@pytest.mark.parametrize("order, signs", ORIENTATIONS)
def test_all_orientations_give_one_array_in_one_place(order, signs):
    volume = a_volume()
    grid, other = CanonicalGrid.over(volume, GRID, SLICES), reordered(volume, order, signs)
    again = CanonicalGrid.over(other, GRID, SLICES)
    np.testing.assert_allclose(again.ijk_to_ras, grid.ijk_to_ras, atol=1e-9)
    np.testing.assert_allclose(again.forward(other), grid.forward(volume), atol=1e-6)


@pytest.mark.parametrize("spacing", [(0.5, 0.5, 3.2), (1.1, 0.9, 3.0), (0.3, 0.3, 1.25), (0.8, 0.8, 6.0)])
def test_the_centre_and_the_size_of_a_box_stay(spacing):
    volume = a_volume(spacing, tilt=0.0)
    grid = CanonicalGrid.over(volume, GRID, SLICES)
    array = grid.forward(volume)
    np.testing.assert_allclose(centre_mm(array, grid.ijk_to_ras), centre_mm(volume.array, volume.ijk_to_ras), atol=0.1)
    before, after = volume.array.sum() * np.prod(spacing), array.sum() * np.prod(grid.spacing_mm)
    assert after == pytest.approx(before, rel=0.02)


def test_the_axes_go_left_back_and_up():
    grid = CanonicalGrid.over(reordered(a_volume(tilt=0.4), (2, 0, 1), (1, 1, -1)), GRID, SLICES)
    left, back, up = (grid.ijk_to_ras[:3, axis] / np.linalg.norm(grid.ijk_to_ras[:3, axis]) for axis in range(3))
    assert left[0] < -0.9 and back[1] < -0.9 and up[2] > 0.9


def test_slices_of_a_known_distance_are_not_interpolated():
    volume = a_volume(spacing=(0.8, 0.8, 3.6), tilt=0.0)
    grid = CanonicalGrid.over(volume, GRID, SLICES)
    np.testing.assert_allclose(grid.forward(volume), volume.array, atol=1e-6)
    assert CanonicalGrid.over(a_volume(spacing=(0.8, 0.8, 1.0)), GRID, SLICES).spacing_mm == pytest.approx(GRID)


def test_labels_of_another_matrix_come_into_the_same_place():
    fine = a_volume(tilt=0.1)
    coarse = Volume(fine.array[:, ::2, ::2], fine.ijk_to_ras @ np.diag([2.0, 2.0, 1.0, 1.0]))
    grid = CanonicalGrid.over(coarse, GRID, SLICES)
    assert np.abs(grid.forward(fine) - grid.forward(coarse)).mean() < 0.02


def test_other_axes_are_refused():
    grid = CanonicalGrid.over(a_volume(tilt=0.0), GRID, SLICES)
    with pytest.raises(InputError, match="different axes"):
        grid.forward(a_volume(tilt=0.3))


def test_normalisation_puts_the_percentiles_at_one():
    array = np.random.default_rng(0).gamma(2.0, 100.0, (5, 30, 30)).astype(np.float32)
    np.testing.assert_allclose(np.percentile(normalised(array, (1.0, 99.0)), (1.0, 99.0)), (-1, 1), atol=1e-5)
    assert not normalised(np.full((2, 3, 4), 7.0, np.float32), (1.0, 99.0)).any()
