"""A derived series is coded and shown as its pixels are, whatever the source: negatives, padding, signs, rescale, windows."""

import shutil
import subprocess

import numpy as np
import pytest

from pdm_core.volume import Volume, read_volume
from pdm_core.volume.dicom.derivation import Derivation
from pdm_core.volume.dicom.source_series import open_series
from pdm_core.volume.dicom.writer import write_series
from pdm_core.volume.padding import Padding

pydicom = pytest.importorskip("pydicom")
DERIVATION = Derivation("SRx2", "Estimated by a test.", "1.0")
SOURCES = {
    "plain": {},
    "negative": {"PhotometricInterpretation": "MONOCHROME1", "WindowCenter": "3595", "WindowWidth": "1000"},
    "negative without a window": {"PhotometricInterpretation": "MONOCHROME1", "WindowCenter": None, "WindowWidth": None},
    "signed": {"PixelRepresentation": 1},
    "rescaled": {"RescaleSlope": "0.25", "RescaleIntercept": "-20", "WindowCenter": "105", "WindowWidth": "250"},
    "signed negative, rescaled": {
        "PhotometricInterpretation": "MONOCHROME1", "PixelRepresentation": 1, "RescaleSlope": "2", "RescaleIntercept": "5",
        "WindowCenter": "1005", "WindowWidth": "2000",
    },
}  # fmt: skip


def a_source(a_dicom_series, name, padding=None):
    """A series of smooth slices; a negative stores 4095 - v, and padding stands outside of a circle."""
    changes = SOURCES[name]
    folder = a_dicom_series("in", **changes)
    for path in folder.iterdir():
        image = pydicom.dcmread(path)
        j, i = np.indices((image.Rows, image.Columns))
        stored = np.rint(500 + 400 * np.sin(i / 5 + int(image.InstanceNumber)) * np.cos(j / 6)).astype(int)
        if image.PhotometricInterpretation == "MONOCHROME1" and not image.PixelRepresentation:
            stored = 4095 - stored
        del image.PixelPaddingValue
        if padding is not None:
            stored[np.hypot(j - 20, i - 18) > 14] = padding
            image.add_new("PixelPaddingValue", "SS" if image.PixelRepresentation else "US", padding)
            image.BitsStored, image.HighBit = 16, 15
        image.PixelData = stored.astype("<i2" if image.PixelRepresentation else "<u2").tobytes()
        image.save_as(path)
    return folder


def derived(folder, target):
    """The series of the source's own voxels, as `upsample` writes them."""
    source = open_series(folder)
    write_series(source.read(), target, source, DERIVATION)
    return sorted(target.iterdir())


def shown(path):
    """Gray values on a screen, 0 to 1: rescale, window and photometric interpretation applied."""
    image = pydicom.dcmread(path)
    values = image.pixel_array * float(image.get("RescaleSlope", 1)) + float(image.get("RescaleIntercept", 0))
    center, width = image.get("WindowCenter"), image.get("WindowWidth")
    low, high = values.min(), values.max()
    if center not in (None, ""):
        low, high = float(center) - 0.5 - (float(width) - 1) / 2, float(center) - 0.5 + (float(width) - 1) / 2
    gray = np.clip((values - low) / (high - low), 0, 1)
    return 1 - gray if image.PhotometricInterpretation == "MONOCHROME1" else gray


@pytest.mark.parametrize("name", SOURCES)
def test_it_looks_as_the_source_does(a_dicom_series, tmp_path, name):
    folder = a_source(a_dicom_series, name)
    sources = sorted(folder.iterdir(), key=lambda path: pydicom.dcmread(path).InstanceNumber)
    for source, path in zip(sources, derived(folder, tmp_path / "out"), strict=True):
        image = pydicom.dcmread(path)
        assert image.PhotometricInterpretation == "MONOCHROME2" and "PixelPaddingValue" not in image
        assert np.corrcoef(shown(source).ravel(), shown(path).ravel())[0, 1] > 0.95
        if "without" not in name:
            assert np.abs(shown(source) - shown(path)).max() < 0.01


@pytest.mark.parametrize(("name", "padding"), [("plain", 0), ("plain", 4095), ("signed", -2000), ("signed", -32768)])
def test_padding_is_declared_by_the_number_that_is_stored(a_dicom_series, tmp_path, name, padding):
    folder = a_source(a_dicom_series, name, padding)
    volume = read_volume(folder)
    assert volume.padding is not None and volume.padding.origin == "header"
    for path, mask in zip(derived(folder, tmp_path / "out"), volume.padding.mask, strict=True):
        image = pydicom.dcmread(path)
        vr = "SS" if image.PixelRepresentation else "US"
        assert vr == image["PixelPaddingValue"].VR
        assert image.PixelPaddingValue == padding and "RescaleSlope" not in image
        np.testing.assert_array_equal(image.pixel_array == padding, mask)
    again = read_volume(tmp_path / "out")
    np.testing.assert_array_equal(again.array, volume.array)
    np.testing.assert_array_equal(again.padding.mask, volume.padding.mask)


@pytest.mark.parametrize(("high", "gain"), [(60000.0, 1.0), (600.0, 0.001)], ids=["too large for its value", "rescaled"])
def test_a_padding_that_does_not_fit_takes_no_range_and_no_number_of_the_data(a_dicom_series, tmp_path, high, gain):
    source = open_series(a_source(a_dicom_series, "plain"))
    volume = source.read()
    array = (np.random.default_rng(0).uniform(5, high, volume.shape) * gain).astype(np.float32)
    mask = np.zeros(volume.shape, bool)
    mask[:, :10] = True
    array[mask] = -32768
    steps = source.steps if gain == 1 else (1e-9,)
    padded = Volume(array, volume.ijk_to_ras, volume.metadata, Padding(mask, -32768.0, "detected"))
    write_series(padded, tmp_path / "out", type(source)(source.path, source.stack, source.headers, steps), DERIVATION)
    for number, path in enumerate(sorted((tmp_path / "out").iterdir())):
        image = pydicom.dcmread(path)
        np.testing.assert_array_equal(image.pixel_array == image.PixelPaddingValue, mask[number])
        slope, intercept = float(image.get("RescaleSlope", 1)), float(image.get("RescaleIntercept", 0))
        values = image.pixel_array * slope + intercept
        assert np.abs(values - array[number])[~mask[number]].max() <= max(0.5, slope) * (1 if gain == 1 else 1.01)
        assert slope <= max(1.0, gain * high / 65000) and float(image.WindowCenter) > 0


@pytest.mark.parametrize(("name", "padding"), [*((name, None) for name in SOURCES), ("plain", 0), ("signed", -2000)])
def test_a_validator_finds_nothing_wrong(a_dicom_series, tmp_path, name, padding):
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy of dicom3tools is not installed")
    for path in derived(a_source(a_dicom_series, name, padding), tmp_path / "out"):
        told = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
        assert not [line for line in (told.stdout + told.stderr).splitlines() if line.startswith("Error")]
