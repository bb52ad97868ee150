"""Partial diffusion: bridges, denoisers, time grids and samplers (knows nothing of volumes and files)."""

from pdm_core.diffusion.bridges import Bridge, Coefficients, build_bridge
from pdm_core.diffusion.denoisers import Denoiser, EpsilonDenoiser, ResidualDenoiser, build_denoiser
from pdm_core.diffusion.grids import checked_times, time_grid

__all__ = [
    "Bridge",
    "Coefficients",
    "Denoiser",
    "EpsilonDenoiser",
    "ResidualDenoiser",
    "build_bridge",
    "build_denoiser",
    "checked_times",
    "time_grid",
]
