"""Voxels in a file of their own: compressed ones, and voxels or headers without the other file."""

import gzip

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from pdm_core import read_volume
from pdm_core.errors import InputError
from pdm_core.volume.sources import find_sources

VOXELS = (np.random.default_rng(0).random((20, 24, 5)) * 600).astype("int16")


def a_pair(folder, *packed):
    """A NIfTI pair in `folder`, of which some files, by their endings, are compressed."""
    folder.mkdir(exist_ok=True)
    nibabel.save(nibabel.Nifti1Pair(VOXELS, np.eye(4)), folder / "t2.hdr")
    for ending in packed:
        path = folder / f"t2.{ending}"
        (folder / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    return folder


def test_a_pair_that_is_compressed_is_called_by_its_name(tmp_path):
    a_pair(tmp_path, "hdr", "img")
    names = ["t2.hdr.gz", "t2.img.gz"]
    for read in (*(lambda name=name: read_volume(tmp_path / name) for name in names),
                 *(source.read for source in find_sources([tmp_path]))):  # fmt: skip
        with pytest.raises(InputError, match="NIfTI pair compressed by gzip") as refusal:
            read()
        assert "unpack it first" in refusal.value.hint
    assert [source.name for source in find_sources([tmp_path])] == names


def test_compressed_voxels_beside_their_header_are_to_be_unpacked(tmp_path):
    a_pair(tmp_path, "img")
    with pytest.raises(InputError, match=r"t2\.img, which does not exist") as refusal:
        read_volume(tmp_path / "t2.hdr")
    assert refusal.value.hint == "Unpack t2.img.gz first."


@pytest.mark.parametrize("content", [VOXELS.tobytes(), b"abc" * 1000, b""])
def test_voxels_without_their_header_are_a_failed_case(tmp_path, content):
    a_pair(tmp_path / "good")
    (tmp_path / "other").mkdir()
    path = tmp_path / "other" / "t2.img"
    path.write_bytes(content)
    (named,) = find_sources([path])
    bad, good = sorted(find_sources([tmp_path]), key=lambda source: source.name, reverse=True)
    assert (bad.name, good.name) == ("other/t2.img", "good/t2")
    np.testing.assert_array_equal(good.read().array, VOXELS.T)
    for read in (bad.read, named.read, lambda: read_volume(path)):
        with pytest.raises(InputError, match=r"its header t2\.hdr does not exist"):
            read()


def test_compressed_voxels_of_metaimage_take_their_whole_file_where_their_size_is_not_stated(tmp_path):
    for ending in ("mhd", "mha"):
        sitk.WriteImage(sitk.GetImageFromArray(VOXELS), str(tmp_path / f"v.{ending}"), useCompression=True)
        lines = (tmp_path / f"v.{ending}").read_bytes().splitlines(keepends=True)
        (tmp_path / f"v.{ending}").write_bytes(b"".join(line for line in lines if b"CompressedDataSize" not in line))
    data = tmp_path / "v.zraw"
    whole = data.read_bytes()
    np.testing.assert_array_equal(read_volume(tmp_path / "v.mhd").array, VOXELS)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "v.mhd"))), VOXELS)
    for damaged in (whole[:-1], whole + b"more", whole[:2000] + bytes([whole[2000] ^ 1]) + whole[2001:]):
        data.write_bytes(damaged)
        with pytest.raises(InputError, match=r"v\.zraw is (damaged|cut off)"):
            read_volume(tmp_path / "v.mhd")
    with pytest.raises(InputError, match="header lacks CompressedDataSize"):
        read_volume(tmp_path / "v.mha")
