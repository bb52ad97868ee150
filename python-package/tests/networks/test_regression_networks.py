"""EDSR, SwinIR, SRResNet and SRGAN's discriminator: sizes of the articles, any matrix, windows, gradients."""

from itertools import pairwise

import pytest
import torch

from pdm_core.errors import InputError
from pdm_core.networks import build_network
from pdm_core.networks.discriminator import Discriminator
from pdm_core.networks.swin_blocks import SwinBlock, into_windows, out_of_windows, outside_window

SMALL = {
    "edsr": {"preset": "edsr", "features": 8, "blocks": 2},
    "swinir": {"preset": "swinir", "features": 12, "depths": [2, 2], "heads": 3, "window": 4},
    "swinir_light": {"preset": "swinir_light", "features": 12, "depths": [2], "heads": 3, "window": 4},
    "srresnet": {"preset": "srresnet", "features": 8, "blocks": 2},
}


def size(module):
    return sum(weight.numel() for weight in module.parameters())


def colours_less(features, last, *, head=3, tail=3, shuffled=1):
    """Weights that three channels have more than one: in the first convolution, and in the last with its biases."""
    return 2 * features * head**2 + 2 * shuffled * (last * tail**2 + 1)


# Weights for colour images, of which the articles print the first digits. Two lightweight ones are printed as 878 K and 897 K,
# that is without one of the five convolutions of 60 features (32,460 weights).
@pytest.mark.parametrize(
    ("preset", "scale", "colour", "less"),
    [
        ("edsr_baseline", 2, 1_369_859, colours_less(64, 64)),
        ("edsr_baseline", 4, 1_517_571, colours_less(64, 64)),
        ("edsr", 2, 40_729_603, colours_less(256, 256)),
        ("edsr", 4, 43_089_923, colours_less(256, 256)),
        ("swinir", 2, 11_752_487, colours_less(180, 64)),
        ("swinir", 4, 11_900_199, colours_less(180, 64)),
        ("swinir_light", 2, 878_000 + 32_460, colours_less(60, 60, shuffled=4)),
        ("swinir_light", 4, 897_000 + 32_460, colours_less(60, 60, shuffled=16)),
        ("srresnet", 4, 1_549_462, colours_less(64, 64, head=9, tail=9)),
    ],
)
def test_sizes_are_those_of_the_articles(preset, scale, colour, less):
    with torch.device("meta"):
        network = build_network({"preset": preset, "scale": scale})
    printed_to_thousands = 500 if colour % 10 == 0 else 0
    assert size(network) == pytest.approx(colour - less, abs=printed_to_thousands)


@torch.no_grad()
@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("scale", [1, 2, 4])
def test_any_matrix_comes_out_finer(name, scale):
    network = build_network({**SMALL[name], "scale": scale})
    assert network.scale == scale
    assert network(torch.randn(2, 1, 9, 14)).shape == (2, 1, 9 * scale, 14 * scale)


@pytest.mark.parametrize("name", SMALL)
def test_scales_of_no_paper_are_refused(name):
    with pytest.raises(InputError, match="scale 3"):
        build_network({**SMALL[name], "scale": 3})


@pytest.mark.parametrize("name", SMALL)
def test_gradients_reach_all_weights(name):
    torch.manual_seed(0)
    network = build_network(SMALL[name])
    network(torch.randn(2, 1, 8, 8)).square().mean().backward()
    assert all(weight.grad is not None for weight in network.parameters())


def test_pixels_are_shuffled_back_to_where_they_came_from():
    """Shuffled apart and back they are the same; an upsampler whose convolution copies a feature four times repeats pixels."""
    image = torch.randn(2, 3, 6, 10)
    apart = torch.nn.functional.pixel_unshuffle(image, 2)
    torch.testing.assert_close(torch.nn.functional.pixel_shuffle(apart, 2), image, rtol=0, atol=0)
    finer = build_network({**SMALL["edsr"], "features": 1}).finer
    torch.nn.init.zeros_(finer[0].weight)
    torch.nn.init.zeros_(finer[0].bias)
    finer[0].weight.data[:, 0, 1, 1] = 1.0
    torch.testing.assert_close(finer(image[:, :1]), image[:, :1].repeat_interleave(2, dim=2).repeat_interleave(2, dim=3))


def test_windows_are_put_back_where_they_came_from():
    image = torch.randn(2, 8, 12, 5)
    windows = into_windows(image, 4)
    torch.testing.assert_close(windows[1, 2], image[1, :4, 8:].reshape(16, 5), rtol=0, atol=0)
    torch.testing.assert_close(out_of_windows(windows, 4, 8, 12), image, rtol=0, atol=0)


@torch.no_grad()
def changed_pixels(shift, place, shape=(8, 12)):
    """Pixels of a block's outcome that another pixel at `place` changes."""
    torch.manual_seed(0)
    block, image = SwinBlock(6, 2, 4, shift), torch.randn(1, *shape, 6)
    other = image.clone()
    other[0, place[0], place[1]] += torch.randn(6)
    outside = outside_window(*shape, 4)
    changed = (block(image, outside) - block(other, outside)).abs().amax(dim=(0, 3)) > 1e-7
    return {(int(row), int(column)) for row, column in changed.nonzero()}


@pytest.mark.parametrize(
    ("shift", "place", "rows", "columns"),
    [
        (0, (0, 0), range(0, 4), range(0, 4)),
        (2, (4, 5), range(2, 6), range(2, 6)),
        (2, (0, 0), range(0, 2), range(0, 2)),
        (2, (7, 11), range(6, 8), range(10, 12)),
        (2, (0, 7), range(0, 2), range(6, 10)),
    ],
)
def test_a_pixel_is_seen_in_its_window_and_never_round_the_border(shift, place, rows, columns):
    assert changed_pixels(shift, place) == {(row, column) for row in rows for column in columns}


@torch.no_grad()
def test_the_bias_is_that_of_the_offset_between_two_pixels():
    """Where only the offset of one pixel up is not suppressed, every pixel but those of the top row copies the one above."""
    attention = SwinBlock(4, 1, 4, 0).attention
    torch.nn.init.zeros_(attention.qkv.weight[:8])
    torch.nn.init.zeros_(attention.qkv.bias[:8])
    attention.bias.fill_(-1e4)
    attention.bias[attention.offsets[4, 0]] = 0.0
    image = torch.randn(1, 4, 4, 4)
    mixed = out_of_windows(attention(into_windows(image, 4), None), 4, 4, 4)
    value = attention.out(attention.qkv(image)[..., 8:])
    torch.testing.assert_close(mixed[:, 1:], value[:, :-1])


@torch.no_grad()
@pytest.mark.parametrize("shape", [(96, 96), (40, 57), (16, 16)])
def test_the_discriminator_tells_crops_of_any_size(shape):
    logits = Discriminator(features=4, grid=2, hidden=8)(torch.randn(3, 1, *shape))
    assert logits.shape == (3, 1)


def test_the_discriminator_has_the_size_of_its_description():
    """Eight convolutions and a dense layer of 512 x 6 x 6 to 1024: 23.6 million, nearly all of them in that layer."""
    with torch.device("meta"):
        network = Discriminator()
    widths = [1, 64, 64, 128, 128, 256, 256, 512, 512]
    convolutions = sum(9 * entering * leaving + leaving for entering, leaving in pairwise(widths))
    normalised = 2 * sum(widths[2:])
    dense = (512 * 36 + 1) * 1024 + 1025
    assert size(network) == convolutions + normalised + dense


def test_gradients_reach_the_discriminator_and_the_image():
    network, image = Discriminator(features=4, grid=2, hidden=8), torch.randn(2, 1, 32, 32, requires_grad=True)
    network(image).mean().backward()
    assert image.grad.abs().max() > 0
    assert all(weight.grad is not None for weight in network.parameters())
