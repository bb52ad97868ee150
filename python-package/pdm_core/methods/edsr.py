"""EDSR: residual blocks and pixel shuffle, by the mean absolute error (SCIENCE §1.7).

Lim et al., Enhanced Deep Residual Networks for Single Image Super-Resolution, CVPR Workshops 2017.
"""

from pdm_core.methods.method import Method

EDSR = Method(
    name="edsr",
    title="EDSR",
    network="edsr",
    parameterization="regression",
    loss="l1",
    bridge={"kind": "interpolant"},
    sampler="ddim",
    steps=1,
)
