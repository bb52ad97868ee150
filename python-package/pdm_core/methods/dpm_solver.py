"""DPM-Solver++ of second order: SR3's network, walked by an exponential integrator (SCIENCE §1.5).

Lu et al., DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models, 2022.
"""

from dataclasses import replace

from pdm_core.methods.ddim import DDIM

DPM_SOLVER = replace(
    DDIM,
    name="dpm_solver",
    title="DPM-Solver++",
    sampler="dpm++2m",
)
