"""Voxels without data: found where they are, left alone where they are not, filled without a step."""

import numpy as np
import pytest

from pdm_core.volume import Volume, read_volume
from pdm_core.volume.background import filled, notes_on_background, notes_on_padding, with_padding
from pdm_core.volume.padding import Padding

PLACE = np.diag([0.6, 0.6, 3.6, 1.0])
SHAPE = (4, 48, 48)


def tissue(seed=0):
    """Noise about a smooth image, 100 to 500, as whole numbers."""
    random = np.random.default_rng(seed)
    k, j, i = np.indices(SHAPE)
    return np.rint(300 + 100 * np.sin(i / 7 + k) * np.cos(j / 9) + 20 * random.standard_normal(SHAPE)).astype(np.float32)


def outside(radius=17.0):
    _, j, i = np.indices(SHAPE)
    return np.hypot(j - 23.5, i - 23.5) > radius


def cut(value, array=None, radius=17.0):
    return Volume(np.where(outside(radius), np.float32(value), tissue() if array is None else array), PLACE)


@pytest.mark.parametrize("value", [-32768, -2000, -1024, -1, 0, 4095, 65535])
def test_a_cut_out_background_is_found_in_any_format(value):
    padding = with_padding(cut(value)).padding
    assert padding.value == value and padding.origin == "detected"
    np.testing.assert_array_equal(padding.mask, outside())
    (note,) = notes_on_padding(with_padding(cut(value)))
    assert f"hold no data but the value {value}" in note and "detected" in note


@pytest.mark.parametrize("value", [-5.0, 0.0])
def test_a_background_that_normalized_data_surround_is_found(value):
    normalized = (tissue() - np.float32(300.5)) / 80
    np.testing.assert_array_equal(with_padding(cut(value, normalized)).padding.mask, outside())


def test_air_that_the_image_falls_to_smoothly_stays_as_it_is_and_is_mentioned():
    _, j, i = np.indices(SHAPE)
    body = 400 * np.exp(-(((j - 23.5) ** 2 + (i - 23.5) ** 2) / 60.0))
    noise = np.random.default_rng(1).standard_normal(SHAPE)
    volume = Volume(np.rint(np.maximum(0, body + 0.05 * body * noise)).astype(np.float32), PLACE)
    assert (volume.array == 0).mean() > 0.3
    assert with_padding(volume).padding is None
    assert not list(notes_on_padding(volume))
    (note,) = notes_on_background(volume)
    assert "exactly 0" in note and "does not stay exactly constant" in note


@pytest.mark.parametrize(("mask", "flood"), [(0, -1000), (-32768, -1000), (0, 2000)])
def test_a_flood_beside_another_is_padding_too_and_is_mentioned(mask, flood):
    i = np.indices(SHAPE)[2]
    volume = with_padding(Volume(np.where(i < 10, np.float32(mask), np.where(i > 38, np.float32(flood), tissue())), PLACE))
    np.testing.assert_array_equal(volume.padding.mask, (i < 10) | (i > 38))
    (note,) = notes_on_padding(volume)
    other = mask if volume.padding.value == flood else flood
    assert f"others such as {other}" in note
    assert not list(notes_on_background(volume))


def test_a_background_beside_a_padding_is_mentioned():
    i = np.indices(SHAPE)[2]
    array = np.where(i < 10, np.float32(-2000), np.where(i > 38, np.float32(250), tissue()))
    volume = with_padding(Volume(array, PLACE))
    np.testing.assert_array_equal(volume.padding.mask, i < 10)
    (note,) = notes_on_background(volume)
    assert "exactly 250" in note


def test_scattered_values_and_constants_of_phantoms_are_data():
    scattered = tissue()
    scattered[np.random.default_rng(2).random(SHAPE) < 0.1] = 0
    phantom = np.where(outside(), np.float32(0), np.where(outside(8), np.float32(300), np.float32(400)))
    for array in (scattered, phantom, tissue()):
        assert with_padding(Volume(array, PLACE)).padding is None


def test_a_lone_voxel_is_data_unless_its_value_lies_far_below_zero():
    for value, padded in ((0, False), (4095, False), (-32768, True)):
        volume = cut(value)
        volume.array[1, 24, 24] = value
        assert with_padding(volume).padding.mask[1, 24, 24] == padded


def test_a_small_corner_is_no_padding_and_a_known_padding_is_kept():
    array = tissue()
    array[:, :6, :6] = 0
    assert with_padding(Volume(array, PLACE)).padding is None
    known = Padding(array == 0, 0.0, "header")
    assert with_padding(Volume(array, PLACE, padding=known)).padding is known


def test_filling_leaves_no_step_and_takes_empty_slices_from_their_neighbors():
    volume = cut(-32768)
    array = volume.array.copy()
    array[3] = -32768
    whole = filled(with_padding(Volume(array, PLACE)))
    assert whole.padding is None and whole.array.min() >= tissue().min()
    np.testing.assert_array_equal(whole.array[:3][~outside()[:3]], tissue()[:3][~outside()[:3]])
    np.testing.assert_array_equal(whole.array[3][~outside()[3]], tissue()[2][~outside()[2]])
    assert np.abs(np.diff(whole.array, axis=2)).max() <= np.ptp(tissue())


@pytest.mark.parametrize("factor", [2, 3])
def test_on_a_finer_grid_every_voxel_without_data_becomes_as_many(factor):
    padding = Padding(outside(), 7.0, "header")
    for shift in (0.0, 0.5 / factor - 0.5):
        onto = PLACE @ np.array([[1 / factor, 0, 0, shift], [0, 1 / factor, 0, shift], [0, 0, 1, 0], [0, 0, 0, 1]])
        found = padding.on(PLACE, (4, 48 * factor, 48 * factor), onto)
        if shift or factor == 2:
            np.testing.assert_array_equal(found.mask, outside().repeat(factor, 1).repeat(factor, 2))
    thin = padding.on(PLACE, (8, 48, 48), PLACE @ np.diag([1, 1, 0.5, 1]))
    np.testing.assert_array_equal(thin.mask, outside().repeat(2, 0))
    assert found.value == 7.0


def series(a_dicom_series, name, stored, signed, vr="SS", **changes):
    """A DICOM series of SHAPE with these stored values."""
    pydicom = pytest.importorskip("pydicom")
    folder = a_dicom_series(name, slices=SHAPE[0], size=SHAPE[1:], PixelRepresentation=int(signed), BitsStored=16, HighBit=15)
    for path in folder.iterdir():
        image = pydicom.dcmread(path)
        image.PixelData = stored[int(image.InstanceNumber) - 1].astype("<i2" if signed else "<u2").tobytes()
        del image.PixelPaddingValue
        for keyword, value in changes.items():
            image.add_new(keyword, vr if "Padding" in keyword else pydicom.datadict.dictionary_VR(keyword), value)
        image.save_as(path)
    return folder


def test_the_declared_padding_of_dicom_is_read_whatever_its_vr(a_dicom_series):
    stored = np.where(outside(22), -2000, tissue()).astype(int)
    for name, vr, value in (("signed", "SS", -2000), ("unsigned", "US", 63536)):
        folder = series(a_dicom_series, name, stored, True, vr, PixelPaddingValue=value)
        padding = read_volume(folder).padding
        assert padding.value == -2000 and padding.origin == "header"
        np.testing.assert_array_equal(padding.mask, outside(22))


def test_padding_that_one_header_declares_counts_in_all_slices(a_dicom_series):
    pydicom = pytest.importorskip("pydicom")
    stored = np.where(outside(22), -2000, tissue()).astype(int)
    folder = series(a_dicom_series, "one", stored, True, PixelPaddingValue=-2000)
    for path in sorted(folder.iterdir())[1:]:
        image = pydicom.dcmread(path)
        del image.PixelPaddingValue
        image.save_as(path)
    padding = read_volume(folder).padding
    assert padding.value == -2000 and padding.origin == "header"
    np.testing.assert_array_equal(padding.mask, outside(22))


def test_the_range_limit_and_the_rescale_count(a_dicom_series):
    random = np.random.default_rng(3)
    stored = np.where(outside(), random.integers(-2000, -1500, SHAPE), tissue()).astype(int)
    folder = series(
        a_dicom_series, "range", stored, True, PixelPaddingValue=-2000, PixelPaddingRangeLimit=-1501,
        RescaleSlope="0.5", RescaleIntercept="10",
    )  # fmt: skip
    padding = read_volume(folder).padding
    assert padding.value == -990
    np.testing.assert_array_equal(padding.mask, outside())


def test_a_range_near_the_image_counts_where_it_lies_apart(a_dicom_series):
    stored = np.where(outside(), np.random.default_rng(3).integers(0, 64, SHAPE), tissue()).astype(int)
    folder = series(a_dicom_series, "in", stored, False, "US", PixelPaddingValue=0, PixelPaddingRangeLimit=63)
    np.testing.assert_array_equal(read_volume(folder).padding.mask, outside())


def test_a_range_that_reaches_into_the_image_takes_no_tissue(a_dicom_series):
    stored = tissue().astype(int)
    folder = series(a_dicom_series, "in", stored, False, "US", PixelPaddingValue=0, PixelPaddingRangeLimit=300)
    assert (stored <= 300).mean() > 0.3 and read_volume(folder).padding is None


def test_padding_of_a_negative_is_turned_over_with_it(a_dicom_series):
    stored = np.where(outside(), 65535, 4095 - tissue()).astype(int)
    changes = {"PixelPaddingValue": 65535, "PhotometricInterpretation": "MONOCHROME1"}
    volume = read_volume(series(a_dicom_series, "negative", stored, False, "US", **changes))
    assert volume.padding.value == 0
    np.testing.assert_array_equal(volume.padding.mask, outside())
    np.testing.assert_array_equal(volume.array[~outside()], (65535 - 4095 + tissue())[~outside()])


@pytest.mark.parametrize("value", [0, 300])
def test_a_declared_value_that_measured_voxels_have_punches_no_holes(a_dicom_series, value):
    stored = tissue()
    stored[np.random.default_rng(2).random(SHAPE) < 0.1] = value
    assert read_volume(series(a_dicom_series, "in", stored.astype(int), False, "US", PixelPaddingValue=value)).padding is None


@pytest.mark.parametrize("value", [None, [1, 2], 70000 % 65536])
def test_an_odd_declaration_declares_nothing(a_dicom_series, value):
    folder = series(a_dicom_series, "in", tissue().astype(int), False, "US", PixelPaddingValue=value)
    assert read_volume(folder).padding is None
