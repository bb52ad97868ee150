"""Training on complex images: their phases, their pairs, and what the recipes of the system say."""

import numpy as np
import pytest
import torch

from pdm_core.degradation.kspace import lowres_size, project
from pdm_core.diffusion import build_denoiser
from pdm_core.diffusion.images import COMPLEX
from pdm_core.errors import InputError
from pdm_core.networks import build_network
from pdm_core.training import load_recipe, validation
from pdm_core.training.pairs import PairSampler
from pdm_core.training.phase import smooth_phase
from pdm_core.training.slices import SliceStack
from pdm_core.training.team import Team

SIZE = (40, 36)


@pytest.fixture
def a_stack():
    volume = torch.rand((3, 72, 72), generator=torch.Generator().manual_seed(0)) * 2 - 1
    return SliceStack("scan", volume, (0, 1, 2))


def test_a_phase_is_a_constant_and_a_few_whole_waves():
    phases = [smooth_phase(SIZE, np.random.default_rng(seed)).double() for seed in range(200)]
    for phase in phases:
        spectrum = torch.fft.fft2(phase) / phase.numel()
        few = torch.zeros(SIZE, dtype=torch.bool)
        few[np.ix_([-2, -1, 0, 1, 2], [-2, -1, 0, 1, 2])] = True
        assert spectrum[~few].abs().max() < 1e-6
    spreads = np.array([float(phase.std(correction=0)) for phase in phases])
    # Uniform between nought and a quarter turn.
    assert spreads.min() < 0.05 and 1.5 < spreads.max() < np.pi / 2 + 1e-6
    assert spreads.mean() == pytest.approx(np.pi / 4, rel=0.1)
    # Anywhere on the circle: the constants' mean direction is no direction.
    assert abs(np.mean([np.exp(1j * float(phase.mean())) for phase in phases])) < 0.15


def test_the_seed_decides_the_phase():
    first, again, other = (smooth_phase(SIZE, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_complex_pairs_keep_the_low_frequencies_of_complex_k_space(a_stack):
    # An odd low-resolution matrix has no Nyquist bin: P then commutes with the flips of the augmentation.
    factor = 72 / 35
    sampler = PairSampler([a_stack], (factor, factor), 72, 0.0, images=COMPLEX)
    pairs = sampler.draw(6, (0,))
    assert pairs.x_hr.shape == pairs.x_lr.shape == (6, 2, 72, 72)
    torch.testing.assert_close(pairs.x_lr, project(pairs.x_hr, lowres_size((72, 72), factor)), rtol=0, atol=1e-5)
    torch.testing.assert_close(sampler.draw(6, (0,)).x_hr, pairs.x_hr, rtol=0, atol=0)
    parts = torch.cat([sampler.draw(6, (0,), rank, 3).x_hr for rank in range(3)])
    assert sorted(map(float, parts.sum(dim=(1, 2, 3)))) == sorted(map(float, pairs.x_hr.sum(dim=(1, 2, 3))))


def test_the_phase_leaves_the_magnitudes_as_they_are(a_stack):
    """But for the gain, which keeps what has no signal without."""
    pairs = PairSampler([a_stack], (2.0, 2.0), 72, 0.0, images=COMPLEX).draw(6, (1,))
    known = (a_stack.volume.flatten(1) + 1).sort(dim=1).values
    for image in COMPLEX.like(a_stack.volume, pairs.x_hr) + 1:
        found = image.flatten().sort().values
        gains = found[-1] / known[:, -1]
        difference = (found - gains[:, None] * known).abs().amax(dim=1)
        assert difference.min() < 1e-5
        assert np.exp(-0.2) <= float(gains[difference.argmin()]) <= np.exp(0.2)


def test_the_bundled_recipe_is_scoremris_with_two_channels():
    plain, two = load_recipe("score_mri"), load_recipe("score_mri_complex")
    assert (two.parameterization, two.method) == ("complex_score", "score_mri_complex")
    assert two.network == {**plain.network, "inputs": 2, "outputs": 2}
    own = {"name", "method", "network", "parameterization"}
    first, second = plain.as_dict(), two.as_dict()
    assert all(first[name] == second[name] for name in first if name not in own)


def test_complex_images_are_refused_between_the_slices(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("{extends: score_mri_complex, mode: through-plane, network: {scalars: 3}}")
    with pytest.raises(InputError, match="complex_score needs the mode in-plane"):
        load_recipe(path)


def test_validation_puts_back_what_was_measured_at_every_step(a_stack, monkeypatch):
    seen = []

    def sample(_denoiser, x_lr, _factor, _plan, noise, *, refine, **_hooks):
        kept = refine(noise)
        seen.append((project(kept, (36, 36)), x_lr))
        return kept

    monkeypatch.setattr(validation, "sample", sample)
    recipe = load_recipe("score_mri_complex")
    denoiser = build_denoiser(build_network(recipe.network), recipe.bridge, recipe.parameterization, ())
    found = validation.validate(denoiser, [a_stack], [2.0], Team(0, 1, torch.device("cpu")), recipe.loss_of_resolution)
    assert set(found) == {"psnr_gain_x2", "ssim_gain_x2"} and len(seen) == 1
    for kept, x_lr in seen:
        assert x_lr.shape == (1, 2, 72, 72) and not x_lr[:, 1].any()
        torch.testing.assert_close(kept, x_lr, rtol=0, atol=1e-5)
