"""What lies beside slices: files that are positively of another kind pass, everything else refuses the series by name."""

import bz2
import gzip
import io
import lzma
import os
import zipfile

import numpy as np
import pytest
import SimpleITK as sitk

from pdm_core.errors import InputError
from pdm_core.volume import read_volume
from pdm_core.volume.sources import find_sources


def picture(ending):
    def write(path):
        sitk.WriteImage(sitk.GetImageFromArray(np.zeros((8, 8), np.uint8)), str(path.with_suffix(ending)))
        path.with_suffix(ending).rename(path)

    return write


def zipped(name, content):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(name, content)
    return archive.getvalue()


def archive(path):
    path.write_bytes(zipped("a", "b"))


def volume(ending):
    def write(path):
        file = path.with_name(f"volume{ending}")
        sitk.WriteImage(sitk.GetImageFromArray(np.zeros((4, 8, 8), np.int16)), str(file))
        file.rename(path)

    return write


def plain(content):
    return lambda path: path.write_bytes(content)


OTHER_KINDS = {
    "text": plain(b"Exported on Monday\n"),
    "text in UTF-8": plain("Größe 3 mm".encode()),
    "text in Latin-1": plain("Größe 3 mm, exportiert".encode("latin-1")),
    "text in UTF-16": plain("Exported".encode("utf-16")),
    "JSON": plain(b'{"EchoTime": 0.101}'),
    "XML": plain(b"<?xml version='1.0'?><a/>"),
    "PDF": plain(b"%PDF-1.7\n\xe2\xe3\xcf\xd3"),
    "PNG": picture(".png"),
    "JPEG": picture(".jpg"),
    "TIFF": picture(".tif"),
    "zip": archive,
    "gzip": plain(gzip.compress(b"content")),
    "thumbnails": plain(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)),
    "SQLite": plain(b"SQLite format 3\0" + bytes(600)),
    "NIfTI": volume(".nii"),
    "NRRD": volume(".nrrd"),
    "program": plain(b"MZ\x90\0\3" + bytes(600)),
}


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_other_kinds_of_files_pass_whatever_their_name(tmp_path, made, kind):
    made.a_series(tmp_path)
    OTHER_KINDS[kind](tmp_path / "something_else")
    assert read_volume(tmp_path).shape == made.values.shape
    (source,) = find_sources([tmp_path])
    assert source.read().shape == made.values.shape


@pytest.mark.parametrize(
    "kind",
    ["1.2.840.10008.1.3.10", "1.2.840.10008.5.1.4.1.1.88.11", "1.2.840.10008.5.1.4.1.1.11.1", "1.2.840.10008.5.1.4.1.1.88.59",
     "1.2.840.10008.5.1.4.1.1.481.3", "1.2.840.10008.5.1.4.1.1.66", "1.3.12.2.1107.5.9.1"],
)  # fmt: skip
def test_dicom_objects_without_pixels_pass(tmp_path, made, kind):
    made.a_series(tmp_path)
    dataset = made.a_slice(0, SOPClassUID=kind, SOPInstanceUID="1.2.55")
    for keyword in ("Rows", "Columns", "PixelData", "ImagePositionPatient"):
        delattr(dataset, keyword)
    made.save(dataset, tmp_path / "OBJECT")
    assert read_volume(tmp_path).shape == made.values.shape


def test_an_image_of_two_files_beside_slices_is_an_image(tmp_path, made):
    made.a_series(tmp_path)
    sitk.WriteImage(sitk.GetImageFromArray(made.values.astype(np.int16)), str(tmp_path / "t2.mhd"))
    assert (tmp_path / "t2.raw").is_file()
    assert [source.read().shape for source in find_sources([tmp_path])] == [made.values.shape] * 2
    assert read_volume(tmp_path).shape == made.values.shape


def test_hidden_files_are_read_or_passed_over(tmp_path, made):
    made.a_series(tmp_path, count=5)
    made.save(made.a_slice(5), tmp_path / ".IM0006.dcm")
    (tmp_path / ".IM0007.dcm.Xa31").write_bytes(bytes(500))
    assert read_volume(tmp_path).shape == made.values.shape


def cut(share):
    def write(path, slice_):
        content = slice_.read_bytes()
        path.write_bytes(content[: int(share * len(content))])

    return write


def link(path, slice_):
    os.symlink("nowhere", path)


LOST = {
    "empty": lambda path, slice_: path.write_bytes(b""),
    "cut in the preamble": cut(0.04),
    "cut in the file meta information": cut(0.1),
    "cut in the header": cut(0.3),
    "cut in the pixels": cut(0.9),
    "zeros": lambda path, slice_: path.write_bytes(bytes(slice_.stat().st_size)),
    "unknown": lambda path, slice_: path.write_bytes(np.random.default_rng(0).bytes(3000)),
    "link without a target": link,
    "Git LFS": lambda path, slice_: path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:12\n"),
    "git-annex": lambda path, slice_: path.write_bytes(b"/annex/objects/MD5E-s1--d41d8cd98f.dcm\n"),
}


@pytest.mark.parametrize("name", ["IM0006.dcm", "I00006", "MR.1.2.840.113619.2.5.6", "6", "slice six", "last.img"])
@pytest.mark.parametrize("kind", LOST)
def test_a_slice_that_is_lost_refuses_its_series_whatever_its_name(tmp_path, made, kind, name):
    folder = made.a_series(tmp_path / "series", count=5)
    slice_ = made.save(made.a_slice(5), tmp_path / "slice")
    LOST[kind](folder / name, slice_)
    (source,) = find_sources([folder])
    for read in (lambda: read_volume(folder), source.read):
        with pytest.raises(InputError, match=name.replace(".", r"\.")) as refusal:
            read()
        assert refusal.value.hint


@pytest.mark.parametrize("name", ["I00006", "IM0006.dcm", "MR.1.2.840.113619.2.5.6", "6"])
def test_a_text_in_place_of_a_slice_is_not_passed_over(tmp_path, made, name):
    """As a server sends it that does not have the file."""
    made.a_series(tmp_path, count=5)
    (tmp_path / name).write_text("<html>404 Not Found</html>")
    with pytest.raises(InputError, match="damaged, or not a DICOM file"):
        read_volume(tmp_path)


def test_a_lost_slice_refuses_only_the_series_of_its_folder(tmp_path, made):
    made.a_series(tmp_path / "a")
    made.a_series(tmp_path / "b", lambda dataset, number: setattr(dataset, "SeriesInstanceUID", "1.2.7"))
    (tmp_path / "b" / "I00007").write_bytes(b"")
    good, bad = find_sources([tmp_path])
    assert good.read().shape == made.values.shape
    with pytest.raises(InputError, match="I00007 is empty"):
        bad.read()


@pytest.mark.parametrize(
    ("name", "compress"),
    [
        ("IM0006.dcm.gz", gzip.compress),
        ("image-six", gzip.compress),
        ("six.bz2", bz2.compress),
        ("six.xz", lzma.compress),
        ("six.zip", lambda content: zipped("six", content)),
        ("IM0006.zip", lambda content: zipped("a", b"x")),
        ("six.zip", lambda content: zipped("IM0006.dcm", b"x")),
    ],
)
def test_a_compressed_slice_at_the_end_refuses_its_series(tmp_path, made, name, compress):
    made.a_series(tmp_path)
    last = tmp_path / "IM0006.dcm"
    (tmp_path / name).write_bytes(compress(last.read_bytes()))
    last.unlink()
    (series,) = [source for source in find_sources([tmp_path]) if source.stack is not None]
    for read in (series.read, lambda: read_volume(tmp_path)):
        with pytest.raises(InputError, match=f"{name} is a compressed file that seems to hold a slice"):
            read()


@pytest.mark.parametrize("name", ["docs.zip", "data.tar.gz"])
def test_an_ordinary_archive_beside_slices_passes(tmp_path, made, name):
    made.a_series(tmp_path)
    (tmp_path / name).write_bytes(zipped("a.txt", b"text") if name.endswith("zip") else gzip.compress(bytes(1024)))
    (series,) = [source for source in find_sources([tmp_path]) if source.stack is not None]
    for volume in (series.read(), read_volume(tmp_path)):
        np.testing.assert_array_equal(volume.array, made.values)


def test_a_header_that_ends_within_an_element_is_damaged(tmp_path, made):
    made.a_series(tmp_path)
    path = tmp_path / "IM0004.dcm"
    content = path.read_bytes()
    for length in range(200, 600, 25):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match=r"IM0004\.dcm is damaged"):
            read_volume(tmp_path)


@pytest.mark.parametrize("changes", [{"SamplesPerPixel": 3}, {"Modality": "OT", "ImagePositionPatient": None}])
def test_an_image_among_slices_that_is_none_is_to_be_removed(tmp_path, made, changes):
    made.a_series(tmp_path)
    made.save(made.a_slice(5, SOPInstanceUID="1.2.3.9", **changes), tmp_path / "IM0007.dcm")
    with pytest.raises(InputError, match=r"IM0007\.dcm") as refusal:
        read_volume(tmp_path)
    assert refusal.value.hint.startswith("Remove this file")


@pytest.mark.parametrize(
    ("name", "content", "fails"),
    [
        ("t2.dcm", b"hello", True),
        ("IM0001", b"", True),
        ("IM0001", bytes(128) + b"DICM" + bytes(20), True),
        ("notes", b"", False),
        ("t2.raw", bytes(4000), False),
        ("readme.txt", b"hello", False),
        ("2024", bytes(4000), False),
    ],
)
def test_without_a_series_a_file_is_a_failed_case_only_where_it_looks_like_dicom(tmp_path, made, name, content, fails):
    made.a_series(tmp_path / "good")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / name).write_bytes(content)
    sources = find_sources([tmp_path])
    assert [source.name for source in sources] == ["good/5_t2_tra", *(["other"] if fails else [])]
    assert (sources[-1].problem is not None) == fails


def test_an_unusable_series_beside_a_good_one_is_a_failed_case_and_a_note(tmp_path, made):
    made.a_series(tmp_path)
    lost = made.a_slice(0, SeriesInstanceUID="1.2.7")
    del lost.ImagePositionPatient
    made.save(lost, tmp_path / "lost.dcm")
    good, bad = find_sources([tmp_path])
    assert good.read().shape == made.values.shape
    with pytest.raises(InputError, match=r"lost\.dcm does not say where"):
        bad.read()
    assert "lost.dcm does not say where" in read_volume(tmp_path).metadata["notes"][0]


@pytest.mark.parametrize(
    ("tags", "noted"),
    [
        ({"ImagesInAcquisition": 8}, "8 images, and 6 are here"),
        ({"ImagesInAcquisition": 6}, None),
        ({"ImagesInAcquisition": 4}, None),
        ({}, None),
    ],
)
def test_fewer_images_than_the_scanner_counted_are_noted(tmp_path, made, tags, noted):
    volume = read_volume(made.a_series(tmp_path, lambda dataset, number: [setattr(dataset, *item) for item in tags.items()]))
    notes = volume.metadata.get("notes", [])
    assert len(notes) == (noted is not None)
    assert noted is None or noted in notes[0]


@pytest.mark.parametrize(("shift", "noted"), [(0, False), (-1, False), (1, True), (111, True)])
def test_numbers_of_images_that_begin_late_are_noted(tmp_path, made, shift, noted):
    volume = read_volume(
        made.a_series(tmp_path, lambda dataset, number: setattr(dataset, "InstanceNumber", number + 1 + shift))
    )
    assert ("numbered from" in "".join(volume.metadata.get("notes", []))) == noted


@pytest.mark.parametrize(("stated", "noted"), [(6, False), (7, True)])
def test_fewer_slices_than_a_philips_scanner_counted_are_noted(tmp_path, made, stated, noted):
    def count(dataset, number):
        dataset.private_block(0x2001, "Philips Imaging DD 001", create=True).add_new(0x18, "SL", stated)

    volume = read_volume(made.a_series(tmp_path, count))
    assert ("7 slices, and 6 are here" in "".join(volume.metadata.get("notes", []))) == noted


@pytest.mark.parametrize("preamble", [True, False])
def test_slices_may_have_the_ending_of_the_voxels_of_a_pair(tmp_path, made, preamble):
    made.a_series(tmp_path)
    for path in list(tmp_path.iterdir()):
        renamed = path.rename(path.with_suffix(".img"))
        if not preamble:
            # The data set begins behind the file meta information, whose length its first element states.
            content = renamed.read_bytes()
            renamed.write_bytes(content[144 + int.from_bytes(content[140:144], "little") :])
    (source,) = find_sources([tmp_path])
    assert source.problem is None
    assert source.read().shape == made.values.shape
    single = read_volume(sorted(tmp_path.iterdir())[0])
    assert single.shape == (1, *made.values.shape[1:])
