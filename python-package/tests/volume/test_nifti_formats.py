"""NIfTI in all its forms and MGH, written by nibabel, come in as nibabel has them; what is not read is called by its name."""

import bz2
import gzip
import struct
import zipfile

import nibabel
import numpy as np
import pytest

from pdm_core import read_volume
from pdm_core.errors import InputError
from pdm_core.volume.foreign import foreign_format
from pdm_core.volume.images import data_files, header_of
from pdm_core.volume.read import notes_on_reading
from pdm_core.volume.sources import find_sources

VOX_OFFSET, SLOPE, INTERCEPT = 108, 112, 116
SHAPE = (20, 24, 5)


def voxels(dtype="int16"):
    return (np.random.default_rng(0).random(SHAPE) * 600).astype(dtype)


def a_place():
    cosine, sine = np.cos(0.3), np.sin(0.3)
    return np.array([[0.6 * cosine, 0.7 * sine, 0, 5], [0, 0, 3.0, 7], [-0.6 * sine, 0.7 * cosine, 0, -9], [0, 0, 0, 1]])


def an_image(kind=nibabel.Nifti1Image, dtype="int16"):
    return kind(voxels(dtype), a_place())


def saved(image, path):
    nibabel.save(image, path)
    return path


def agrees_with_nibabel(path, found):
    image = nibabel.load(path)
    np.testing.assert_allclose(found.array, np.asarray(image.dataobj, dtype=np.float64).T, rtol=1e-6)
    np.testing.assert_allclose(found.ijk_to_ras, image.affine, atol=1e-5)


@pytest.mark.parametrize("name", ["v.nii", "v.nii.gz", "v.hdr", "v.img", "v.HDR"])
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64", ">i2", ">f8"])
def test_every_form_of_nifti_is_read(tmp_path, version, name, dtype):
    pair = name.lower()[-3:] in ("hdr", "img")
    kinds = (nibabel.Nifti1Pair, nibabel.Nifti2Pair) if pair else (nibabel.Nifti1Image, nibabel.Nifti2Image)
    header = type(kinds[version - 1].header_class())(endianness=">" if dtype[0] == ">" else "<")
    header.set_data_dtype(dtype)
    image = kinds[version - 1](voxels(dtype), a_place(), header)
    path = saved(image, tmp_path / name.lower())
    if name == "v.HDR":
        for ending in ("hdr", "img"):
            (tmp_path / f"v.{ending}").rename(tmp_path / f"v.{ending.upper()}")
    found = read_volume(tmp_path / name)
    np.testing.assert_array_equal(found.array, voxels(dtype).T.astype(np.float32))
    np.testing.assert_allclose(found.ijk_to_ras, image.affine, atol=1e-5)
    if name == "v.nii":
        agrees_with_nibabel(path, found)


@pytest.mark.parametrize("ending", ["mgz", "mgh"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32"])
def test_files_of_freesurfer_are_read(tmp_path, ending, dtype):
    path = saved(an_image(nibabel.MGHImage, dtype), tmp_path / f"v.{ending}")
    found = read_volume(path)
    agrees_with_nibabel(path, found)
    assert not list(notes_on_reading(found.metadata))


def test_a_file_of_freesurfer_without_a_place_brings_a_note(tmp_path):
    content = bytearray(saved(an_image(nibabel.MGHImage), tmp_path / "v.mgh").read_bytes())
    struct.pack_into(">h", content, 28, 0)
    (tmp_path / "v.mgh").write_bytes(content)
    found = read_volume(tmp_path / "v.mgh")
    np.testing.assert_allclose(found.ijk_to_ras, nibabel.load(tmp_path / "v.mgh").affine, atol=1e-5)
    assert any("does not state its place" in note for note in notes_on_reading(found.metadata))


def test_compression_is_known_by_the_content(tmp_path):
    plain = saved(an_image(), tmp_path / "v.nii").read_bytes()
    for name, content in (("plain.nii.gz", plain), ("zipped.nii", gzip.compress(plain))):
        (tmp_path / name).write_bytes(content)
        np.testing.assert_array_equal(read_volume(tmp_path / name).array, voxels().T)


@pytest.mark.parametrize(("slope", "intercept"), [(2.5, -50.0), (1e-17, 0.0), (-1.0, 3.0), (1.0, 0.0)])
def test_voxels_are_scaled(tmp_path, slope, intercept):
    path = saved(an_image(), tmp_path / "v.nii")
    content = bytearray(path.read_bytes())
    struct.pack_into("<2f", content, SLOPE, slope, intercept)
    path.write_bytes(content)
    agrees_with_nibabel(path, read_volume(path))


@pytest.mark.parametrize("slope", [0.0, float("nan"), float("inf")])
def test_a_slope_of_0_means_no_scaling_at_all(tmp_path, slope):
    path = saved(an_image(), tmp_path / "v.nii")
    content = bytearray(path.read_bytes())
    struct.pack_into("<2f", content, SLOPE, slope, 50.0)
    path.write_bytes(content)
    np.testing.assert_array_equal(read_volume(path).array, voxels().T)


def test_a_missing_offset_of_the_voxels_means_the_least_and_an_impossible_one_is_refused(tmp_path):
    path = saved(an_image(), tmp_path / "v.nii")
    content = bytearray(path.read_bytes())
    for offset in (0.0, 352.0):
        struct.pack_into("<f", content, VOX_OFFSET, offset)
        path.write_bytes(content)
        np.testing.assert_array_equal(read_volume(path).array, voxels().T)
    for offset in (-16.0, 100.0, float("nan"), float("inf"), 1e9):
        struct.pack_into("<f", content, VOX_OFFSET, offset)
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"v\.nii"):
            read_volume(path)


def test_slice_axis_and_labels_are_known_from_the_header(tmp_path):
    image = an_image()
    assert not {"slice_axis", "intent"} & set(read_volume(saved(image, tmp_path / "v.nii")).metadata)
    image.header.set_dim_info(freq=1, phase=2, slice=0)
    image.header["intent_code"] = 1002
    metadata = read_volume(saved(image, tmp_path / "v.nii")).metadata
    assert (metadata["slice_axis"], metadata["intent"]) == (0, "label")


def test_more_voxels_than_the_header_announces_are_not_left_out_in_silence(tmp_path):
    content = bytearray(saved(an_image(), tmp_path / "v.nii").read_bytes())
    (tmp_path / "padded.nii").write_bytes(bytes(content) + bytes(160))
    np.testing.assert_array_equal(read_volume(tmp_path / "padded.nii").array, voxels().T)
    struct.pack_into("<h", content, 46, SHAPE[2] - 1)
    (tmp_path / "v.nii").write_bytes(content)
    with pytest.raises(InputError, match="slices would be left out"):
        read_volume(tmp_path / "v.nii")


def test_color_and_complex_numbers_are_refused(tmp_path):
    rgb = np.zeros(SHAPE, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    with pytest.raises(InputError, match="is a color or vector image"):
        read_volume(saved(nibabel.Nifti1Image(rgb, np.eye(4)), tmp_path / "rgb.nii"))
    with pytest.raises(InputError, match="holds complex64 values"):
        read_volume(saved(nibabel.Nifti1Image(voxels().astype("c8"), np.eye(4)), tmp_path / "c.nii"))


def test_a_pair_is_one_image(tmp_path):
    saved(an_image(nibabel.Nifti1Pair), tmp_path / "v.hdr")
    assert data_files(tmp_path / "v.hdr") == [tmp_path / "v.img"]
    assert header_of(tmp_path / "v.img") == tmp_path / "v.hdr"
    for inputs in ([tmp_path], [tmp_path / "v.img"], [tmp_path / "v.hdr"]):
        (source,) = find_sources(inputs)
        assert (source.name, source.path) == ("v", tmp_path / "v.hdr")
        np.testing.assert_array_equal(source.read().array, voxels().T)
    (tmp_path / "v.img").rename(tmp_path / "w.img")
    assert header_of(tmp_path / "w.img") == tmp_path / "w.img"
    with pytest.raises(InputError, match=r"v\.img, which does not exist"):
        read_volume(tmp_path / "v.hdr")


def test_analyze_is_refused_by_its_name(tmp_path):
    path = saved(nibabel.AnalyzeImage(voxels(), np.eye(4)), tmp_path / "v.hdr")
    for name in (path, tmp_path / "v.img"):
        with pytest.raises(InputError, match=r"Analyze 7\.5"):
            read_volume(name)


def a_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("v.nii", b"voxels")
    return path.read_bytes()


FOREIGN = {
    "v.nii.bz2": (bz2.compress(b"voxels"), "bzip2"), "v.PAR": (b"# PAR", "PAR/REC"), "v.rec": (b"1234", "PAR/REC"),
    "v.mnc": (b"CDF\x01", "MINC"), "v.gipl": (b"1234", "GIPL"), "v.vtk": (b"# vtk DataFile", "VTK"),
    "v.tif": (b"II*\0", "TIFF"), "v.png": (b"\x89PNG\r\n", "PNG"), "v.npy": (b"\x93NUMPY", "NumPy"),
    "v.mat": (b"MATLAB 5.0", "MATLAB"), "picture": (b"\x89PNG\r\n", "PNG"), "2dseq": (b"1234", "Bruker"),
    "a.b.mif.gz": (b"1234", "MRtrix"),
}  # fmt: skip


@pytest.mark.parametrize("name", [*FOREIGN, "v.zip"])
def test_formats_that_are_not_read_are_called_by_their_names(tmp_path, name):
    content, kind = FOREIGN.get(name) or (a_zip(tmp_path / "v.zip"), "ZIP")
    (tmp_path / name).write_bytes(content)
    assert kind in foreign_format(tmp_path / name)
    with pytest.raises(InputError, match=f"its format is .*{kind}") as refusal:
        read_volume(tmp_path / name)
    assert "Convert it to NIfTI" in refusal.value.hint


def test_dicom_has_no_foreign_format_whatever_its_ending(tmp_path):
    (tmp_path / "slice.png").write_bytes(bytes(128) + b"DICM")
    (tmp_path / "notes.txt").write_text("hello")
    assert foreign_format(tmp_path / "slice.png") is None
    assert foreign_format(tmp_path / "notes.txt") is None
