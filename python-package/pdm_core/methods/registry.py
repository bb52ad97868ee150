"""All systems that models can be trained of: one entry each, with where it was published.

Section numbers are those of SCIENCE. Systems that the paper lacks are marked as rivals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pdm_core.diffusion.denoisers import COMPLEX_SCORE
from pdm_core.errors import InputError
from pdm_core.methods.method import Method

# PDM as we recommend it: latent alignment that keeps Eq. (16) at every step, on the residual (SCIENCE §0.4, variant C).
# One step is the faithful setting.
# Zhao et al., MRI Super-Resolution with Partial Diffusion Models, IEEE TMI.
PDM = Method(
    name="pdm",
    title="PDM, residual",
    network="base",
    parameterization="residual",
    loss="l1",
    bridge={"steps": 100, "start": 25, "alignment": "cosine"},
    sampler="ddim",
    steps=1,
    sample_steps=3,
)

# The noise level is continuous; partial and aligned it is the PDM of the paper's tables (SCIENCE §1.1).
# Saharia et al., Image Super-Resolution via Iterative Refinement, IEEE TPAMI 2022.
_SR3 = Method(
    name="sr3",
    title="SR3",
    network="sr3",
    parameterization="epsilon",
    loss="l1",
    bridge={"steps": 100, "start": 100, "alignment": "none"},
    sampler="ancestral",
    steps=100,
)

# SR3's network, walked in few deterministic steps (SCIENCE §1.4).
# Song et al., Denoising Diffusion Implicit Models, ICLR 2021.
_DDIM = replace(
    _SR3,
    name="ddim",
    title="DDIM",
    bridge={"steps": 20, "start": 20, "alignment": "none"},
    sampler="ddim",
    steps=20,
)

# SR3's network, walked by an exponential integrator of second order (SCIENCE §1.5).
# Lu et al., DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models, 2022.
_DPM_SOLVER = replace(_DDIM, name="dpm_solver", title="DPM-Solver++", sampler="dpm++2m")

# Students that jump to the end of their teacher's trajectory (SCIENCE §1.6); see `pdm-sr distill`.
# Song et al., Consistency Models, ICML 2023.
CONSISTENCY = replace(PDM, name="consistency", title="Consistency model", loss="mse", sampler="consistency")

# A variance-exploding score, predictor and corrector, what was measured put back (SCIENCE §1.2). The network does not see
# x_LR; with `parameterization: epsilon` it does, which latent alignment needs.
# Chung and Ye, Score-based diffusion models for accelerated MRI, Medical Image Analysis 2022.
_SCORE_MRI = Method(
    name="score_mri",
    title="ScoreMRI",
    network="ncsnpp",
    parameterization="score",
    loss="mse",
    bridge={"kind": "ve", "steps": 2000, "start": 2000, "alignment": "none"},
    sampler="pc",
    steps=2000,
)

# One score of real and imaginary part together, what was measured put back in complex k-space. Chung and Ye denoise both parts
# apart by the network of magnitudes; a network of two channels knows that they belong together, as that of
# Jalal et al., Robust Compressed Sensing MRI with Deep Generative Priors, NeurIPS 2021.
_SCORE_MRI_COMPLEX = replace(
    _SCORE_MRI,
    name="score_mri_complex",
    title="ScoreMRI complex",
    network="ncsnpp_complex",
    parameterization=COMPLEX_SCORE,
)

# Diffusion of the unmeasured k-space alone (SCIENCE §1.3).
# Xie and Li, Measurement-conditioned Denoising Diffusion Probabilistic Model for Under-sampled MRI, MICCAI 2022.
_MC_DDPM = Method(
    name="mc_ddpm",
    title="MC-DDPM",
    network="mc_ddpm",
    parameterization="epsilon",
    loss="mse",
    bridge={"kind": "mc_ddpm", "steps": 2000, "start": 2000, "alignment": "none"},
    sampler="ancestral",
    steps=2000,
)

# A rival: the residual is shifted out in four steps (SCIENCE §0.1).
# Yue et al., ResShift: Efficient Diffusion Model for Image Super-resolution by Residual Shifting, NeurIPS 2023.
_RES_SHIFT = Method(
    name="res_shift",
    title="ResShift",
    network="base",
    parameterization="residual",
    loss="mse",
    bridge={"kind": "res_shift", "steps": 4},
    sampler="ancestral",
    steps=4,
)

# A rival: a straight line from x_LR to x_HR with hardly any noise.
# Delbracio and Milanfar, Inversion by Direct Iteration, TMLR 2023.
_INDI = Method(
    name="indi",
    title="InDI",
    network="base",
    parameterization="residual",
    loss="l1",
    bridge={"kind": "interpolant", "noise": 0.02},
    sampler="ddim",
    steps=3,
)

# A rival: flow matching between x_HR and the noised x_LR.
# Lipman et al., Flow Matching for Generative Modeling, ICLR 2023.
_FLOW_MATCHING = Method(
    name="flow_matching",
    title="Flow matching",
    network="sr3",
    parameterization="velocity",
    loss="mse",
    bridge={"kind": "interpolant", "noise": 0.2},
    sampler="ddim",
    steps=5,
)

# Regression by residual blocks and pixel shuffle, by the mean absolute error (SCIENCE §1.7).
# Lim et al., Enhanced Deep Residual Networks for Single Image Super-Resolution, CVPR Workshops 2017.
_EDSR = Method(
    name="edsr",
    title="EDSR",
    network="edsr",
    parameterization="regression",
    loss="l1",
    bridge={"kind": "interpolant"},
    sampler="ddim",
    steps=1,
)

# Regression by shifted-window attention, by the mean absolute error (SCIENCE §1.7).
# Liang et al., SwinIR: Image Restoration Using Swin Transformer, ICCV Workshops 2021.
_SWINIR = replace(_EDSR, name="swinir", title="SwinIR", network="swinir")

# SRResNet with a discriminator's opinion in its loss (SCIENCE §1.7). The content loss is the mean absolute error of the image
# instead of that of VGG features: those come from photographs.
# Ledig et al., Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network, CVPR 2017.
_SRGAN = replace(_EDSR, name="srgan", title="SRGAN", network="srresnet", adversarial=1e-3)

_ALL = (
    PDM, _SR3, _DDIM, _DPM_SOLVER, CONSISTENCY, _SCORE_MRI, _SCORE_MRI_COMPLEX, _MC_DDPM, _RES_SHIFT, _INDI, _FLOW_MATCHING,
    _EDSR, _SWINIR, _SRGAN,
)  # fmt: skip
METHODS: Mapping[str, Method] = {method.name: method for method in _ALL}


def find_method(name: str) -> Method:
    """Return the method of a name.

    Raises:
        InputError: there is no such method.
    """
    if name not in METHODS:
        raise InputError(f"There is no method {name!r}.", f"Choose one of: {', '.join(METHODS)}.")
    return METHODS[name]
