"""Headers that contradict themselves, their pixels or each other: refused by name, or read with a note."""

import numpy as np
import pytest

from pdm_core.errors import InputError
from pdm_core.volume import read_volume


def test_slices_that_are_turned_over_by_different_numbers_are_refused(tmp_path, made):
    folder = made.a_series(tmp_path, lambda dataset, number: setattr(dataset, "PhotometricInterpretation", "MONOCHROME1"))
    np.testing.assert_array_equal(read_volume(folder).array, 4095.0 - made.values)
    made.save(made.a_slice(2, PhotometricInterpretation="MONOCHROME1", BitsStored=16, HighBit=15), folder / "IM0003.dcm")
    with pytest.raises(InputError, match=r"IM0001\.dcm and .*IM0003\.dcm are MONOCHROME1, but do not agree in BitsStored"):
        read_volume(folder)


def test_a_slope_of_zero_in_all_slices_is_taken_as_one(tmp_path, made):
    folder = made.a_series(tmp_path, lambda dataset, number: setattr(dataset, "RescaleSlope", 0))
    volume = read_volume(folder)
    np.testing.assert_array_equal(volume.array, made.values)
    assert volume.metadata["notes"] == ["The RescaleSlope (0028,1053) of all slices is 0; it was taken as 1."]


def test_a_slope_of_zero_in_one_slice_is_refused(tmp_path, made):
    folder = made.a_series(tmp_path, lambda dataset, number: setattr(dataset, "RescaleSlope", int(number != 3)))
    with pytest.raises(InputError, match=r"IM0004\.dcm: RescaleSlope \(0028,1053\) is 0"):
        read_volume(folder)


def test_a_slope_of_zero_in_one_frame_is_refused(tmp_path, made):
    dataset = made.an_enhanced_image()
    dataset.PerFrameFunctionalGroupsSequence[2].update(
        made.group("PixelValueTransformationSequence", RescaleSlope=0, RescaleIntercept=0)
    )
    path = made.save(dataset, tmp_path / "enhanced.dcm")
    with pytest.raises(InputError, match=r"enhanced\.dcm, frame 3: RescaleSlope \(0028,1053\) is 0"):
        read_volume(path)


def test_intensities_by_a_table_are_refused(tmp_path, made):
    import pydicom

    table = pydicom.Dataset()
    table.ModalityLUTType = "US"
    folder = made.a_series(tmp_path, lambda dataset, number: setattr(dataset, "ModalityLUTSequence", [table]))
    with pytest.raises(InputError, match=r"ModalityLUTSequence \(0028,3000\)"):
        read_volume(folder)


def test_empty_pixels_are_named(tmp_path, made):
    folder = made.a_series(tmp_path, lambda dataset, number: number == 5 and setattr(dataset, "PixelData", b""))
    with pytest.raises(InputError, match=r"IM0006\.dcm has no pixels: its PixelData \(7fe0,0010\) is empty"):
        read_volume(folder)


def test_a_number_of_frames_that_is_repeated_is_one_number(tmp_path, made):
    for number in range(6):
        path = tmp_path / f"{number}.dcm"
        made.save_odd(made.a_slice(number), path, {"NumberOfFrames": made.element("NumberOfFrames", "IS", b"1\\1")})
    np.testing.assert_array_equal(read_volume(tmp_path).array, made.values)


@pytest.mark.parametrize(("step", "stated", "noted"), [(6, 3, True), (3, 3, False), (3.2, 3, False), (3, 0.5, False)])
def test_slices_that_lie_elsewhere_than_stated_are_noted(tmp_path, made, step, stated, noted):
    def place(dataset, number):
        dataset.ImagePositionPatient, dataset.SpacingBetweenSlices = [10, -20, 30 + step * number], stated

    notes = read_volume(made.a_series(tmp_path, place)).metadata.get("notes", [])
    assert [f"lie {step} mm apart" in note and f"is {stated} mm" in note for note in notes] == [True] * noted


@pytest.mark.parametrize("thickness", [-2.5, 0, 1e30])
def test_a_thickness_that_cannot_be_is_unknown(tmp_path, made, thickness):
    volume = read_volume(made.save(made.a_slice(0, SliceThickness=thickness), tmp_path / "one.dcm"))
    np.testing.assert_allclose(volume.ijk_to_ras[:3, 2], [0, 0, 0.8])
    assert "slice_thickness_mm" not in volume.metadata
