"""Neural networks as plain modules that know nothing of diffusion, and the presets that name their sizes."""

from pdm_core.networks.presets import PRESETS, ZONE_NETWORKS, build_network, build_zone_network
from pdm_core.networks.unet import UNet

__all__ = ["PRESETS", "ZONE_NETWORKS", "UNet", "build_network", "build_zone_network"]
