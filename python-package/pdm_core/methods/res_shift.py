"""ResShift: the residual shifted out in four steps (SCIENCE §0.1), a rival that the paper lacks.

Yue et al., ResShift: Efficient Diffusion Model for Image Super-resolution by Residual Shifting, NeurIPS 2023.
"""

from pdm_core.methods.method import Method

RES_SHIFT = Method(
    name="res_shift",
    title="ResShift",
    network="base",
    parameterization="residual",
    loss="mse",
    bridge={"kind": "res_shift", "steps": 4},
    sampler="ancestral",
    steps=4,
)
