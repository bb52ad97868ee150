"""ScoreMRI of complex images: one score of real and imaginary part together, what was measured put back in complex k-space.

Chung and Ye denoise both parts apart by the network of magnitudes; a network of two channels knows that they belong together,
as that of Jalal et al., Robust Compressed Sensing MRI with Deep Generative Priors, NeurIPS 2021.
"""

from dataclasses import replace

from pdm_core.diffusion.denoisers import COMPLEX_SCORE
from pdm_core.methods.score_mri import SCORE_MRI

SCORE_MRI_COMPLEX = replace(
    SCORE_MRI,
    name="score_mri_complex",
    title="ScoreMRI complex",
    network="ncsnpp_complex",
    parameterization=COMPLEX_SCORE,
)
