"""Flow matching between x_HR and the noised x_LR, a rival that the paper lacks.

Lipman et al., Flow Matching for Generative Modeling, ICLR 2023.
"""

from pdm_core.methods.method import Method

FLOW_MATCHING = Method(
    name="flow_matching",
    title="Flow matching",
    network="sr3",
    parameterization="velocity",
    loss="mse",
    bridge={"kind": "interpolant", "noise": 0.2},
    sampler="ddim",
    steps=5,
)
