"""Acquisitions: a plain box is today's downsampling, filters are scipy's windows, and measured frequencies are kept."""

import numpy as np
import pytest
import torch
from scipy.signal import windows

from pdm_core.degradation.acquisition import Acquisition, Filter, Shutter
from pdm_core.degradation.kspace import downsample, project, upsample
from pdm_core.degradation.random_acquisition import RandomAcquisitions
from pdm_core.errors import InputError

SIZES = [((320, 320), (160, 160)), ((320, 256), (80, 171)), ((321, 319), (160, 80))]
FILTERS = [Filter(), Filter("hamming"), Filter("hamming", weight=0.8), Filter("tukey", taper=0.4), Filter("fermi")]
SHUTTER = Shutter(0.9, 1.05)


def an_image(size, seed=0, dtype=torch.float64):
    return torch.randn((2, 1, *size), generator=torch.Generator().manual_seed(seed), dtype=dtype)


def anatomy(size=96, seed=0):
    """Discs, which also touch the borders."""
    random = np.random.default_rng(seed)
    j, i = np.mgrid[:size, :size]
    image = np.zeros((size, size))
    for _ in range(30):
        y, x, radius = random.uniform(0, size, 3) * (1, 1, 0.2)
        image[(j - y) ** 2 + (i - x) ** 2 < radius**2] += random.uniform(0.2, 1.0)
    return torch.from_numpy(image)


@pytest.mark.parametrize(("high", "low"), SIZES)
def test_a_plain_box_reduces_as_the_downsampling_does(high, low):
    x = an_image(high)
    torch.testing.assert_close(Acquisition(low).reduce(x), downsample(x, low), rtol=0, atol=0)
    open_shutter = Acquisition(low, Shutter(1.5, 1.6), Filter("hamming", weight=1.0))
    torch.testing.assert_close(open_shutter.reduce(x), downsample(x, low), rtol=0, atol=1e-12)


@pytest.mark.parametrize("shutter", [None, SHUTTER])
@pytest.mark.parametrize("of", FILTERS, ids=lambda of: of.kind)
def test_the_mean_is_kept_and_nothing_is_amplified(of, shutter):
    acquisition = Acquisition((80, 171), shutter, of)
    transfer, x = acquisition.transfer(), an_image((320, 256)) + 7
    assert transfer.shape == (80, 171) and transfer[0, 0] == 1.0
    assert transfer.min() >= 0.0 and transfer.max() <= 1.0
    torch.testing.assert_close(acquisition.reduce(x).mean(dim=(-2, -1)), x.mean(dim=(-2, -1)))


@pytest.mark.parametrize("of", FILTERS, ids=lambda of: of.kind)
def test_a_constant_slice_stays_constant_at_cut_borders(of):
    reduced = Acquisition((31, 40), SHUTTER, of, "cut").reduce(torch.full((1, 64, 96), 3.0, dtype=torch.float64))
    torch.testing.assert_close(reduced, torch.full((1, 31, 40), 3.0, dtype=torch.float64))


def test_filters_are_the_windows_of_scipy():
    n = 64
    for found, window in (
        (Filter("hamming", weight=0.7), windows.general_hamming(n, 0.7, sym=False)),
        (Filter("tukey", taper=0.3), windows.tukey(n, 0.3, sym=False)),
    ):
        axis = np.fft.ifftshift(window)
        np.testing.assert_allclose(Acquisition((n, n), None, found).transfer(), np.outer(axis, axis), atol=1e-12)


def test_a_fermi_filter_falls_to_half_at_its_radius():
    rows = Acquisition((200, 200), None, Filter("fermi", radius=0.8, width=0.02)).transfer()[:, 0]
    assert rows[80] == pytest.approx(0.5) and rows[60] > 0.999 and rows[100] < 1e-4


def test_a_shutter_empties_the_corners_and_leaves_the_middle():
    x = an_image((128, 96))
    plain, shuttered = (torch.fft.fft2(Acquisition((64, 48), shutter).reduce(x)) for shutter in (None, SHUTTER))
    radius = torch.hypot(2 * torch.fft.fftfreq(64)[:, None], 2 * torch.fft.fftfreq(48)[None, :])
    corners, middle = radius > SHUTTER.end, radius < SHUTTER.begin
    assert corners.sum() > 0.1 * corners.numel()
    assert shuttered[..., corners].abs().max() < 1e-10 * plain.abs().max()
    torch.testing.assert_close(shuttered[..., middle], plain[..., middle])


def test_complex_images_are_treated_as_two_real_ones():
    x = torch.complex(an_image((64, 60)), an_image((64, 60), seed=3))
    acquisition = Acquisition((31, 30), SHUTTER, Filter("hamming"))
    torch.testing.assert_close(acquisition.reduce(x).imag, acquisition.reduce(x.imag))


@pytest.mark.parametrize("of", [Filter(), Filter("hamming")], ids=lambda of: of.kind)
def test_a_cut_slice_is_reduced_without_ringing_from_the_opposite_border(of):
    """The truth is the reduction of the larger slice, cut afterwards: within four coarse pixels of the borders."""
    large = anatomy()
    expected = Acquisition((48, 48), SHUTTER, of).reduce(large)[8:40, 8:40]
    found = {borders: Acquisition((32, 32), SHUTTER, of, borders).reduce(large[16:80, 16:80]) for borders in ("wrap", "cut")}
    rim = torch.ones(32, 32, dtype=torch.bool)
    rim[4:-4, 4:-4] = False
    error = {borders: (image - expected)[rim].square().mean().sqrt() for borders, image in found.items()}
    assert error["cut"] < 0.6 * error["wrap"]
    assert (found["cut"] - expected)[~rim].abs().max() < 0.1


def test_a_full_measurement_is_met_as_by_the_projection():
    x, low = an_image((60, 50)), an_image((30, 25), seed=1)
    expected = x - project(x, (30, 25)) + upsample(low, (60, 50))
    torch.testing.assert_close(Acquisition((30, 25)).consistent(x, low), expected)


def test_where_nothing_is_measured_the_estimate_stays():
    x, low = an_image((60, 50)), an_image((30, 25), seed=1)
    only_the_mean = Acquisition((30, 25), Shutter(1e-6, 2e-6)).consistent(x, low)
    change = low.mean(dim=(-2, -1), keepdim=True) - x.mean(dim=(-2, -1), keepdim=True)
    torch.testing.assert_close(only_the_mean, x + change)


def test_the_error_in_a_measured_frequency_shrinks_as_far_as_it_was_measured():
    acquisition = Acquisition((31, 25), SHUTTER, Filter("hamming", weight=0.6))
    truth, estimate = an_image((60, 50)), an_image((60, 50), seed=1)
    better = acquisition.consistent(estimate, acquisition.reduce(truth))
    before, after = (torch.fft.fft2(downsample(image - truth, (31, 25))) for image in (estimate, better))
    torch.testing.assert_close(after, before * (1.0 - acquisition.transfer() ** 2), rtol=0, atol=1e-9)
    beyond = (better - estimate) - project(better - estimate, (31, 25))
    assert beyond.abs().max() < 1e-12


def test_noise_of_the_measurement_is_never_amplified():
    acquisition = Acquisition((30, 25), SHUTTER, Filter("hamming", weight=0.5))
    x, low, noise = an_image((60, 50)), an_image((30, 25), seed=1), an_image((30, 25), seed=2)
    change = acquisition.consistent(x, low + noise) - acquisition.consistent(x, low)
    assert change.square().sum() < upsample(noise, (60, 50)).square().sum()


def test_random_acquisitions_are_repeatable_and_differ():
    def drawn(seed):
        random = np.random.default_rng(seed)
        return [RandomAcquisitions().draw((64, 48), RandomAcquisitions().draw_borders(random), random) for _ in range(20)]

    assert drawn(0) == drawn(0) != drawn(1)
    assert len({(item.shutter, item.filter, item.borders) for item in drawn(0)}) > 10


def test_random_acquisitions_have_the_shares_that_are_asked_for():
    random = np.random.default_rng(0)
    drawn = [RandomAcquisitions().draw((64, 64), "wrap", random) for _ in range(4000)]
    share = lambda wanted: sum(map(wanted, drawn)) / len(drawn)
    assert share(lambda item: item.box) == pytest.approx(0.2, abs=0.03)
    assert share(lambda item: item.shutter is not None) == pytest.approx(0.8 * 0.8, abs=0.03)
    assert share(lambda item: item.shutter is not None and item.filter.kind != "none") == pytest.approx(0.288, abs=0.03)
    assert {item.filter.kind for item in drawn} == {"none", "hamming", "tukey", "fermi"}
    weights = [item.filter.weight for item in drawn if item.filter.kind == "hamming"]
    assert 0.5 <= min(weights) < 0.55 and 0.9 < max(weights) <= 0.95
    assert all(RandomAcquisitions(plain=1.0).draw((64, 64), "cut", random).box for _ in range(50))
    assert {RandomAcquisitions(cut=1.0).draw_borders(random), RandomAcquisitions(cut=0.0).draw_borders(random)} == {
        "cut",
        "wrap",
    }


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Shutter(1.0, 0.9), "shutter from 1 to 0.9"),
        (lambda: Filter("boxcar"), "Unknown filter 'boxcar'"),
        (lambda: Filter("hamming", weight=0.4), "weight 0.4"),
        (lambda: Filter("tukey", taper=1.5), "taper 1.5"),
        (lambda: Filter("fermi", width=0.0), "width 0"),
        (lambda: Acquisition((8, 8), borders="open"), "Unknown borders 'open'"),
        (lambda: RandomAcquisitions(plain=1.2), "plain"),
        (lambda: RandomAcquisitions(rim_begin=(0.9, 0.8)), "rim_begin"),
        (lambda: RandomAcquisitions(hamming=(0.3, 0.8)), "hamming"),
    ],
)
def test_impossible_acquisitions_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
