"""DDIM: SR3's network, walked in few deterministic steps (SCIENCE §1.4).

Song et al., Denoising Diffusion Implicit Models, ICLR 2021.
"""

from dataclasses import replace

from pdm_core.methods.sr3 import SR3

DDIM = replace(
    SR3,
    name="ddim",
    title="DDIM",
    bridge={"steps": 20, "start": 20, "alignment": "none"},
    sampler="ddim",
    steps=20,
)
