"""ScoreMRI: a variance-exploding score, predictor and corrector, what was measured put back (SCIENCE §1.2).

Its network knows nothing of x_LR; with `parameterization: epsilon` it is told, which latent alignment needs.

Chung and Ye, Score-based diffusion models for accelerated MRI, Medical Image Analysis 2022.
"""

from pdm_core.methods.method import Method

SCORE_MRI = Method(
    name="score_mri",
    title="ScoreMRI",
    network="ncsnpp",
    parameterization="score",
    loss="mse",
    bridge={"kind": "ve", "steps": 2000, "start": 2000, "alignment": "none"},
    sampler="pc",
    steps=2000,
)
