"""The networks of SR3, ScoreMRI and MC-DDPM: sizes, any matrix, noise levels and factors that matter, filters, gradients."""

import math

import pytest
import torch

from pdm_core.networks import build_network
from pdm_core.networks.ncsnpp import FilteredDown, FilteredUp

SMALL = {
    "sr3": {"preset": "sr3", "channels": [16, 32], "groups": 4, "orthogonal": False, "scalars": 2},
    "ncsnpp": {"preset": "ncsnpp", "channels": [32, 64], "blocks": 1, "inputs": 2, "scalars": 2},
    "mc_ddpm": {"preset": "mc_ddpm", "channels": [32, 64], "blocks": 1, "scalars": 2},
}


def a_network(name, **changes):
    """A small network, none of whose weights is zero."""
    torch.manual_seed(0)
    network = build_network({**SMALL[name], **changes})
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    return network


def count(**config):
    with torch.device("meta"):
        return sum(weight.numel() for weight in build_network(config).parameters())


def conv(inputs, outputs, edge=3):
    return inputs * outputs * edge**2 + outputs


def norm(channels):
    return 2 * channels


def residual(inputs, outputs, embedding, *, modulation=1, skip=None):
    """Two normalised convolutions, a dense layer for the embedding, and a 1x1 convolution where the features change."""
    skipped = conv(inputs, outputs, 1) if (inputs != outputs if skip is None else skip) else 0
    modulated = (embedding + 1) * modulation * outputs
    return norm(inputs) + conv(inputs, outputs) + modulated + norm(outputs) + conv(outputs, outputs) + skipped


def attention(channels):
    return norm(channels) + conv(channels, 3 * channels, 1) + conv(channels, channels, 1)


def perceptron(inputs, hidden, outputs):
    return (inputs + 1) * hidden + (hidden + 1) * outputs


def test_sr3_has_the_size_of_its_description():
    """64 x (1, 2, 4, 8, 16), one block a level down and two up; every skip connection is listed by its features."""
    block = lambda inputs, outputs: residual(inputs, outputs, 64)
    down = block(64, 64) + block(64, 128) + block(128, 256) + block(256, 512) + block(512, 1024)
    middle = 2 * block(1024, 1024) + attention(1024)
    up = block(1024 + 1024, 1024) + block(1024 + 512, 1024) + block(1024 + 512, 512) + block(512 + 256, 512)
    up += block(512 + 256, 256) + block(256 + 128, 256) + block(256 + 128, 128) + block(128 + 64, 128)
    up += block(128 + 64, 64) + block(64 + 64, 64)
    resampling = sum(conv(c, c) for c in (64, 128, 256, 512)) + sum(conv(c, c) for c in (128, 256, 512, 1024))
    ends = conv(2, 64) + norm(64) + conv(64, 1) + perceptron(64, 256, 64)
    assert count(preset="sr3") == down + middle + up + resampling + ends == 155_333_953


@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (2, 1), (2, 2)])
def test_ncsnpp_has_the_size_of_its_description(inputs, outputs):
    """128 x (1, 2, 2, 2), four blocks a level down and five up, attention in the middle."""
    block = lambda entering, leaving: residual(entering, leaving, 512)
    resampling = lambda channels: residual(channels, channels, 512, skip=True)
    down = 4 * block(128, 128) + block(128, 256) + 11 * block(256, 256)
    middle = 2 * block(256, 256) + attention(256)
    up = 14 * block(512, 256) + block(256 + 128, 256) + block(256 + 128, 128) + 4 * block(128 + 128, 128)
    steps = resampling(128) + 5 * resampling(256)
    merged = conv(inputs, 128) + conv(128, 256) + conv(256, 256)
    ends = conv(inputs, 128) + norm(128) + conv(128, outputs) + perceptron(256, 512, 512)
    assert count(preset="ncsnpp", inputs=inputs, outputs=outputs) == down + middle + up + steps + merged + ends


@pytest.mark.parametrize(("inputs", "outputs"), [(2, 1), (4, 2)])
def test_mc_ddpm_has_the_size_of_its_description(inputs, outputs):
    """128 x (1, 1, 2, 2, 4), two blocks a level down and three up, attention after each block of the coarsest level."""
    block = lambda entering, leaving: residual(entering, leaving, 512, modulation=2)
    down = 4 * block(128, 128) + block(128, 256) + 3 * block(256, 256) + block(256, 512) + block(512, 512)
    middle = 2 * block(512, 512)
    up = 2 * block(1024, 512) + block(768, 512) + block(768, 256) + 4 * block(512, 256) + block(384, 256)
    up += block(384, 128) + 5 * block(256, 128)
    steps = (2 + 1) * block(128, 128) + (2 + 2) * block(256, 256) + block(512, 512)
    ends = conv(inputs, 128) + norm(128) + conv(128, outputs) + perceptron(128, 512, 512)
    assert count(preset="mc_ddpm", inputs=inputs, outputs=outputs) == down + middle + up + steps + 6 * attention(512) + ends


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize(("size", "unshuffle"), [((16, 16), 1), ((13, 21), 1), ((13, 21), 2)])
def test_any_matrix_goes_in_and_comes_out(name, size, unshuffle):
    network = a_network(name, unshuffle=unshuffle, outputs=2)
    assert network(torch.randn(2, 2, *size), torch.rand(2, 2)).shape == (2, 2, *size)


@torch.no_grad()
@pytest.mark.parametrize("name", SMALL)
def test_noise_level_and_factor_matter(name):
    network, image = a_network(name), torch.randn(1, 2, 16, 16)
    before = network(image, torch.tensor([[0.5, 1.0]]))
    for changed in ([[0.7, 1.0]], [[0.5, 2.0]]):
        assert (network(image, torch.tensor(changed)) - before).abs().max() > 1e-3


@torch.no_grad()
@pytest.mark.parametrize("name", SMALL)
def test_with_one_scalar_the_factor_does_not_matter(name):
    network, image = a_network(name, scalars=1), torch.randn(1, 2, 16, 16)
    one, other = (network(image, torch.tensor([[0.5, octaves]])) for octaves in (1.0, 2.0))
    torch.testing.assert_close(one, other, rtol=0, atol=0)


@torch.no_grad()
def test_all_levels_of_both_kinds_of_noise_are_finite():
    image = torch.randn(3, 2, 16, 16)
    preserving, exploding = torch.tensor([[0.0], [0.5], [1.0]]), torch.tensor([[0.01], [2.0], [378.0]])
    for name, levels in (("sr3", preserving), ("mc_ddpm", preserving), ("ncsnpp", exploding)):
        assert a_network(name, scalars=1)(image, levels).isfinite().all()


def test_levels_are_the_articles():
    levels = torch.tensor([[0.6, 1.0]])
    torch.testing.assert_close(a_network("sr3").arguments(levels), torch.tensor([[0.8, 1.0]]))
    torch.testing.assert_close(a_network("ncsnpp").arguments(levels), torch.tensor([[math.log(0.6), 1.0]]))
    half = torch.tensor([[math.sin(math.pi / 4), 1.0]])
    torch.testing.assert_close(a_network("mc_ddpm").arguments(half), torch.tensor([[500.0, 1.0]]))


@pytest.mark.parametrize("name", SMALL)
def test_gradients_reach_all_weights(name):
    network = a_network(name)
    network(torch.randn(1, 2, 16, 16), torch.rand(1, 2)).square().mean().backward()
    assert all(weight.grad is not None and weight.grad.abs().max() > 0 for weight in network.parameters())


def test_filters_keep_constants_and_the_mean():
    constant, image = torch.full((1, 3, 8, 6), 0.7), torch.randn(2, 3, 8, 6)
    for resample in (FilteredDown(), FilteredUp()):
        torch.testing.assert_close(resample(constant), torch.full_like(resample(constant), 0.7))
        torch.testing.assert_close(resample(image).mean(dim=(2, 3)), image.mean(dim=(2, 3)))


def test_the_filter_is_one_three_three_one():
    impulse = torch.zeros(1, 1, 8, 8)
    impulse[..., 4, 4] = 64.0
    taps = torch.tensor([0.0, 1.0, 3.0, 0.0])
    torch.testing.assert_close(FilteredDown()(impulse)[0, 0], torch.outer(taps, taps))


def test_random_frequencies_are_kept_with_the_weights():
    one, other = build_network(SMALL["ncsnpp"]), build_network(SMALL["ncsnpp"])
    other.load_state_dict(one.state_dict())
    image, scalars = torch.randn(1, 2, 8, 8), torch.rand(1, 2)
    torch.testing.assert_close(one(image, scalars), other(image, scalars), rtol=0, atol=0)


def test_sr3_may_start_from_orthogonal_weights():
    network = build_network({**SMALL["sr3"], "orthogonal": True})
    weight = network.middle[0].conv2.weight.flatten(1)
    torch.testing.assert_close(weight @ weight.T, torch.eye(len(weight)), rtol=0, atol=1e-5)
