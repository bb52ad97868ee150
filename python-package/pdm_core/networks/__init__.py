"""Neural networks as plain modules that know nothing of diffusion, and the presets that name their sizes."""

from pdm_core.networks.presets import PRESETS, build_network
from pdm_core.networks.unet import UNet

__all__ = ["PRESETS", "UNet", "build_network"]
