"""Convergence of the latents: facts of the schedule, and the order of factors."""

import numpy as np
import pytest
import torch

from pdm_core.degradation.kspace import lowres_size, project
from pdm_core.diffusion.convergence import STEPS, Convergence, convergence, recommended_start
from pdm_core.diffusion.schedule import alpha_bar


@pytest.fixture(scope="module")
def curves():
    """x2 and x4 on an image with edges at all places."""
    random = np.random.default_rng(0)
    image = np.zeros((160, 160), np.float32)
    rows, columns = np.mgrid[:160, :160]
    for _ in range(60):
        row, column, radius = random.uniform(0, 160), random.uniform(0, 160), random.uniform(2, 25)
        image[(rows - row) ** 2 + (columns - column) ** 2 < radius**2] += random.uniform(-0.5, 0.5)
    x_hr = torch.from_numpy(image / np.abs(image).max())
    return {
        factor: convergence([(x_hr, project(x_hr, lowres_size((160, 160), factor)))], factor, torch.Generator().manual_seed(0))
        for factor in (2.0, 4.0)
    }, x_hr


def test_the_paired_divergence_is_that_of_two_gaussians(curves):
    found, x_hr = curves
    for factor, curve in found.items():
        x_lr = project(x_hr, lowres_size((160, 160), factor))
        assert curve.paired[0] == np.inf
        for step, value in list(zip(curve.steps, curve.paired, strict=True))[1:]:
            abar = float(alpha_bar(step / 2000))
            first = torch.distributions.Normal(abar**0.5 * x_hr.double(), (1 - abar) ** 0.5)
            second = torch.distributions.Normal(abar**0.5 * x_lr.double(), (1 - abar) ** 0.5)
            assert value == pytest.approx(float(torch.distributions.kl_divergence(first, second).mean()), rel=1e-5)


def test_noise_hides_the_difference_and_more_of_it_is_needed_for_a_larger_factor(curves):
    found, _ = curves
    for curve in found.values():
        assert curve.histogram[1] > 3 * curve.floor[1]
        assert curve.histogram[-1] == pytest.approx(curve.floor[-1], rel=0.5)
        assert all(first > second for first, second in zip(curve.paired, curve.paired[1:], strict=False))
    assert found[4.0].start_by_pairs > found[2.0].start_by_pairs
    assert found[4.0].start >= found[4.0].start_by_histogram


def test_equal_images_need_no_noise_but_the_pairs_rule():
    image = torch.linspace(-1, 1, 4096).reshape(64, 64)
    curve = convergence([(image, image)], 2.0, torch.Generator().manual_seed(0))
    assert curve.start_by_pairs == STEPS[1] and max(curve.paired[1:]) == 0.0


def test_k_counts_in_the_steps_of_its_bridge():
    flat = (1.0,) * len(STEPS)
    paired = tuple(1.0 if step < 460 else 0.0 for step in STEPS)
    curve = Convergence(4.0, STEPS, flat, flat, paired)
    assert curve.start == 460
    assert [recommended_start([curve], steps) for steps in (2000, 100, 20)] == [460, 23, 5]
    never = Convergence(4.0, STEPS, (2.0,) * len(STEPS), flat, paired)
    assert recommended_start([curve, never], 100) == 100
