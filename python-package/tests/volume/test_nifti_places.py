"""NIfTI files whose place ITK would lose or choose in silence."""

import struct

import numpy as np
import pytest

from pdm_core import SuperResolutionOptions, Volume, read_volume, super_resolve, write_volume
from pdm_core.volume.nifti_place import APART

COSINE, SINE = np.cos(0.4), np.sin(0.4)
PLACES = {
    "axial": [[-1, 0, 0], [0, -1, 0], [0, 0, 1]],
    "sagittal": [[0, 0, 1], [1, 0, 0], [0, -1, 0]],
    "oblique, left-handed": [[COSINE, 0, SINE], [0, 1, 0], [SINE, 0, -COSINE]],
}


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


@pytest.mark.parametrize("direction", PLACES.values(), ids=PLACES)
def test_a_file_of_two_dimensions_keeps_its_place_in_the_patient(tmp_path, direction):
    volume = a_volume(direction)
    path = write_volume(volume, tmp_path / "slice.nii")
    patched(path, {40: ("8h", 2, 36, 40, 1, 1, 1, 1, 1)})
    flat = read_volume(path)
    np.testing.assert_array_equal(flat.array, volume.array)
    np.testing.assert_allclose(flat.ijk_to_ras, volume.ijk_to_ras, atol=1e-5)


@pytest.mark.parametrize("direction", PLACES.values(), ids=PLACES)
def test_two_places_are_said_by_their_distance_and_one_place_is_not(tmp_path, direction, tiny_zoo):
    path = write_volume(a_volume(direction, slices=2), tmp_path / "v.nii")
    assert APART not in read_volume(path).metadata
    # An sform of registration, code 2, moved by (3, 0, 4) mm.
    patched(path, {254: ("h", 2), 292: ("f", 13.0), 324: ("f", 34.0)})
    volume = read_volume(path)
    assert volume.metadata[APART] == pytest.approx(5.0, abs=0.01)
    np.testing.assert_allclose(volume.origin, (10, -20, 30), atol=1e-4)
    notes = super_resolve(volume, SuperResolutionOptions(model="tiny", steps=1)).provenance["warnings"]
    assert any("two places in the patient, up to 5 mm apart" in note for note in notes)


def test_metres_are_no_second_place(tmp_path):
    path = write_volume(a_volume(PLACES["axial"], slices=2), tmp_path / "v.nii")
    volume = read_volume(patched(path, {123: ("B", 1)}))
    assert APART not in volume.metadata and volume.spacing == pytest.approx((700, 800, 3000))
