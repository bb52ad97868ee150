"""k-space cropping D, zero padding U and the projection P = U D (SCIENCE §2.1), for any real factor and odd sizes.

All three act on the last two dimensions of a real or complex tensor, keep the mean intensity and are aligned at index 0:
low-resolution sample j lies at high-resolution coordinate j N/n. Along each axis D and U equal `scipy.signal.resample`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pdm_core.errors import InputError

Size = tuple[int, int]


def lowres_size(size: Size, factor: float) -> Size:
    """Matrix that remains of `size` after a reduction by `factor`, per axis round(N / factor) and at least 1."""
    return _scaled_size(size, 1.0 / _checked(factor))


def highres_size(size: Size, factor: float) -> Size:
    """Matrix that `size` grows to by `factor`, per axis round(n * factor); the true factor is the ratio of the sizes."""
    return _scaled_size(size, _checked(factor))


def downsample(x: Tensor, size: Size) -> Tensor:
    """D: crop the spectrum of `x` (..., H, W) to `size` = (h, w); for even sizes both Nyquist bins are summed."""
    return _resample(_resample(x, size[0], -2), size[1], -1)


def upsample(x: Tensor, size: Size) -> Tensor:
    """U: zero-pad the spectrum of `x` (..., h, w) to `size` = (H, W); for even sizes the Nyquist bin is halved."""
    return _resample(_resample(x, size[0], -2), size[1], -1)


def project(x: Tensor, size: Size) -> Tensor:
    """P = U D: the part of `x` (..., H, W) that a low-resolution matrix `size` = (h, w) holds; idempotent, self-adjoint."""
    return upsample(downsample(x, size), (x.shape[-2], x.shape[-1]))


def shift(x: Tensor, offset: tuple[float, float]) -> Tensor:
    """Move the content of `x` (..., H, W) by `offset` = (rows, columns) pixels towards higher indices, circularly.

    The band-limited interpolation: exact but for the Nyquist bin of an even size under a fractional offset.
    """
    return _shift(_shift(x, offset[0], -2), offset[1], -1)


def _checked(factor: float) -> float:
    if not math.isfinite(factor) or factor < 1.0:
        raise InputError(f"A factor of {factor:g} is not possible.", "Use a number of at least 1.")
    return factor


def _scaled_size(size: Size, scale: float) -> Size:
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _resample(x: Tensor, new: int, dim: int) -> Tensor:
    """Fourier resampling of one axis: the whole of D (new < old) and U (new > old)."""
    if x.is_complex():
        return torch.complex(_resample(x.real, new, dim), _resample(x.imag, new, dim))
    old = x.shape[dim]
    if new == old:
        return x
    kept = min(old, new)
    spectrum = torch.fft.rfft(x, dim=dim).narrow(dim, 0, kept // 2 + 1)
    if kept % 2 == 0:
        # The bin k = kept/2 stands for +k and -k: two bins become one on the way down, one becomes two on the way up.
        nyquist = 2.0 if new < old else 0.5
        low, last = spectrum.split([kept // 2, 1], dim=dim)
        spectrum = torch.cat((low, last * nyquist), dim=dim)
    resampled: Tensor = torch.fft.irfft(spectrum * (new / old), n=new, dim=dim)
    return resampled


def _shift(x: Tensor, offset: float, dim: int) -> Tensor:
    if offset == 0:
        return x
    if x.is_complex():
        return torch.complex(_shift(x.real, offset, dim), _shift(x.imag, offset, dim))
    n = x.shape[dim]
    frequency = torch.fft.rfftfreq(n, dtype=torch.float64)
    phase = torch.polar(torch.ones_like(frequency), -2.0 * math.pi * offset * frequency)
    shape = [1] * x.ndim
    shape[dim] = -1
    spectrum = torch.fft.rfft(x, dim=dim)
    moved: Tensor = torch.fft.irfft(spectrum * phase.to(spectrum).reshape(shape), n=n, dim=dim)
    return moved
