"""SwinIR: shifted-window attention, by the mean absolute error (SCIENCE §1.7).

Liang et al., SwinIR: Image Restoration Using Swin Transformer, ICCV Workshops 2021.
"""

from dataclasses import replace

from pdm_core.methods.edsr import EDSR

SWINIR = replace(
    EDSR,
    name="swinir",
    title="SwinIR",
    network="swinir",
)
