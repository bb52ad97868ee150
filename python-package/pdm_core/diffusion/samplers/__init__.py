"""Samplers as stateless functions over a time grid, and the choice among them by name."""

from pdm_core.diffusion.samplers.ddim import Eta, sample_ddim
from pdm_core.diffusion.samplers.dpm_solver import sample_dpm_solver
from pdm_core.diffusion.samplers.hooks import Estimate, FreshNoise, OnStep, Refine, start_latent
from pdm_core.diffusion.samplers.predictor_corrector import sample_predictor_corrector

__all__ = [
    "Estimate",
    "Eta",
    "FreshNoise",
    "OnStep",
    "Refine",
    "sample_ddim",
    "sample_dpm_solver",
    "sample_predictor_corrector",
    "start_latent",
]
