"""SR3, whose noise level is continuous; partial and aligned it is the PDM of the paper's tables (SCIENCE §1.1).

Saharia et al., Image Super-Resolution via Iterative Refinement, IEEE TPAMI 2022.
"""

from pdm_core.methods.method import Method

SR3 = Method(
    name="sr3",
    title="SR3",
    network="sr3",
    parameterization="epsilon",
    loss="l1",
    bridge={"steps": 100, "start": 100, "alignment": "none"},
    sampler="ancestral",
    steps=100,
)
