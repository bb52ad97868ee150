"""InDI: a straight line from x_LR to x_HR with hardly any noise, a rival that the paper lacks.

Delbracio and Milanfar, Inversion by Direct Iteration, TMLR 2023.
"""

from pdm_core.methods.method import Method

INDI = Method(
    name="indi",
    title="InDI",
    network="base",
    parameterization="residual",
    loss="l1",
    bridge={"kind": "interpolant", "noise": 0.02},
    sampler="ddim",
    steps=3,
)
