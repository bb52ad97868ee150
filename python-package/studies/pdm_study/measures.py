"""What is measured of every slice, each measure under the name of its convention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from pdm_core.evaluation.in_plane import inside
from pdm_core.metrics.image_quality import MetricConvention, consistency, detail_energy, high_frequency_error, nrmse, psnr_ssim

_CONVENTIONS = (MetricConvention.UNIT_FLOAT, MetricConvention.SR3_8BIT, MetricConvention.FASTMRI)


@dataclass(frozen=True)
class Measure:
    """How a measure is printed.

    Attributes:
        key: in records and CSV files.
        heading: with unit and convention.
        digits: after the point.
    """

    key: str
    heading: str
    digits: int


PSNR = Measure("psnr_unit_float", "PSNR, unit_float, dB", 2)
SSIM = Measure("ssim_unit_float", "SSIM, unit_float", 4)
PSNR_8BIT = Measure("psnr_sr3_8bit", "PSNR, sr3_8bit, dB", 2)
SSIM_8BIT = Measure("ssim_sr3_8bit", "SSIM, sr3_8bit", 4)
CONSISTENCY = Measure("consistency", "Consistency, Eq. (20), reduced grid, dB", 1)
NRMSE = Measure("nrmse", "NRMSE, euclidean", 4)
# Of those that are measured the ones that tables print, and the ones that systems are compared by.
SHOWN = (PSNR, SSIM, PSNR_8BIT, SSIM_8BIT, CONSISTENCY, NRMSE)
COMPARED = (PSNR, SSIM)


def measured(restored: Tensor, truth: Tensor, low: Tensor) -> Mapping[str, list[float]]:
    """Every measure of every slice.

    Args:
        restored: (K, 1, H, W).
        truth: the same shape.
        low: the measured slices, (K, 1, h, w).
    """
    size = (low.shape[-2], low.shape[-1])
    values: dict[str, Tensor] = {}
    for convention in _CONVENTIONS:
        values[f"psnr_{convention.value}"], values[f"ssim_{convention.value}"] = psnr_ssim(restored, truth, convention)
    values["psnr_inside_unit_float"], _ = psnr_ssim(inside(restored), inside(truth), MetricConvention.UNIT_FLOAT)
    values["consistency"] = consistency(restored, low)
    values["nrmse"] = nrmse(restored, truth)
    values["high_frequency_error"] = high_frequency_error(restored, truth, size)
    values["detail_energy"] = detail_energy(restored, truth, size)
    return {name: [float(value) for value in each] for name, each in values.items()}
