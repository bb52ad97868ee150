"""Where NIfTI files lie, against SimpleITK and nibabel as independent readers."""

import itertools
import struct

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from pdm_core import SuperResolutionOptions, Volume, read_volume, write_volume
from pdm_core.errors import InputError
from pdm_core.volume.nifti_place import APART, MIRRORED
from pdm_core.volume.read import notes_on_reading

COSINE, SINE = np.cos(0.4), np.sin(0.4)
PLACES = {
    "axial": [[-1, 0, 0], [0, -1, 0], [0, 0, 1]],
    "sagittal": [[0, 0, 1], [1, 0, 0], [0, -1, 0]],
    "oblique, left-handed": [[COSINE, 0, SINE], [0, 1, 0], [SINE, 0, -COSINE]],
}
# Offsets in the header of NIfTI-1.
PIXDIM, QFORM_CODE, SFORM_CODE, QUATERNION, SFORM = 76, 252, 254, 256, 280


def a_volume(direction, slices=1):
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(direction) * (0.7, 0.8, 3.0)
    matrix[:3, 3] = (10, -20, 30)
    return Volume(np.random.default_rng(0).random((slices, 40, 36)) * 100, matrix)


def patched(path, changes):
    """Change numbers of a NIfTI header in place: offset to format and values."""
    content = bytearray(path.read_bytes())
    for offset, (kind, *values) in changes.items():
        struct.pack_into(f"<{kind}", content, offset, *values)
    path.write_bytes(content)
    return path


def turned(angle, origin=(10.0, -20.0, 30.0), sizes=(0.7, 0.8, 3.0)):
    matrix = np.eye(4)
    cosine, sine = np.cos(angle), np.sin(angle)
    matrix[:3, :3] = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]]) * sizes
    matrix[:3, 3] = origin
    return matrix


def stating(path, qform=None, sform=None, codes=(1, 1)):
    """A NIfTI file with the qform and the sform given; pixdim are those of the qform, or else of the sform."""
    array = np.arange(36 * 40 * 3, dtype=np.int16).reshape(36, 40, 3)
    image = nibabel.Nifti1Image(array, qform if qform is not None else sform)
    image.set_qform(qform, codes[0] if qform is not None else 0)
    image.set_sform(sform, codes[1] if sform is not None else 0)
    nibabel.save(image, path)
    return path


def itk_matrix(path):
    image = sitk.ReadImage(str(path))
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    matrix[:3, 3] = image.GetOrigin()
    return np.diag([-1, -1, 1, 1]) @ matrix


@pytest.mark.parametrize("direction", PLACES.values(), ids=PLACES)
def test_a_file_of_two_dimensions_keeps_its_place_in_the_patient(tmp_path, direction):
    volume = a_volume(direction)
    path = write_volume(volume, tmp_path / "slice.nii")
    patched(path, {40: ("8h", 2, 36, 40, 1, 1, 1, 1, 1)})
    flat = read_volume(path)
    np.testing.assert_array_equal(flat.array, volume.array)
    np.testing.assert_allclose(flat.ijk_to_ras, volume.ijk_to_ras, atol=1e-5)
    # In two dimensions the third voxel size may be 0.
    assert read_volume(patched(path, {PIXDIM + 12: ("f", 0.0), SFORM_CODE: ("h", 0)})).spacing[2] == 1


@pytest.mark.parametrize("direction", PLACES.values(), ids=PLACES)
def test_two_places_are_said_by_their_distance_and_one_place_is_not(tmp_path, direction, tiny_zoo):
    path = write_volume(a_volume(direction, slices=2), tmp_path / "v.nii")
    assert APART not in read_volume(path).metadata
    # An sform of registration, code 2, moved by (3, 0, 4) mm.
    patched(path, {SFORM_CODE: ("h", 2), 292: ("f", 13.0), 324: ("f", 34.0)})
    volume = read_volume(path)
    assert volume.metadata[APART] == pytest.approx(5.0, abs=0.01)
    np.testing.assert_allclose(volume.origin, (10, -20, 30), atol=1e-4)
    from pdm_core import super_resolve

    notes = super_resolve(volume, SuperResolutionOptions(model="tiny", steps=1)).provenance["warnings"]
    assert any("two places in the patient, up to 5 mm apart" in note for note in notes)


@pytest.mark.parametrize(("qform_code", "sform_code"), itertools.product(range(-1, 6), repeat=2))
def test_of_two_places_the_one_is_taken_that_itk_takes(tmp_path, qform_code, sform_code):
    path = stating(tmp_path / "v.nii", turned(0.4), turned(-0.3, (4, 5, 6)))
    patched(path, {QFORM_CODE: ("h", qform_code), SFORM_CODE: ("h", sform_code)})
    volume = read_volume(path)
    np.testing.assert_allclose(volume.ijk_to_ras, itk_matrix(path), atol=1e-5)
    assert (APART in volume.metadata) == (qform_code > 0 and sform_code > 0)
    assert any("does not state its place" in note for note in notes_on_reading(volume.metadata)) == (
        qform_code <= 0 and sform_code <= 0
    )


def test_places_that_are_mirrored_are_said_to_be(tmp_path):
    mirror = turned(0.0) @ np.diag([-1, 1, 1, 1])
    for sform, mirrored in ((mirror, True), (turned(0.5), False)):
        volume = read_volume(stating(tmp_path / "v.nii", turned(0.0), sform))
        assert volume.metadata.get(MIRRORED, False) == mirrored
        assert any("mirrored" in note for note in notes_on_reading(volume.metadata)) == mirrored


@pytest.mark.parametrize("codes", [(1, 0), (0, 1), (1, 1), (1, 2)])
@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1), (2,), (0, 1, 2)])
def test_negative_voxel_sizes_are_taken_as_nibabel_takes_them_with_a_note(tmp_path, codes, axes):
    path = stating(tmp_path / "v.nii", turned(0.4), turned(0.4), codes)
    patched(path, {QFORM_CODE: ("h", codes[0]), SFORM_CODE: ("h", codes[1])})
    whole = read_volume(path)
    patched(path, {PIXDIM + 4 * (1 + axis): ("f", -(0.7, 0.8, 3.0)[axis]) for axis in axes})
    volume = read_volume(path)
    np.testing.assert_allclose(volume.ijk_to_ras, nibabel.load(path).affine, atol=1e-5)
    np.testing.assert_array_equal(volume.ijk_to_ras, whole.ijk_to_ras)
    assert any("mirrored" in note for note in notes_on_reading(volume.metadata))


@pytest.mark.parametrize("sign", [-5.0, -0.5, -1.0, 1.0, 0.0, 2.0])
def test_a_sign_of_the_slice_axis_that_the_standard_does_not_know_is_taken_as_nibabel_takes_it(tmp_path, sign):
    path = patched(stating(tmp_path / "v.nii", turned(0.4)), {PIXDIM: ("f", sign)})
    volume = read_volume(path)
    np.testing.assert_allclose(volume.ijk_to_ras, nibabel.load(path).affine, atol=1e-5)
    noted = any("handedness" in note for note in notes_on_reading(volume.metadata))
    assert noted == (not np.allclose(volume.ijk_to_ras, itk_matrix(path), atol=1e-5)) == (sign in (-5.0, -0.5))


NAN = float("nan")
BREAKS = {
    "NaN in the sform": ({SFORM: ("f", NAN)}, "sform"),
    "an sform of zeros": ({SFORM: ("12f", *[0.0] * 12)}, "sform"),
    "infinity in the qform": ({QUATERNION + 12: ("f", float("inf"))}, "qform"),
    "NaN in the quaternion": ({QUATERNION: ("f", NAN)}, "qform"),
    "a quaternion longer than 1": ({QUATERNION: ("3f", 1.0, 1.0, 1.0)}, "qform"),
    "pixdim NaN": ({PIXDIM + 12: ("f", NAN)}, "qform"),
    "pixdim 0": ({PIXDIM + 12: ("f", 0.0)}, "qform"),
}


@pytest.mark.parametrize(("changes", "broken"), BREAKS.values(), ids=BREAKS)
def test_a_broken_statement_is_passed_over_with_a_note_or_refused_where_it_is_the_only_one(tmp_path, changes, broken):
    place = turned(0.4)
    path = patched(stating(tmp_path / "v.nii", place, place), changes)
    volume = read_volume(path)
    np.testing.assert_allclose(volume.ijk_to_ras, place, atol=1e-5)
    assert any(f"its {broken}" in note for note in notes_on_reading(volume.metadata))
    patched(path, {SFORM_CODE if broken == "qform" else QFORM_CODE: ("h", 0)})
    with pytest.raises(InputError, match=f"its {broken}") as refusal:
        read_volume(path)
    assert refusal.value.hint


def test_a_sheared_sform_gives_way_to_the_qform_as_in_itk_and_is_refused_alone(tmp_path):
    sheared = turned(0.4)
    sheared[0, 1] += 0.3
    path = stating(tmp_path / "v.nii", turned(0.1), sheared)
    volume = read_volume(path)
    np.testing.assert_allclose(volume.ijk_to_ras, itk_matrix(path), atol=1e-5)
    assert any("right angles" in note for note in notes_on_reading(volume.metadata))
    with pytest.raises(InputError, match="right angles"):
        read_volume(stating(tmp_path / "v.nii", None, sheared))


@pytest.mark.parametrize("digits", [3, 4, 5])
def test_a_matrix_that_was_rounded_is_read_as_nibabel_reads_it(tmp_path, digits):
    """ITK refuses an sform whose axes are off by 1e-4."""
    rounded = np.round(turned(0.4123) @ turned(0.1).T @ turned(0.2), digits)
    rounded[:3, :3] = np.round(turned(0.4123, sizes=(1, 1, 1))[:3, :3], digits) * (0.7, 0.8, 3.0)
    rounded[3] = (0, 0, 0, 1)
    path = stating(tmp_path / "v.nii", None, rounded)
    volume = read_volume(path)
    np.testing.assert_allclose(volume.ijk_to_ras, nibabel.load(path).affine, atol=1e-6)
    again = read_volume(write_volume(volume, tmp_path / "again.nii.gz"))
    corner = np.array([35, 39, 2, 1])
    assert np.linalg.norm((again.ijk_to_ras - volume.ijk_to_ras) @ corner) < 0.1


def test_other_voxel_sizes_beside_an_sform_bring_a_note(tmp_path):
    place = turned(0.4)
    path = patched(stating(tmp_path / "v.nii", None, place), {PIXDIM + 12: ("f", 5.0)})
    volume = read_volume(path)
    np.testing.assert_allclose(volume.ijk_to_ras, nibabel.load(path).affine, atol=1e-6)
    assert any("0.7 x 0.8 x 5 mm" in note for note in notes_on_reading(volume.metadata))


@pytest.mark.parametrize(("unit", "factor"), [(0, 1.0), (1, 1e3), (2, 1.0), (3, 1e-3)])
def test_units_of_length_are_converted_and_are_no_second_place(tmp_path, unit, factor):
    path = write_volume(a_volume(PLACES["axial"], slices=2), tmp_path / "v.nii")
    volume = read_volume(patched(path, {123: ("B", unit)}))
    assert APART not in volume.metadata
    np.testing.assert_allclose(volume.spacing, np.array([0.7, 0.8, 3.0]) * factor, rtol=1e-6)
    assert not list(notes_on_reading(volume.metadata))
