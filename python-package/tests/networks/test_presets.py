"""Presets by name: what they map to what, how large the small ones are, and what is refused."""

import pytest
import torch

from pdm_core.errors import InputError
from pdm_core.networks import PRESETS, build_network

SMALL_MILLIONS = {
    "pdm_small": 0.99,
    "sr3_small": 0.80,
    "ncsnpp_small": 0.57,
    "mc_ddpm_small": 0.80,
    "edsr_small": 0.44,
    "swinir_small": 0.10,
    "srresnet_small": 0.36,
}


def inputs_of(name):
    """Image and scalars of a diffusion network, or the coarse image alone."""
    arguments = PRESETS[name].arguments
    if "scale" in arguments:
        return (torch.randn(1, 1, 9, 11),)
    return torch.randn(1, arguments.get("inputs", 2), 9, 11), torch.rand(1, 2)


@torch.no_grad()
@pytest.mark.parametrize(("name", "millions"), SMALL_MILLIONS.items())
def test_small_ones_have_their_size_and_work(name, millions):
    network, inputs = build_network({"preset": name}), inputs_of(name)
    assert sum(weight.numel() for weight in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.006)
    out, scale = network(*inputs), PRESETS[name].arguments.get("scale", 1)
    assert out.shape == (1, 1, 9 * scale, 11 * scale) and out.isfinite().all()


@torch.no_grad()
@pytest.mark.parametrize("name", ["pdm_small", "sr3_small", "ncsnpp_small", "mc_ddpm_small"])
def test_small_ones_of_diffusion_see_their_factor(name):
    network, (image, _) = build_network({"preset": name}), inputs_of(name)
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    one, other = (network(image, torch.tensor([[0.5, octaves]])) for octaves in (1.0, 2.0))
    assert (one - other).abs().max() > 1e-3


@torch.no_grad()
@pytest.mark.parametrize("name", ["edsr_small", "swinir_small", "srresnet_small"])
def test_the_scale_is_an_override(name):
    network = build_network({"preset": name, "scale": 4})
    assert network.scale == 4 and network(torch.randn(1, 1, 9, 11)).shape == (1, 1, 36, 44)


def test_unknown_presets_and_arguments_are_refused():
    for config in ({"preset": "huge"}, {}, {"preset": "fast", "depth": 3}, {"preset": "edsr", "kind": "unet"}):
        with pytest.raises(InputError):
            build_network(config)
