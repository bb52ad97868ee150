"""Headers of NRRD, against SimpleITK as an independent reader: free entries, axes that are not in space, unknown numbers."""

import numpy as np
import pytest
import SimpleITK as sitk

from pdm_core import read_volume
from pdm_core.errors import InputError
from pdm_core.volume.read import notes_on_reading

SHAPE = (5, 24, 20)
VOXELS = (np.random.default_rng(0).random(SHAPE) * 600).astype("int16")
PLACED = (
    "space: left-posterior-superior\nspace directions: (0.6,0,0) (0,0.7,0) (0,0,3)\nspace origin: (-1,-2,3)\n"
    'space units: "mm" "mm" "mm"\n'
)


def nrrd(path, fields, sizes="20 24 5"):
    """A raw NRRD file with `fields` behind those that every file has."""
    header = f"NRRD0005\ntype: short\ndimension: {len(sizes.split())}\nsizes: {sizes}\nendian: little\nencoding: raw\n"
    path.write_bytes(f"{header}{fields}\n".encode() + VOXELS.tobytes())
    return path


def agrees_with_itk(path):
    volume, image = read_volume(path), sitk.ReadImage(str(path))
    np.testing.assert_array_equal(volume.array, VOXELS)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), VOXELS)
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    matrix[:3, 3] = image.GetOrigin()
    np.testing.assert_allclose(np.diag([-1, -1, 1, 1]) @ volume.ijk_to_ras, matrix, atol=1e-12)
    return volume


FREE = [
    'units:="cm" "cm" "cm"', 'spaceunits:="cm" "cm" "cm"', 'space units:="m" "m" "m"', "space:=RAS", "endian:=big", "type:=T2",
    "encoding:=ISO_IR 100", "sizes:=1 2 3", "dimension:=2", "spacedirections:=none", "spaceorigin:=(9,9,9)", "kinds:=list",
    "spacings:=9 9 9", "axismins:=9 9 9", "centers:=node node node", "datafile:=other.raw", "lineskip:=3", "byteskip:=-1",
    "a key:=type: uchar", 'spaceunits:="a: b"',
]  # fmt: skip


@pytest.mark.parametrize("entry", FREE)
def test_free_entries_are_not_taken_as_fields_of_their_names(tmp_path, entry):
    volume = agrees_with_itk(nrrd(tmp_path / "v.nrrd", f"{PLACED}{entry}\n"))
    np.testing.assert_allclose(volume.spacing, (0.6, 0.7, 3.0))
    np.testing.assert_allclose(volume.origin, (1, 2, 3))
    assert not list(notes_on_reading(volume.metadata))
    plain = agrees_with_itk(nrrd(tmp_path / "w.nrrd", f"spacings: 0.6 0.7 3\n{entry}\n"))
    np.testing.assert_allclose(plain.spacing, (0.6, 0.7, 3.0))


def test_entries_that_itk_writes_are_not_taken_as_fields(tmp_path):
    image = sitk.GetImageFromArray(VOXELS)
    image.SetSpacing((0.6, 0.7, 3.0))
    for key, value in (("type", "T2"), ("encoding", "ISO_IR 100"), ("units", '"cm" "cm" "cm"'), ("space", "RAS")):
        image.SetMetaData(key, value)
    sitk.WriteImage(image, str(tmp_path / "v.nrrd"))
    assert b"type:=T2" in (tmp_path / "v.nrrd").read_bytes()
    np.testing.assert_allclose(agrees_with_itk(tmp_path / "v.nrrd").spacing, (0.6, 0.7, 3.0))


PLAIN = "spacings: {} 0.6 0.7 3\naxis mins: {} 1 2 3\n"


@pytest.mark.parametrize(
    ("sizes", "fields"),
    [
        ("1 20 24 5", "kinds: list domain domain domain\nspacings: {} 0.6 0.7 3\n"),
        ("1 20 24 5", f"kinds: vector space space space\n{PLAIN}"),
        ("1 20 24 5", f"kinds: list domain domain domain\n{PLAIN}centers: ??? cell node cell\n"),
        ("20 24 5 1", "kinds: domain domain domain list\nspacings: 0.6 0.7 3 {}\naxis mins: 1 2 3 {}\n"),
        ("20 1 24 5", "kinds: domain list domain domain\nspacings: 0.6 {} 0.7 3\naxismins: 1 {} 2 3\n"),
    ],
)
@pytest.mark.parametrize("other", ["nan", "1", "9"])
def test_entries_of_axes_that_are_not_in_space_are_left_out(tmp_path, sizes, fields, other):
    volume = agrees_with_itk(nrrd(tmp_path / "v.nrrd", fields.format(other, other), sizes))
    np.testing.assert_allclose(volume.spacing, (0.6, 0.7, 3.0))


def test_units_of_axes_that_are_not_in_space_are_left_out(tmp_path):
    fields = 'kinds: list domain domain domain\nspacings: nan 0.06 0.07 0.3\nunits: "s" "cm" "cm" "cm"\n'
    np.testing.assert_allclose(read_volume(nrrd(tmp_path / "v.nrrd", fields, "1 20 24 5")).spacing, (0.6, 0.7, 3.0))
    with pytest.raises(InputError, match="units of length cm, cm, s"):
        read_volume(nrrd(tmp_path / "v.nrrd", fields.replace('"s" "cm" "cm" "cm"', '"cm" "cm" "cm" "s"'), "1 20 24 5"))


@pytest.mark.parametrize(
    ("fields", "spacing", "noted"),
    [
        ("spacings: 0.6 0.7 3\naxis mins: nan nan nan\n", (0.6, 0.7, 3.0), False),
        ("spacings: 0.6 0.7 3\naxis mins: NaN NaN NaN\ncenters: cell cell cell\n", (0.6, 0.7, 3.0), False),
        ("spacings: 0.6 nan 3\naxis mins: 1 2 3\n", (0.6, 1.0, 3.0), True),
        ("spacings: nan nan nan\n", (1.0, 1.0, 1.0), True),
    ],
)
def test_nan_says_that_a_number_is_not_known(tmp_path, fields, spacing, noted):
    volume = agrees_with_itk(nrrd(tmp_path / "v.nrrd", fields))
    np.testing.assert_allclose(volume.spacing, spacing)
    np.testing.assert_array_equal(volume.origin, (0, 0, 0))
    assert any("voxel sizes" in note for note in notes_on_reading(volume.metadata)) == noted


@pytest.mark.parametrize(
    "fields",
    ["spacings: 0.6 0.7\n", "spacings: 1 0.6 0.7 3\n", "spacings: 0.6 0.7 3\naxis mins: 1 2\n", "spacings: inf 1 1\n"],
)
def test_entries_that_do_not_fit_the_axes_are_refused(tmp_path, fields):
    with pytest.raises(InputError, match=r"v\.nrrd") as refusal:
        read_volume(nrrd(tmp_path / "v.nrrd", fields))
    assert refusal.value.hint


@pytest.mark.parametrize(
    ("sizes", "directions"),
    [
        ("20 24 5", "(0,0.6,0)(0.7,0,0)(0,0,3)"),
        ("20 24 5", "( 0, 0.6, 0 )  (0.7,0,0) (0,0,3)"),
        ("1 20 24 5", "none(0,0.6,0)(0.7,0,0)(0,0,3)"),
        ("20 24 5 1", "(0,0.6,0) (0.7,0,0)(0,0,3)none"),
    ],
)
def test_directions_need_no_blanks_between_them(tmp_path, sizes, directions):
    fields = f"space: RAS\nspace directions: {directions}\nspace origin: (1,2,3)\n"
    volume = read_volume(nrrd(tmp_path / "v.nrrd", fields, sizes))
    expected = [[0, 0.7, 0, 1], [0.6, 0, 0, 2], [0, 0, 3, 3], [0, 0, 0, 1]]
    np.testing.assert_allclose(volume.ijk_to_ras, expected, atol=1e-12)
    if "none" not in directions:
        agrees_with_itk(tmp_path / "v.nrrd")
