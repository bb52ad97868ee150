"""DICOM images that are not what they look like: frames without places, mosaics, palettes, labels."""

import numpy as np
import pytest

from pdm_core.errors import InputError
from pdm_core.volume import read_volume
from pdm_core.volume.sources import find_sources


def frames_without_places(made, **tags):
    dataset = made.a_slice(0, NumberOfFrames=6, PixelData=made.values.tobytes(), **tags)
    if "SpacingBetweenSlices" not in tags:
        del dataset.SpacingBetweenSlices
    return dataset


def test_thickness_is_never_taken_for_distance(tmp_path, made):
    path = made.save(frames_without_places(made), tmp_path / "frames.dcm")
    with pytest.raises(InputError, match="thickness of a slice is not that distance") as refusal:
        read_volume(path)
    assert "single slices" in refusal.value.hint


def test_a_stated_distance_is_followed(tmp_path, made):
    dataset = frames_without_places(made, SpacingBetweenSlices=3.6)
    volume = read_volume(made.save(dataset, tmp_path / "frames.dcm"))
    np.testing.assert_array_equal(volume.array, made.values)
    np.testing.assert_allclose(volume.ijk_to_ras @ [0, 0, 5, 1], [-10, 20, 30 + 5 * 3.6, 1])


@pytest.mark.parametrize("step", [0, -3.6, 1e6])
def test_a_distance_that_cannot_be_is_refused(tmp_path, made, step):
    """Readers disagree on the direction of a negative one."""
    path = made.save(frames_without_places(made, SpacingBetweenSlices=step), tmp_path / "frames.dcm")
    with pytest.raises(InputError, match="distance between them"):
        read_volume(path)


def test_offsets_of_frames_are_followed(tmp_path, made):
    dataset = frames_without_places(made, GridFrameOffsetVector=[0, 2, 4, 6, 8, 10])
    assert read_volume(made.save(dataset, tmp_path / "frames.dcm")).spacing[2] == pytest.approx(2.0)


@pytest.mark.parametrize("top", [True, False])
def test_one_position_for_all_frames_is_refused(tmp_path, made, top):
    dataset = made.an_enhanced_image()
    for group in dataset.PerFrameFunctionalGroupsSequence:
        del group.PlanePositionSequence
    if top:
        dataset.ImagePositionPatient = [10, -20, 30]
    else:
        dataset.SharedFunctionalGroupsSequence[0].update(
            made.group("PlanePositionSequence", ImagePositionPatient=[10, -20, 30])
        )
    with pytest.raises(InputError, match="6 frames and one position for all of them"):
        read_volume(made.save(dataset, tmp_path / "frames.dcm"))


def by_image_type(dataset, number):
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]


def by_number_of_images(dataset, number):
    dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0A, "US", 36)


@pytest.mark.parametrize("mark", [by_image_type, by_number_of_images])
def test_mosaics_are_refused_by_name(tmp_path, made, mark):
    made.a_series(tmp_path, mark)
    with pytest.raises(InputError, match="Siemens mosaic") as refusal:
        read_volume(tmp_path)
    assert "dcm2niix" in refusal.value.hint


@pytest.mark.parametrize("meaning", ["PALETTE COLOR", "RGB", "YBR_FULL", "HSV", "ARGB"])
def test_what_is_not_gray_is_refused(tmp_path, made, meaning):
    made.a_series(tmp_path, lambda dataset, number: setattr(dataset, "PhotometricInterpretation", meaning))
    with pytest.raises(InputError, match=f"is {meaning}, not MONOCHROME1"):
        read_volume(tmp_path)
    (source,) = find_sources([tmp_path])
    assert source.problem is not None


def test_a_segmentation_is_not_an_image(tmp_path, made):
    dataset = made.an_enhanced_image(SOPClassUID="1.2.840.10008.5.1.4.1.1.66.4", Modality="SEG")
    with pytest.raises(InputError, match="is a segmentation"):
        read_volume(made.save(dataset, tmp_path / "labels.dcm"))
