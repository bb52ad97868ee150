"""The U-Net: sizes of the presets, any matrix, and what its conditioning does."""

import pytest
import torch

from pdm_core.networks import build_network


@pytest.mark.parametrize(("preset", "millions"), [("fast", 3.6), ("base", 7.9), ("large", 28.9)])
def test_presets_have_their_size(preset, millions):
    with torch.device("meta"):
        network = build_network({"preset": preset})
    assert sum(weight.numel() for weight in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.06)


@pytest.mark.parametrize("size", [(64, 64), (61, 83), (40, 33)])
def test_any_matrix_goes_in_and_comes_out(size):
    network = build_network({"preset": "fast", "channels": [16, 32], "blocks": 1})
    assert network(torch.randn(2, 3, *size), torch.rand(2, 2)).shape == (2, 1, *size)


def test_the_scalars_and_every_input_channel_matter():
    torch.manual_seed(0)
    network = build_network({"preset": "base", "channels": [16, 32], "bottleneck_attention": True})
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    image, scalars = torch.randn(1, 3, 32, 32), torch.tensor([[0.5, 1.0]])
    before = network(image, scalars)
    for column in (0, 1):
        changed = scalars.clone()
        changed[0, column] += 0.1
        assert (network(image, changed) - before).abs().max() > 1e-4
    for channel in range(3):
        changed = image.clone()
        changed[:, channel] *= 1.1
        assert (network(changed, scalars) - before).abs().max() > 1e-4
