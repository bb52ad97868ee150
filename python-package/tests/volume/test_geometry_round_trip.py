"""An impulse stays at its place in mm through writing and reading, whatever the order and handedness of the axes."""

from itertools import permutations, product

import numpy as np
import pytest

from pdm_core.volume import Volume, read_volume, write_volume

SHAPE = (18, 20, 22)
IMPULSE = (4, 13, 7)
ORIENTATIONS = [np.eye(3)[:, order] * signs for order in permutations(range(3)) for signs in product((1.0, -1.0), repeat=3)]


def an_oblique_rotation():
    c, s = np.cos(0.4), np.sin(0.4)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, c, s], [0, -s, c]])


def an_impulse(direction):
    matrix = np.eye(4)
    matrix[:3, :3] = direction * np.array([0.5, 0.75, 3.5])
    matrix[:3, 3] = (-31.25, 12.5, 80.0)
    array = np.zeros(SHAPE, np.float32)
    array[IMPULSE] = 1000.0
    return Volume(array, matrix)


def place_of_impulse(volume):
    k, j, i = np.unravel_index(int(volume.array.argmax()), volume.shape)
    return (volume.ijk_to_ras @ (i, j, k, 1.0))[:3]


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha", ".mhd"])
@pytest.mark.parametrize("direction", ORIENTATIONS, ids=range(48))
def test_all_48_axis_orders_and_flips(direction, suffix, tmp_path):
    volume = an_impulse(direction)
    found = read_volume(write_volume(volume, tmp_path / f"v{suffix}"))
    np.testing.assert_allclose(place_of_impulse(found), place_of_impulse(volume), atol=1e-4)
    assert found.array.max() == 1000.0
    assert np.count_nonzero(found.array) == 1


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("handedness", [1.0, -1.0])
def test_oblique_and_left_handed(handedness, suffix, tmp_path):
    volume = an_impulse(an_oblique_rotation() * [1.0, 1.0, handedness])
    found = read_volume(write_volume(volume, tmp_path / f"v{suffix}"))
    np.testing.assert_allclose(place_of_impulse(found), place_of_impulse(volume), atol=1e-4)


def test_every_voxel_keeps_its_place_and_value(tmp_path):
    random = np.random.default_rng(0)
    volume = Volume(random.standard_normal(SHAPE), an_impulse(an_oblique_rotation()).ijk_to_ras)
    found = read_volume(write_volume(volume, tmp_path / "v.nrrd"))
    np.testing.assert_array_equal(found.array, volume.array)
    np.testing.assert_allclose(found.ijk_to_ras, volume.ijk_to_ras, atol=1e-9)
