"""How slices were measured, as far as it shows: by comparing their spectrum with that of an estimate of what they depict.

No header is needed. A restoration that undoes a filter shows by how much it did: the share of its spectrum that the measured
slices hold is the transfer m(k). What a restoration leaves alone counts as measured, so that a cautious one is taken at its
word: no frequency is given up that it has not changed.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import torch
from torch import Tensor

from pdm_core.degradation.acquisition import Acquisition, Borders, Filter, Shutter

# Cells of k-space along each half axis that the shares are averaged over.
_CELLS = 16
# What is tried: filters, and shutters by where they begin and how wide their rims are.
_FILTERS = (
    Filter(),
    *(Filter("hamming", weight=round(0.5 + 0.025 * step, 3)) for step in range(20)),
    *(Filter("tukey", taper=taper) for taper in (0.15, 0.3, 0.45, 0.6)),
    *(Filter("fermi", radius=radius, width=width) for radius in (0.86, 0.92, 0.98) for width in (0.03, 0.06)),
)
_SHUTTERS = (
    None,
    *(Shutter(begin, begin + rim) for begin in (0.84, 0.88, 0.92, 0.96, 1.0, 1.04) for rim in (0.04, 0.08, 0.14)),
)
# A shutter or a filter must explain the shares better by this mean square to be believed: chosen on validation, where less
# took plain boxes for weakly filtered ones and more weak filters for plain boxes.
_EVIDENCE = 6e-3
# Squared correlation of measured and estimated spectrum in a cell from which on their amplitudes can be compared.
_COHERENT = 0.5


def fitted_acquisition(low: Tensor, estimate: Tensor, borders: Borders = "wrap") -> Acquisition:
    """The shutter and the filter that best explain how measured slices differ from an estimate of them.

    Args:
        low: measured slices (..., h, w), real or complex.
        estimate: what they would be if all of their k-space had been measured alike, (..., h, w), as D of a restoration.
        borders: of the acquisition that is returned.

    Returns:
        An acquisition of the matrix (h, w); the plain box where nothing speaks against it.
    """
    shares, amplitudes, weight = _shares(low, estimate)
    box = Acquisition((low.shape[-2], low.shape[-1]), borders=borders)
    # The errors of an estimate lower the shares, and a box would look as if it had been filtered.
    return box if _best(box, amplitudes, weight).box else _best(box, shares, weight)


def _best(box: Acquisition, shares: Tensor, weight: Tensor) -> Acquisition:
    """Of all that is tried what comes nearest to `shares` (cells, cells), each part at the price of `_EVIDENCE`."""
    (_, rows), (_, columns) = (_cells(n) for n in box.matrix)
    best, least = box, float("inf")
    for shutter, of in product(_SHUTTERS, _FILTERS):
        tried = replace(box, shutter=shutter, filter=of)
        error = weight * (shares - tried.transfer_at(rows[:, None], columns[None, :])).square()
        cost = float(error.sum()) + _EVIDENCE * ((shutter is not None) + (of.kind != "none"))
        if cost < least:
            best, least = tried, cost
    return best


def _shares(low: Tensor, estimate: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of each cell of |k| the measured share, the ratio of the amplitudes, and its share of all frequencies.

    The first is Re <Y, X> / <X, X> of measured Y and estimated X; the second <Y, Y> / Re <Y, X>, in which errors of X cancel,
    but which is noise where next to nothing was measured: there it is the first. All are float64 (cells, cells).
    """
    measured, estimated = (torch.fft.fft2(image.cpu().to(torch.complex128)) for image in (low, estimate))
    (rows, _), (columns, _) = (_cells(n) for n in low.shape[-2:])
    cells = (rows[:, None] * _CELLS + columns[None, :]).flatten()

    def summed(values: Tensor) -> Tensor:
        """Over all slices and the frequencies of each cell."""
        whole = values.reshape(-1, *values.shape[-2:]).sum(dim=0)
        sums = torch.zeros(_CELLS**2, dtype=torch.float64).index_add_(0, cells, whole.flatten())
        return sums.clamp(min=torch.finfo(torch.float64).tiny).reshape(_CELLS, _CELLS)

    both = summed((measured * estimated.conj()).real)
    held, power = summed(measured.abs().square()), summed(estimated.abs().square())
    shares = (both / power).clamp(max=1.0)
    amplitudes = torch.where(both.square() > _COHERENT * held * power, held / both, shares).clamp(max=1.0)
    count = summed(torch.ones(low.shape[-2:], dtype=torch.float64))
    return shares, amplitudes, count / count.sum()


def _cells(n: int) -> tuple[Tensor, Tensor]:
    """The cell of each of `n` frequencies of an axis (n,), and the mean distance of each cell from the center (cells,)."""
    distance = 2.0 * torch.fft.fftfreq(n, dtype=torch.float64).abs()
    number = (distance * _CELLS).long().clamp(max=_CELLS - 1)
    members = number[None, :] == torch.arange(_CELLS)[:, None]
    return number, (members * distance).sum(dim=1) / members.sum(dim=1).clamp(min=1)
