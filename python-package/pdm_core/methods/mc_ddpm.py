"""MC-DDPM: diffusion of the unmeasured k-space alone (SCIENCE §1.3).

Xie and Li, Measurement-conditioned Denoising Diffusion Probabilistic Model for Under-sampled MRI, MICCAI 2022.
"""

from pdm_core.methods.method import Method

MC_DDPM = Method(
    name="mc_ddpm",
    title="MC-DDPM",
    network="mc_ddpm",
    parameterization="epsilon",
    loss="mse",
    bridge={"kind": "mc_ddpm", "steps": 2000, "start": 2000, "alignment": "none"},
    sampler="ancestral",
    steps=2000,
)
