"""PDM as we recommend it: latent alignment that keeps Eq. (16) at every step, on the residual (SCIENCE §0.4, variant C).

Zhao et al., MRI Super-Resolution with Partial Diffusion Models, IEEE TMI.
"""

from pdm_core.methods.method import Method

PDM = Method(
    name="pdm",
    title="PDM, residual",
    network="base",
    parameterization="residual",
    loss="l1",
    bridge={"steps": 100, "start": 25, "alignment": "cosine"},
    sampler="ddim",
    # The faithful setting.
    steps=1,
    sample_steps=3,
)
