"""All systems that models can be trained of, by name."""

from __future__ import annotations

from collections.abc import Mapping

from pdm_core.errors import InputError
from pdm_core.methods.consistency import CONSISTENCY
from pdm_core.methods.ddim import DDIM
from pdm_core.methods.dpm_solver import DPM_SOLVER
from pdm_core.methods.edsr import EDSR
from pdm_core.methods.flow_matching import FLOW_MATCHING
from pdm_core.methods.indi import INDI
from pdm_core.methods.mc_ddpm import MC_DDPM
from pdm_core.methods.method import Method
from pdm_core.methods.pdm import PDM
from pdm_core.methods.res_shift import RES_SHIFT
from pdm_core.methods.score_mri import SCORE_MRI
from pdm_core.methods.score_mri_complex import SCORE_MRI_COMPLEX
from pdm_core.methods.sr3 import SR3
from pdm_core.methods.srgan import SRGAN
from pdm_core.methods.swinir import SWINIR

_ALL = (
    PDM, SR3, DDIM, DPM_SOLVER, CONSISTENCY, SCORE_MRI, SCORE_MRI_COMPLEX, MC_DDPM, RES_SHIFT, INDI, FLOW_MATCHING, EDSR,
    SWINIR, SRGAN,
)  # fmt: skip
METHODS: Mapping[str, Method] = {method.name: method for method in _ALL}


def find_method(name: str) -> Method:
    """The method of `name`; raises `InputError` where there is none."""
    if name not in METHODS:
        raise InputError(f"There is no method {name!r}.", f"Choose one of: {', '.join(METHODS)}.")
    return METHODS[name]
