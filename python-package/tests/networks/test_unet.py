"""The U-Net: sizes of the presets, any matrix, and what its conditioning does."""

import pytest
import torch

from pdm_core.errors import InputError
from pdm_core.networks import build_network


@pytest.mark.parametrize(("preset", "millions"), [("fast", 3.6), ("slim", 1.28), ("base", 7.9), ("large", 28.9)])
def test_presets_have_their_size(preset, millions):
    with torch.device("meta"):
        network = build_network({"preset": preset})
    assert sum(weight.numel() for weight in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.06)


@pytest.mark.parametrize("preset", ["fast", "slim"])
@pytest.mark.parametrize("size", [(64, 64), (61, 83), (40, 33)])
def test_any_matrix_goes_in_and_comes_out(preset, size):
    network = build_network({"preset": preset, "channels": [16, 32], "blocks": 1})
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


def test_pixels_unshuffled_in_two_steps_come_back_to_their_places():
    """A bright pixel changes the image about its own place, whichever of an unshuffled block it is."""
    torch.manual_seed(0)
    network = build_network({"preset": "slim", "channels": [16, 32]})
    # The skip connection of the detail alone: what the levels add is spread by their many convolutions.
    torch.nn.init.zeros_(network.head[-1].weight)
    torch.nn.init.zeros_(network.head[-1].bias)
    scalars, dark = torch.zeros(1, 2), torch.zeros(1, 3, 48, 48)
    for row, column in ((24, 24), (25, 27), (26, 25), (27, 26)):
        bright = dark.clone()
        bright[..., row, column] = 1.0
        changed = (network(bright, scalars) - network(dark, scalars))[0, 0].abs() > 1e-7
        rows, columns = changed.any(1).nonzero(), changed.any(0).nonzero()
        # Four convolutions at half resolution reach four of its pixels, about the pixel that holds the bright one.
        assert rows.min() >= row // 2 * 2 - 8 and rows.max() <= row // 2 * 2 + 9 and changed[row, column]
        assert columns.min() >= column // 2 * 2 - 8 and columns.max() <= column // 2 * 2 + 9


def test_unshuffling_that_does_not_divide_is_refused():
    with pytest.raises(InputError, match="by 3 and then by 4"):
        build_network({"preset": "slim", "detail_unshuffle": 3})
