"""Every input that cannot be worked on is refused before any work, with the file, the value and the remedy."""

import numpy as np
import pytest
import SimpleITK as sitk

from pdm_core.errors import InputError
from pdm_core.volume import Volume, read_volume, write_volume
from pdm_core.volume.checks import refuse_labels
from pdm_core.volume.write import refuse_overwriting_input


def a_file(tmp_path, array, name="v.nii.gz", vector=False):
    path = tmp_path / name
    sitk.WriteImage(sitk.GetImageFromArray(array, isVector=vector), str(path))
    return path


def a_ramp(shape=(3, 32, 32)):
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.full((3, 32, 32), 7.0, np.float32), "constant: every voxel is 7"),
        (np.where(a_ramp() == 5, np.nan, a_ramp()), "1 voxels that are not numbers"),
        (a_ramp((3, 32, 8)), "8 x 32 pixels"),
        (a_ramp((2, 3, 32, 32)), "4 dimensions"),
    ],
)
def test_images_that_cannot_be_worked_on(tmp_path, array, reason):
    path = a_file(tmp_path, array)
    with pytest.raises(InputError, match=reason) as refusal:
        read_volume(path)
    assert str(path) in refusal.value.message
    assert refusal.value.hint


def test_an_image_in_color_is_refused(tmp_path):
    with pytest.raises(InputError, match="is a color or vector image"):
        read_volume(a_file(tmp_path, a_ramp((3, 32, 32, 3)), "c.nrrd", vector=True))


def test_a_damaged_file_and_a_text_file_are_refused(tmp_path):
    for name in ("broken.nii.gz", "broken.nrrd"):
        (tmp_path / name).write_bytes(b"not an image")
        with pytest.raises(InputError, match="cannot be read"):
            read_volume(tmp_path / name)
    (tmp_path / "note.txt").write_text("hello")
    with pytest.raises(InputError, match="no DICOM image"):
        read_volume(tmp_path / "note.txt")


@pytest.mark.parametrize("kind", ["int16", "float32"])
@pytest.mark.parametrize("ending", ["nii", "nii.gz", "nrrd", "mha"])
@pytest.mark.parametrize("share", [0.003, 0.6, 0.98])
def test_a_file_that_ends_too_early_is_refused(tmp_path, kind, ending, share):
    """ITK fills the missing slices of a NIfTI file with zeros and says nothing."""
    noise = (np.random.default_rng(0).random((6, 40, 40)) * 1000).astype(kind)
    path = a_file(tmp_path, noise, f"v.{ending}")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(InputError, match=r"v\.") as refusal:
        read_volume(path)
    assert refusal.value.hint
    path.write_bytes(whole)
    np.testing.assert_array_equal(read_volume(path).array, noise)


def test_a_folder_that_does_not_exist_or_is_empty_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_volume(tmp_path / "nowhere")
    with pytest.raises(InputError, match="no DICOM image"):
        read_volume(tmp_path)


def test_a_single_slice_is_welcome(tmp_path):
    assert read_volume(a_file(tmp_path, a_ramp((32, 40)), "slice.mha")).shape == (1, 32, 40)


def test_names_outside_ascii_work(tmp_path):
    folder = tmp_path / "größe 前立腺"
    folder.mkdir()
    path = write_volume(Volume(a_ramp(), np.eye(4)), folder / "bild_é.nii.gz")
    np.testing.assert_array_equal(read_volume(path).array, a_ramp())


def test_integers_are_rounded_and_never_clipped(tmp_path):
    volume = Volume(np.linspace(-3.4, 300.6, 32 * 32 * 2, dtype=np.float32).reshape(2, 32, 32), np.eye(4))
    written = read_volume(write_volume(volume, tmp_path / "v.nrrd", dtype="int16"))
    assert np.abs(written.array - volume.array).max() <= 0.5
    for dtype in ("uint8", "uint16"):
        with pytest.raises(InputError, match="do not fit"):
            write_volume(volume, tmp_path / "clipped.nrrd", dtype=dtype)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["v.nrrd"]


def test_the_output_must_not_be_the_input(tmp_path):
    path = a_file(tmp_path, a_ramp())
    link = tmp_path / "link.nii.gz"
    link.symlink_to(path)
    for output in (path, link):
        with pytest.raises(InputError, match="is the input"):
            refuse_overwriting_input(path, output)
    with pytest.raises(InputError, match="inside the input folder"):
        refuse_overwriting_input(tmp_path, tmp_path / "new.nii.gz")


def test_endings_in_capitals_are_read(tmp_path):
    volume = Volume(a_ramp(), np.eye(4))
    for ending in ("nii", "nii.gz", "nrrd", "mha"):
        written = write_volume(volume, tmp_path / f"v.{ending}").rename(tmp_path / f"V.{ending.upper()}")
        np.testing.assert_array_equal(read_volume(written).array, volume.array)


@pytest.mark.parametrize("name", ["v.jpg", "v", "V.NII.GZ", "missing/v.nii.gz"])
def test_impossible_outputs_are_refused(tmp_path, name):
    with pytest.raises(InputError):
        write_volume(Volume(a_ramp(), np.eye(4)), tmp_path / name)


@pytest.mark.parametrize(
    ("array", "matrix"),
    [
        (a_ramp((32, 32)), np.eye(4)),
        (a_ramp(), np.eye(3)),
        (a_ramp(), np.diag([1, 0, 1, 1])),
        (a_ramp(), np.full((4, 4), np.nan)),
    ],
)
def test_a_volume_without_a_proper_place_cannot_be_made(array, matrix):
    with pytest.raises(InputError):
        Volume(array, matrix)


@pytest.mark.parametrize("values", [(0, 1), (0, 255), (0, 1, 2), range(21), (-1, 0, 1), (0, 2, 3, 41, 42), (0, 110, 250)])
def test_whole_numbers_of_labels_are_no_image(values):
    array = np.random.default_rng(0).choice(np.array(list(values), np.float32), (4, 40, 40))
    with pytest.raises(InputError, match="label map"):
        refuse_labels(Volume(array, np.eye(4)))
    noise = np.random.default_rng(0)
    refuse_labels(Volume(array + noise.random(array.shape, dtype=np.float32), np.eye(4)))
    refuse_labels(Volume(noise.integers(0, 22, (4, 40, 40)) - np.float32(1), np.eye(4)))
    with pytest.raises(InputError, match="header says"):
        refuse_labels(Volume(array + 0.25, np.eye(4), {"intent": "label"}))


def test_masks_of_two_values_and_atlases_of_many_are_no_images():
    mask = np.where(np.indices((4, 40, 40))[1] > 20, np.float32(1.5), np.float32(0.0))
    # As FreeSurfer's segmentations: many labels, each in one piece.
    _, j, i = np.indices((4, 80, 80))
    atlas = (1000 + 100 * (j // 10) + i // 10).astype(np.float32)
    for labels in (mask, atlas):
        with pytest.raises(InputError, match="label map"):
            refuse_labels(Volume(labels, np.eye(4)))
    # An image of few gray values that has noise.
    refuse_labels(Volume(np.rint(atlas / 50 + np.random.default_rng(0).normal(0, 3, atlas.shape)), np.eye(4)))
