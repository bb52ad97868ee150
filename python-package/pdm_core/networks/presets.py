"""Named sizes of the U-Net, and how a card's or recipe's `network` entry becomes a module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pdm_core.errors import InputError
from pdm_core.networks.unet import UNet

# SCIENCE §4.3: parameters and FLOPs of one 320x320 slice were measured there.
PRESETS: dict[str, dict[str, Any]] = {
    "fast": {"inputs": 3, "unshuffle": 4, "channels": (64, 128), "blocks": 2, "bottleneck_attention": False},
    # As `fast`, wider. On half-resolution pixels (unshuffle 2, as large) x4 was learned far more slowly: +0.4 to +0.6 dB on
    # validation after 800 to 2800 steps, where `fast` gains +0.8 after 1000.
    "base": {"inputs": 3, "unshuffle": 4, "channels": (96, 192), "blocks": 2, "bottleneck_attention": False},
    "large": {"inputs": 3, "unshuffle": 2, "channels": (96, 192, 384), "blocks": 2, "bottleneck_attention": True},
    # Zhao et al.'s SR3 backbone (SCIENCE §1.1): 64 x (1, 2, 4, 8, 16), one block a level, attention in the middle only.
    "sr3": {
        "inputs": 2,
        "unshuffle": 1,
        "channels": (64, 128, 256, 512, 1024),
        "blocks": 1,
        "bottleneck_attention": True,
    },
}


def build_network(config: Mapping[str, Any]) -> UNet:
    """Make the U-Net that `config` describes.

    Args:
        config: `{"preset": name, **overrides}` with overrides of `UNet`'s keyword arguments.

    Raises:
        InputError: the preset or an argument is unknown.
    """
    arguments = dict(config)
    preset = arguments.pop("preset", None)
    if preset not in PRESETS:
        raise InputError(f"There is no network preset {preset!r}.", f"Choose one of: {', '.join(PRESETS)}.")
    try:
        return UNet(**{**PRESETS[preset], **arguments})
    except TypeError as error:
        raise InputError(f"The network {dict(config)} cannot be built: {error}.") from error
