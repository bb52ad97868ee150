"""The regression like SMORE: learns from the stack's own rows, treats both families of planes alike, can be stopped."""

import numpy as np
import pytest
import torch

from pdm_core import CancelledError
from pdm_core.baselines.smore import SmoreSettings, smore
from pdm_core.degradation.profile import SliceOperator, SliceProfile
from pdm_core.networks.edsr import Edsr

QUICK = SmoreSettings(features=16, blocks=2, iterations=120, batch=8, patch=32, learning_rate=3e-3)


def some_balls(shape=(48, 48, 48), seed=0):
    random = np.random.default_rng(seed)
    k, j, i = np.indices(shape)
    array = np.zeros(shape, np.float32)
    for _ in range(40):
        z, y, x, radius = random.uniform(0, shape[0], 4) * (1, 1, 1, 0.15)
        array[(k - z) ** 2 + (j - y) ** 2 + (i - x) ** 2 < radius**2] += random.uniform(0.2, 0.5)
    return torch.from_numpy(array)


def an_operator():
    return SliceOperator(12, 48, "index0", SliceProfile())


def sliced(truth):
    return an_operator().apply(truth.flatten(1)).reshape(12, *truth.shape[1:])


def test_it_comes_nearer_to_the_truth_than_the_spline_that_it_starts_from():
    truth = some_balls()
    slices, operator = sliced(truth), an_operator()
    smooth = operator.smooth(slices.flatten(1)).reshape(truth.shape)
    restored = smore(slices, operator, (1.0, 1.0), QUICK)
    assert (restored - truth).square().mean() < 0.9 * (smooth - truth).square().mean()


def test_the_same_seed_gives_the_same_volume_and_leaves_the_global_generator_alone():
    slices = sliced(some_balls())
    few = SmoreSettings(features=8, blocks=1, iterations=2, batch=2, patch=16)
    before = torch.get_rng_state()
    one, other, third = (smore(slices, an_operator(), (1.0, 1.0), few, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    torch.testing.assert_close(one, other, rtol=0, atol=0)
    assert (one - third).abs().max() > 0


def test_images_are_made_as_coarse_as_the_new_slices_first():
    """Pixels half as wide as the new slices are apart: without that the network would learn another blur."""
    fine = some_balls((48, 96, 96))
    slices = an_operator().apply(fine.flatten(1)).reshape(12, 96, 96)
    few = SmoreSettings(features=8, blocks=1, iterations=2, batch=2, patch=48)
    assert smore(slices, an_operator(), (2.0, 2.0), few).shape == fine.shape


def test_an_untrained_network_adds_nothing():
    image = torch.randn(1, 1, 9, 7)
    torch.testing.assert_close(Edsr(features=8, blocks=2)(image), image, rtol=0, atol=0)


def test_the_caller_can_stop_it():
    def stop():
        raise CancelledError

    with pytest.raises(CancelledError):
        smore(sliced(some_balls()), an_operator(), (1.0, 1.0), QUICK, on_step=stop)
