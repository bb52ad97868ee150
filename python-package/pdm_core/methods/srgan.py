"""SRGAN: SRResNet with a discriminator's opinion in its loss (SCIENCE §1.7).

The content loss is the mean absolute error of the image instead of that of VGG features: those come from photographs.

Ledig et al., Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network, CVPR 2017.
"""

from dataclasses import replace

from pdm_core.methods.edsr import EDSR

SRGAN = replace(
    EDSR,
    name="srgan",
    title="SRGAN",
    network="srresnet",
    adversarial=1e-3,
)
