"""Image quality by named conventions (SCIENCE §2.2); the prediction is never scaled apart from its reference."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import torch
from torch import Tensor
from torch.nn import functional

from pdm_core.degradation.kspace import Size, downsample, project
from pdm_core.volume.robust_range import robust_range
from pdm_core.volume.volume import FloatArray

# Beyond this many dB two images agree to float32 rounding; equal images would give infinity.
PSNR_CAP = 200.0


class MetricConvention(str, Enum):
    """How range and window are fixed.

    `unit_float`: references scaled to [0, 1] by their 0.1 and 99.9 percentiles, data range 1, Gaussian 11x11 SSIM.
    `monai`: as given, data range 1, Gaussian 11x11 SSIM. `sr3_8bit`: both images rounded to 8 bits first, range 255,
    Gaussian SSIM. `fastmri`: range is the maximum of the reference volume, uniform 7x7 SSIM with sample covariance.
    """

    UNIT_FLOAT = "unit_float"
    MONAI = "monai"
    SR3_8BIT = "sr3_8bit"
    FASTMRI = "fastmri"


def psnr(image: Tensor, reference: Tensor, data_range: float = 1.0) -> Tensor:
    """Peak signal-to-noise ratio of each image (N, 1, H, W) in dB, (N,); capped at 200 dB."""
    error = (image - reference).double().square().mean(dim=(-3, -2, -1))
    return (10.0 * torch.log10(data_range**2 / error)).clamp(max=PSNR_CAP)


def ssim(image: Tensor, reference: Tensor, data_range: float = 1.0, window: str = "gaussian") -> Tensor:
    """Structural similarity of each image (N, 1, H, W), (N,).

    Args:
        image: what is judged.
        reference: the truth.
        data_range: of both.
        window: "gaussian" (11x11, sigma 1.5, population variance) or "uniform" (7x7, sample variance); valid pixels only.
    """
    kernel = _gaussian_kernel() if window == "gaussian" else torch.full((7,), 1 / 7.0, dtype=torch.float64)
    scale = 1.0 if window == "gaussian" else 49.0 / 48.0
    x, y = image.double(), reference.double()
    weights = kernel[None, None].to(x.device)

    def mean(values: Tensor) -> Tensor:
        return functional.conv2d(functional.conv2d(values, weights[..., None]), weights[..., None, :])

    mean_x, mean_y = mean(x), mean(y)
    var_x, var_y = scale * (mean(x * x) - mean_x**2), scale * (mean(y * y) - mean_y**2)
    covariance = scale * (mean(x * y) - mean_x * mean_y)
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    likeness = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return (likeness / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))).mean(dim=(-3, -2, -1))


def psnr_ssim(image: Tensor, reference: Tensor, convention: MetricConvention) -> tuple[Tensor, Tensor]:
    """PSNR and SSIM of each image of a volume (N, 1, H, W) by a named convention, (N,) each."""
    if convention is MetricConvention.SR3_8BIT:
        image, reference = ((255.0 * values.clamp(0, 1)).round() for values in (image, reference))
        return psnr(image, reference, 255.0), ssim(image, reference, 255.0)
    if convention is MetricConvention.FASTMRI:
        peak = float(reference.max())
        return psnr(image, reference, peak), ssim(image, reference, peak, "uniform")
    return psnr(image, reference), ssim(image, reference)


def quality_against(image: FloatArray, reference: FloatArray) -> dict[str, float]:
    """Mean PSNR in dB and SSIM over the slices of two arrays `[K, J, I]` by `unit_float`, scaled by the reference."""
    low, high = robust_range(reference)
    unit, truth = (torch.from_numpy((values - low) / (high - low)).float()[:, None] for values in (image, reference))
    psnrs, ssims = psnr_ssim(unit, truth, MetricConvention.UNIT_FLOAT)
    return {"psnr_db": float(psnrs.mean()), "ssim": float(ssims.mean())}


def nrmse(image: Tensor, reference: Tensor) -> Tensor:
    """Root mean squared error of each image (N, 1, H, W) over the root mean square of its reference, (N,).

    The convention that scikit-image calls "euclidean"; over the range of the reference it would be the PSNR in other words.
    """
    error, truth = ((values.double().square().sum(dim=(-3, -2, -1))) for values in (image - reference, reference))
    return (error / truth).sqrt()


def consistency(image: Tensor, measured: Tensor, data_range: float = 1.0) -> Tensor:
    """Consistency, Eq. (20): PSNR of D x_SR against the low-resolution image (N, 1, h, w) on its own grid, (N,)."""
    size: Size = (measured.shape[-2], measured.shape[-1])
    return psnr(downsample(image.double(), size), measured.double(), data_range)


def high_frequency_error(image: Tensor, reference: Tensor, size: Size) -> Tensor:
    """Energy of the error above the band of `size` as a share of the reference's energy there, (N,); 1 for zero filling."""
    error, truth = (x - project(x, size) for x in ((image - reference).double(), reference.double()))
    return error.square().sum(dim=(-3, -2, -1)) / truth.square().sum(dim=(-3, -2, -1))


def detail_energy(image: Tensor, reference: Tensor, size: Size) -> Tensor:
    """Energy above the band of `size` as a share of the reference's there, (N,): 0 for zero filling, 1 for as much as is real.

    It tells how much detail there is, not whether it is right.
    """
    detail, truth = (x.double() - project(x.double(), size) for x in (image, reference))
    return detail.square().sum(dim=(-3, -2, -1)) / truth.square().sum(dim=(-3, -2, -1))


def flicker(image: Tensor, reference: Tensor, plain: Tensor, axes: Sequence[int]) -> float:
    """The flicker index of SCIENCE §6, mean |d(x - U y)| / mean |d(x_HR - U y)|, its mean over the differences along `axes`.

    1 where what was added changes as much from one image to the next as what is missing; 0 where nothing was added.

    Args:
        image: restored volume (K, J, I).
        reference: the truth.
        plain: U y, the measured with nothing added.
        axes: along which neighbours are compared.
    """
    added, missing = image - plain, reference - plain
    shares = [float(added.diff(dim=axis).abs().mean() / missing.diff(dim=axis).abs().mean()) for axis in axes]
    return sum(shares) / len(shares)


def _gaussian_kernel(width: int = 11, sigma: float = 1.5) -> Tensor:
    offset = torch.arange(width, dtype=torch.float64) - width // 2
    bell = torch.exp(-0.5 * (offset / sigma) ** 2)
    return bell / bell.sum()
