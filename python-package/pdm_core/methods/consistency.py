"""Consistency models: students that jump to the end of their teacher's trajectory (SCIENCE §1.6); see `pdm-sr distill`.

Song et al., Consistency Models, ICML 2023.
"""

from dataclasses import replace

from pdm_core.methods.pdm import PDM

CONSISTENCY = replace(
    PDM,
    name="consistency",
    title="Consistency model",
    loss="mse",
    sampler="consistency",
)
