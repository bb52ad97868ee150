"""SMORE within the slices: learns from the reduced slices alone, within its budget, and can be stopped."""

import numpy as np
import pytest
import torch

from pdm_core import CancelledError
from pdm_core.baselines.smore import SmoreSettings
from pdm_core.baselines.smore_in_plane import smore_in_plane
from pdm_core.degradation.kspace import downsample, upsample

QUICK = SmoreSettings(features=16, blocks=2, iterations=150, batch=8, patch=32, learning_rate=3e-3)


@pytest.fixture
def discs():
    """Slices (4, 96, 96) of discs of all sizes, whose edges look alike at every scale."""
    random = np.random.default_rng(0)
    j, i = np.indices((96, 96))
    images = np.zeros((4, 96, 96), np.float32)
    for image in images:
        for _ in range(30):
            y, x, radius = random.uniform(0, 96, 3) * (1, 1, 0.15)
            image[(j - y) ** 2 + (i - x) ** 2 < radius**2] += random.uniform(0.2, 0.5)
    return torch.from_numpy(images)


def test_it_comes_nearer_to_the_truth_than_zero_filling(discs):
    low = downsample(discs, (48, 48))
    restored = smore_in_plane(low, (96, 96), QUICK)
    assert (restored - discs).square().mean() < 0.9 * (upsample(low, (96, 96)) - discs).square().mean()


def test_the_budget_is_the_number_of_steps_and_any_of_them_can_be_the_last(discs):
    low = downsample(discs, (48, 40))
    steps = []
    few = SmoreSettings(features=8, blocks=1, iterations=3, batch=2, patch=16)
    assert smore_in_plane(low, (96, 80), few, on_step=lambda: steps.append(1)).shape == (4, 96, 80)
    assert len(steps) == 3 + len(low)

    def stop():
        raise CancelledError()

    with pytest.raises(CancelledError):
        smore_in_plane(low, (96, 80), few, on_step=stop)
