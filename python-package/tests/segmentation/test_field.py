"""Reading probabilities on other grids, and a network by windows: exact where the answer is known."""

from itertools import pairwise, permutations, product

import numpy as np
import pytest
import torch

from pdm_core.errors import CancelledError
from pdm_core.networks.windows import starts
from pdm_core.segmentation.field import ZoneField
from pdm_core.segmentation.resampling import resampled
from pdm_core.segmentation.windows import probabilities_by_windows
from pdm_core.volume import Volume

ORIENTATIONS = [np.eye(3)[:, order] * signs for order in permutations(range(3)) for signs in product((1.0, -1.0), repeat=3)]


def placed(direction, spacing, centre, shape):
    """A grid of that shape (K, J, I) about a point in mm."""
    matrix = np.eye(4)
    matrix[:3, :3] = direction * np.array(spacing)
    matrix[:3, 3] = centre - matrix[:3, :3] @ ((np.array(shape[::-1]) - 1) / 2)
    return matrix


def positions(matrix, shape):
    k, j, i = np.indices(shape)
    return np.stack((i, j, k, np.ones_like(i)), axis=-1) @ matrix[:3].T


@pytest.mark.parametrize("direction", ORIENTATIONS, ids=range(48))
def test_a_linear_ramp_is_read_exactly_on_any_grid(direction):
    slope = np.array([0.3, -0.2, 0.5])
    here = placed(np.eye(3), (1.0, 1.0, 3.0), [5, 6, 7], (20, 30, 30))
    there = placed(direction, (0.7, 1.1, 2.0), [5, 6, 7], (6, 9, 10))
    ramp = positions(here, (20, 30, 30)) @ slope
    np.testing.assert_allclose(resampled(ramp, here, (6, 9, 10), there), positions(there, (6, 9, 10)) @ slope, atol=1e-4)


def test_the_image_ends_half_a_voxel_after_its_last_centre():
    here = np.diag([1.0, 1.0, 4.0, 1.0])
    image = np.full((3, 5, 5), 7.0, np.float32)
    finer = np.eye(4)
    finer[:3, 3] = (2, 2, -3)
    column = resampled(image, here, (15, 1, 1), finer, outside=0.0)[:, 0, 0]
    # From z = -3 to 11; the slices lie at 0, 4 and 8 and are 4 thick.
    np.testing.assert_array_equal(column > 0, (np.arange(-3, 12) >= -2) & (np.arange(-3, 12) < 10))
    assert resampled(image, here, (15, 1, 1), finer).min() == 7.0


def test_slabs_make_no_difference_and_outside_is_background():
    random = np.random.default_rng(0)
    scores = torch.from_numpy(random.standard_normal((3, 7, 8, 9))).float()
    field = ZoneField(torch.softmax(scores, dim=0).numpy(), placed(ORIENTATIONS[21], (2.0, 2.0, 2.0), [0, 0, 0], (7, 8, 9)))
    grid = Volume(np.zeros((40, 12, 11)), placed(ORIENTATIONS[5], (0.9, 1.9, 0.8), [0, 0, 0], (40, 12, 11)))
    found = field.on(grid)
    np.testing.assert_allclose(found.sum(axis=0), 1.0, atol=1e-5)
    np.testing.assert_array_equal(field.labels_on(grid).array, found.argmax(axis=0))
    for label, channel in enumerate(field.probabilities):
        whole = resampled(channel, field.ijk_to_ras, grid.shape, grid.ijk_to_ras, outside=float(label == 0))
        np.testing.assert_allclose(found[label], whole, atol=1e-5)
    assert found[0, 0, 0, 0] == 1.0


@pytest.mark.parametrize("shape", [(5, 40, 33), (2, 9, 50), (5, 16, 16)])
def test_windows_of_a_pointwise_network_give_what_it_gives_at_once(shape):
    image = torch.from_numpy(np.random.default_rng(0).standard_normal(shape)).float()
    network = lambda x: torch.cat((torch.zeros_like(x), x, 2 * x), dim=1)
    events = []
    found = probabilities_by_windows(network, image, (shape[0], 16, 16), 0.5, events.append)
    torch.testing.assert_close(found, torch.softmax(network(image[None, None])[0], dim=0))
    assert events[-1].step == events[-1].of


def test_windows_cover_everything_with_the_overlap_asked_for():
    for length, window, overlap in ((100, 16, 0.5), (17, 16, 0.25), (16, 16, 0.5), (99, 32, 0.0)):
        first = starts(length, window, overlap)
        assert first[0] == 0 and first[-1] == length - window
        assert all(b - a <= window * (1 - overlap) + 1 for a, b in pairwise(first))


def test_cancelling_stops_between_windows():
    calls = iter([False, True])
    with pytest.raises(CancelledError):
        probabilities_by_windows(
            lambda x: x.repeat(1, 3, 1, 1, 1), torch.zeros(4, 64, 64), (4, 16, 16), 0.5, None, lambda: next(calls)
        )
