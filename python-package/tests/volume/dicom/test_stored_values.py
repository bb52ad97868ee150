"""Stored values to intensities, the same for every way to store them and every version of the libraries."""

import struct
import zlib

import numpy as np
import pytest
import SimpleITK as sitk

from pdm_core.errors import InputError
from pdm_core.volume import read_volume

VALUES = np.random.default_rng(1).integers(-300, 300, (3, 20, 24))
IMPLICIT, BIG_ENDIAN, RLE = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.5"
DEFLATED, JPEG, JPEG_2000 = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.90"


def stored(folder, made, words, syntax=None, overlays=None, **tags):
    """Three slices whose pixels are these words; `overlays` are tags of bits that hold one, to the bit."""
    for number, plane in enumerate(words):
        dataset = made.a_slice(number, PixelData=plane.tobytes(), **tags)
        for tag, bit in (overlays or {}).items():
            dataset.add_new(tag, "US", bit)
        made.save(dataset, folder / f"{number}.dcm", *([] if syntax is None else [syntax]))
    return folder


def without_sign(values, bits):
    """Two's complement in so many bits, the bits above left empty."""
    return (values & (2**bits - 1)).astype("<u2")


def as_gdcm_reads_it(folder):
    return sitk.GetArrayFromImage(sitk.ReadImage([str(folder / f"{number}.dcm") for number in range(3)]))


def test_signs_of_twelve_bits_are_extended(tmp_path, made):
    stored(tmp_path, made, without_sign(VALUES, 12), PixelRepresentation=1)
    np.testing.assert_array_equal(read_volume(tmp_path).array, VALUES)
    np.testing.assert_array_equal(as_gdcm_reads_it(tmp_path), VALUES)


@pytest.mark.parametrize("signed", [0, 1])
def test_overlays_in_high_bits_are_not_intensities(tmp_path, made, signed):
    values = VALUES if signed else VALUES + 300
    words = without_sign(values, 12) | np.where(VALUES % 2, 0x8000, 0x1000).astype("<u2")
    stored(tmp_path, made, words, PixelRepresentation=signed)
    np.testing.assert_array_equal(read_volume(tmp_path).array, values)
    np.testing.assert_array_equal(as_gdcm_reads_it(tmp_path), values)


@pytest.mark.parametrize("signed", [0, 1])
def test_values_that_end_at_the_highest_bit_of_their_word(tmp_path, made, signed):
    values = VALUES if signed else VALUES + 300
    words = (without_sign(values, 12) << 4) | 5
    overlays = {0x60000102: 0, 0x60020102: 2}
    stored(tmp_path, made, words.astype("<u2"), overlays=overlays, PixelRepresentation=signed, HighBit=15)
    np.testing.assert_array_equal(read_volume(tmp_path).array, values)


@pytest.mark.parametrize("signed", [0, 1])
def test_values_that_a_wrong_highest_bit_would_cut_off_are_refused(tmp_path, made, signed):
    values = VALUES if signed else VALUES + 300
    stored(tmp_path, made, without_sign(values, 12), PixelRepresentation=signed, HighBit=15)
    with pytest.raises(InputError, match=r"0\.dcm: HighBit \(0028,0102\) is 15 and BitsStored \(0028,0101\) is 12") as refusal:
        read_volume(tmp_path)
    assert "here 11" in refusal.value.hint


@pytest.mark.parametrize(("bits", "kind"), [(8, "u1"), (8, "i1"), (16, "<i2"), (16, "<u2"), (32, "<i4"), (32, "<u4")])
def test_words_of_every_length(tmp_path, made, bits, kind):
    limits = np.iinfo(kind)
    words = np.clip(VALUES * 100, limits.min, limits.max).astype(kind)
    signed = int(limits.min < 0)
    stored(tmp_path, made, words, BitsAllocated=bits, BitsStored=bits, HighBit=bits - 1, PixelRepresentation=signed)
    np.testing.assert_array_equal(read_volume(tmp_path).array, words.astype(np.float32))


def test_pixels_that_are_fractions(tmp_path, made):
    for number, plane in enumerate((VALUES / 7).astype("<f4")):
        dataset = made.a_slice(number, BitsAllocated=32)
        for keyword in ("PixelData", "BitsStored", "HighBit", "PixelRepresentation"):
            delattr(dataset, keyword)
        dataset.FloatPixelData = plane.tobytes()
        made.save(dataset, tmp_path / f"{number}.dcm")
    np.testing.assert_array_equal(read_volume(tmp_path).array, (VALUES / 7).astype(np.float32))


def written(dataset, path, syntax):
    """Write `dataset` in a syntax of other bytes than explicit little endian."""
    import pydicom

    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    if int(pydicom.__version_info__[0]) >= 3:
        dataset.save_as(path, enforce_file_format=True)
    else:
        dataset.is_little_endian, dataset.is_implicit_VR = syntax != BIG_ENDIAN, syntax == IMPLICIT
        dataset.save_as(path, write_like_original=False)


@pytest.mark.parametrize("syntax", [IMPLICIT, BIG_ENDIAN, DEFLATED])
def test_every_raw_syntax(tmp_path, made, syntax):
    order = ">" if syntax == BIG_ENDIAN else "<"
    for number, plane in enumerate(without_sign(VALUES, 12).astype(f"{order}u2")):
        dataset = made.a_slice(number, PixelData=plane.tobytes(), PixelRepresentation=1)
        written(dataset, tmp_path / f"{number}.dcm", syntax)
    np.testing.assert_array_equal(read_volume(tmp_path).array, VALUES)


def encapsulated(*fragments):
    padded = [fragment + b"\0" * (len(fragment) % 2) for fragment in fragments]
    items = b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item for item in (b"", *padded))
    return items + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def packed(plane):
    """A frame of 16 bits in run lengths: the high bytes and the low bytes, each row a literal run."""
    segments = []
    for byte in (1, 0):
        rows = plane.view("u1").reshape(*plane.shape, 2)[..., byte]
        segments.append(b"".join(bytes([row.size - 1]) + row.tobytes() for row in rows))
        segments[-1] += b"\0" * (len(segments[-1]) % 2)
    return struct.pack("<16I", 2, 64, 64 + len(segments[0]), *[0] * 13) + b"".join(segments)


def compressed(path, made, number, plane, syntax, **tags):
    dataset = made.a_slice(number, **tags)
    if syntax == RLE:
        dataset.PixelData = encapsulated(packed(np.ascontiguousarray(plane, "<u2")))
    else:
        dataset.PixelData = _by_itk(path, plane, syntax)
    dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
    made.save(dataset, path, syntax)


def _by_itk(path, plane, syntax):
    import pydicom

    writer = sitk.ImageFileWriter()
    writer.SetFileName(str(path))
    writer.UseCompressionOn()
    writer.SetCompressor("JPEG" if syntax == JPEG else "JPEG2000")
    writer.Execute(sitk.GetImageFromArray(plane))
    donor = pydicom.dcmread(path)
    assert donor.file_meta.TransferSyntaxUID == syntax
    return donor.PixelData


@pytest.mark.parametrize("syntax", [RLE, JPEG, JPEG_2000])
@pytest.mark.parametrize("signed", [0, 1])
def test_every_compressed_syntax(tmp_path, made, syntax, signed):
    values = VALUES if signed else VALUES + 300
    kind = "<i2" if signed else "<u2"
    for number, plane in enumerate(values.astype(kind)):
        tags = {"PixelRepresentation": signed, "BitsStored": 16, "HighBit": 15}
        compressed(tmp_path / f"{number}.dcm", made, number, plane, syntax, **tags)
    np.testing.assert_array_equal(read_volume(tmp_path).array, values)


def test_signs_of_twelve_bits_in_run_lengths(tmp_path, made):
    for number, plane in enumerate(without_sign(VALUES, 12)):
        compressed(tmp_path / f"{number}.dcm", made, number, plane, RLE, PixelRepresentation=1)
    np.testing.assert_array_equal(read_volume(tmp_path).array, VALUES)


@pytest.mark.parametrize("syntax", [RLE, JPEG, JPEG_2000])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_compressed_pixels_that_end_early_are_refused(tmp_path, made, syntax, share):
    tags = {"BitsStored": 16, "HighBit": 15}
    for number, plane in enumerate((VALUES + 300).astype("<u2")):
        compressed(tmp_path / f"{number}.dcm", made, number, plane, syntax, **tags)
    last = tmp_path / "2.dcm"
    whole = last.read_bytes()
    start = whole.index(b"\xe0\x7f\x10\x00")
    last.write_bytes(whole[: start + int(share * (len(whole) - start))])
    with pytest.raises(InputError, match=r"2\.dcm"):
        read_volume(tmp_path)


def test_more_pixels_than_frames_are_refused(tmp_path, made):
    dataset = made.an_enhanced_image(range(5), PixelData=made.values.tobytes())
    made.save(dataset, tmp_path / "frames.dcm")
    with pytest.raises(InputError, match=r"frames\.dcm.*6 frames"):
        read_volume(tmp_path)


@pytest.mark.parametrize("syntax", [RLE, JPEG_2000])
@pytest.mark.parametrize("count", [5, 7])
def test_another_number_of_compressed_frames_is_refused(tmp_path, made, syntax, count):
    planes = np.ascontiguousarray(made.values, "<u2")
    frames = [packed(plane) if syntax == RLE else _codestream(tmp_path, plane) for plane in planes]
    dataset = made.an_enhanced_image(BitsStored=16, HighBit=15)
    for number, ends in ((6, True), (count, False)):
        dataset.PixelData = encapsulated(*(frames * 2)[:number])
        dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
        path = made.save(dataset, tmp_path / "series" / "frames.dcm", syntax)
        if ends:
            np.testing.assert_array_equal(read_volume(path).array, planes)
    with pytest.raises(InputError, match=r"frames\.dcm"):
        read_volume(path)


def _codestream(folder, plane):
    """One frame of JPEG 2000, without the items around it."""
    content = _by_itk(folder / "donor.dcm", plane, JPEG_2000)
    start = content.index(b"\xff\x4f\xff\x51")
    return content[start : content.rindex(b"\xff\xd9") + 2]


def test_less_pixels_than_frames_are_refused(tmp_path, made):
    dataset = made.an_enhanced_image(PixelData=made.values[:5].tobytes())
    made.save(dataset, tmp_path / "frames.dcm")
    with pytest.raises(InputError, match=r"frames\.dcm"):
        read_volume(tmp_path)


def test_a_frame_without_a_header_is_refused(tmp_path, made):
    dataset = made.an_enhanced_image()
    del dataset.PerFrameFunctionalGroupsSequence[5]
    made.save(dataset, tmp_path / "frames.dcm")
    with pytest.raises(InputError, match=r"frames\.dcm is damaged: it states 6 frames and describes 5"):
        read_volume(tmp_path)


@pytest.mark.parametrize("syntax", ["explicit", "implicit", "big endian"])
@pytest.mark.parametrize("start", ["no preamble", "no file meta information", "no transfer syntax"])
def test_files_that_do_not_say_their_syntax(tmp_path, made, syntax, start):
    uid = {"explicit": "1.2.840.10008.1.2.1", "implicit": IMPLICIT, "big endian": BIG_ENDIAN}[syntax]
    for number, plane in enumerate(VALUES + 300):
        path = tmp_path / f"I{number}"
        dataset = made.a_slice(number, PixelData=plane.astype(">u2" if uid == BIG_ENDIAN else "<u2").tobytes())
        written(dataset, path, uid)
        content = path.read_bytes()
        body = content[content.index(b"\x00\x08\x00\x08" if uid == BIG_ENDIAN else b"\x08\x00\x08\x00") :]
        meta = made.element("MediaStorageSOPClassUID", "UI", b"1.2.840.10008.5.1.4.1.1.4")
        meta = made.element("FileMetaInformationGroupLength", "UL", struct.pack("<I", len(meta))) + meta
        preamble = bytes(128) + b"DICM"
        lead = {"no preamble": b"", "no file meta information": preamble, "no transfer syntax": preamble + meta}[start]
        path.write_bytes(lead + body)
    np.testing.assert_array_equal(read_volume(tmp_path).array, VALUES + 300)


def test_a_deflated_file_is_what_it_says(tmp_path, made):
    """The tests above must not pass because nothing was deflated."""
    dataset = made.a_slice(0)
    written(dataset, tmp_path / "deflated.dcm", DEFLATED)
    content = (tmp_path / "deflated.dcm").read_bytes()
    starts = [content.index(DEFLATED.encode()) + length for length in range(len(DEFLATED), len(content) - 200)]
    assert any(_inflates(content[start:]) for start in starts)


def _inflates(content):
    try:
        return len(zlib.decompressobj(-zlib.MAX_WBITS).decompress(content)) > 900
    except zlib.error:
        return False
