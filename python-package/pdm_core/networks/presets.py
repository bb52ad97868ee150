"""Named networks and their sizes, and how the `network` entry of a card or recipe becomes a module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from torch import nn

from pdm_core.errors import InputError
from pdm_core.networks.cat_net import CATNet
from pdm_core.networks.edsr import Edsr
from pdm_core.networks.guided_unet import GuidedUNet
from pdm_core.networks.ncsnpp import NCSNpp
from pdm_core.networks.sr3_unet import SR3UNet
from pdm_core.networks.srresnet import SRResNet
from pdm_core.networks.swinir import SwinIR
from pdm_core.networks.unet import UNet
from pdm_core.networks.zonal_unet import ZonalUNet


class Preset(NamedTuple):
    """A network's class and arguments of it."""

    kind: Callable[..., nn.Module]
    arguments: dict[str, Any]


# Our own. SCIENCE §4.3: parameters and FLOPs of one 320x320 slice were measured there.
_OWN = {
    "fast": Preset(UNet, {"inputs": 3, "unshuffle": 4, "channels": (64, 128), "blocks": 2, "bottleneck_attention": False}),
    # A third of the time of `fast`: narrower, one block a level, and no convolution at full resolution.
    "slim": Preset(
        UNet, {"inputs": 3, "unshuffle": 4, "detail_unshuffle": 2, "channels": (48, 96), "blocks": 1, "detail": 16}
    ),
    # As `fast`, wider. On half-resolution pixels (unshuffle 2, as large) x4 was learned far more slowly: +0.4 to +0.6 dB on
    # validation after 800 to 2800 steps, where `fast` gains +0.8 after 1000.
    "base": Preset(UNet, {"inputs": 3, "unshuffle": 4, "channels": (96, 192), "blocks": 2, "bottleneck_attention": False}),
    "large": Preset(
        UNet, {"inputs": 3, "unshuffle": 2, "channels": (96, 192, 384), "blocks": 2, "bottleneck_attention": True}
    ),
}

# In the sizes of their articles; those of regression double the resolution unless `scale` says otherwise.
_PUBLISHED = {
    "sr3": Preset(SR3UNet, {"orthogonal": True}),
    "ncsnpp": Preset(NCSNpp, {}),
    "ncsnpp_complex": Preset(NCSNpp, {"inputs": 2, "outputs": 2}),
    "mc_ddpm": Preset(GuidedUNet, {}),
    "edsr_baseline": Preset(Edsr, {"features": 64, "blocks": 16, "scale": 2}),
    "edsr": Preset(Edsr, {"features": 256, "blocks": 32, "residual_scale": 0.1, "scale": 2}),
    "swinir": Preset(SwinIR, {"scale": 2}),
    "swinir_light": Preset(SwinIR, {"features": 60, "depths": (6, 6, 6, 6), "direct": True, "scale": 2}),
    "srresnet": Preset(SRResNet, {"scale": 2}),
}

# Of the same kinds, for trainings on a CPU that take about as long a step as those of `fast`, and for a range of factors. Full
# resolution at few features, for without it (unshuffle) a short training does not get off the ground; see `UNet`'s `detail`.
# In SwinIR's there are only 0.1 million weights: windows at full resolution take the longest for each of them.
_SMALL = {
    "pdm_small": Preset(UNet, {"inputs": 3, "unshuffle": 4, "channels": (32, 64), "blocks": 2}),
    "sr3_small": Preset(SR3UNet, {"scalars": 2, "channels": (16, 24, 48, 64), "groups": 4, "orthogonal": True}),
    "ncsnpp_small": Preset(NCSNpp, {"inputs": 2, "scalars": 2, "channels": (16, 24, 32, 48), "blocks": 1}),
    "mc_ddpm_small": Preset(GuidedUNet, {"scalars": 2, "channels": (12, 16, 32, 64), "blocks": 1}),
    "edsr_small": Preset(Edsr, {"features": 48, "blocks": 8, "scale": 2}),
    "swinir_small": Preset(SwinIR, {"features": 40, "depths": (2, 2), "heads": 4, "direct": True, "scale": 2}),
    "srresnet_small": Preset(SRResNet, {"features": 48, "blocks": 6, "scale": 2}),
}

PRESETS: dict[str, Preset] = {**_OWN, **_PUBLISHED, **_SMALL}

# The networks that find the zones of the prostate.
ZONE_NETWORKS: dict[str, Callable[..., nn.Module]] = {"zonal_unet": ZonalUNet, "cat_net": CATNet}


def build_network(config: Mapping[str, Any]) -> nn.Module:
    """Make the network that `config` describes.

    Networks of diffusion map images (N, C, H, W) and scalars (N, S), the noise level sigma_t first and log2 of the factor
    second, to (N, outputs, H, W). Those of regression map images (N, 1, h, w) to (N, 1, scale h, scale w) and have `scale`.

    Args:
        config: `{"preset": name, **overrides}` with overrides of the class's keyword arguments.

    Raises:
        InputError: the preset or an argument is unknown.
    """
    overrides = dict(config)
    preset = PRESETS.get(overrides.pop("preset", ""))
    if preset is None:
        raise InputError(f"There is no network preset {config.get('preset')!r}.", f"Choose one of: {', '.join(PRESETS)}.")
    try:
        return preset.kind(**{**preset.arguments, **overrides})
    except TypeError as error:
        raise InputError(f"The network {dict(config)} cannot be built: {error}.") from error


def build_zone_network(config: Mapping[str, Any]) -> nn.Module:
    """Make the network that `config` describes; it maps volumes (N, 1, K, J, I) to logits (N, 3, K, J, I).

    Args:
        config: `{"kind": name, **arguments}` with keyword arguments of the network's class.

    Raises:
        InputError: the kind or an argument is unknown.
    """
    arguments = dict(config)
    kind = arguments.pop("kind", None)
    if kind not in ZONE_NETWORKS:
        raise InputError(f"There is no zone network {kind!r}.", f"Choose one of: {', '.join(ZONE_NETWORKS)}.")
    try:
        return ZONE_NETWORKS[kind](**arguments)
    except TypeError as error:
        raise InputError(f"The zone network {dict(config)} cannot be built: {error}.") from error
