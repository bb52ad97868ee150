"""NRRD and MetaImage: every way to store voxels, every unit of length, and headers that leave something out."""

import bz2
import gzip
import zlib

import numpy as np
import pytest
import SimpleITK as sitk

from pdm_core import Volume, read_volume, write_volume
from pdm_core.errors import InputError
from pdm_core.volume.read import notes_on_reading

SHAPE = (5, 24, 20)
MATRIX = np.array([[-0.6, 0, 0, 1], [0, -0.7, 0, 2], [0, 0, 3.0, 3], [0, 0, 0, 1]])


def voxels(dtype="int16"):
    return (np.random.default_rng(0).random(SHAPE) * 600).astype(dtype)


def nrrd(fields="", encoding="raw", sizes="20 24 5", space="space: left-posterior-superior", **changes):
    geometry = {"directions": "(0.6,0,0) (0,0.7,0) (0,0,3)", "origin": "(-1,-2,3)", "type": "short", **changes}
    return (
        f"NRRD0005\ntype: {geometry['type']}\ndimension: 3\n{space}\nsizes: {sizes}\nendian: little\nencoding: {encoding}\n"
        f"space directions: {geometry['directions']}\nspace origin: {geometry['origin']}\n{fields}"
    ).encode()


def written(path, content, data=None):
    path.write_bytes(content)
    if data is not None:
        (path.parent / "v.raw").write_bytes(data)
    return path


RAW = voxels().tobytes()
TEXT = " ".join(map(str, voxels().ravel())).encode()
STORED = {
    "raw": (nrrd() + b"\n" + RAW, None),
    "gzip": (nrrd(encoding="gzip") + b"\n" + gzip.compress(RAW), None),
    "gz": (nrrd(encoding="GZ") + b"\n" + gzip.compress(RAW), None),
    "bzip2": (nrrd(encoding="bzip2") + b"\n" + bz2.compress(RAW), None),
    "text": (nrrd(encoding="ascii") + b"\n" + TEXT, None),
    "hex": (nrrd(encoding="hex") + b"\n" + RAW.hex().encode(), None),
    "detached": (nrrd("data file: v.raw\n"), RAW),
    "detached, compressed": (nrrd("datafile: v.raw\n", "gzip"), gzip.compress(RAW)),
    "byte skip": (nrrd("byte skip: 4\ndata file: v.raw\n"), b"1234" + RAW),
    "last bytes": (nrrd("byte skip: -1\ndata file: v.raw\n"), b"any" + RAW),
    "line skip": (nrrd("line skip: 2\ndata file: v.raw\n"), b"one\ntwo\n" + RAW),
    "line and byte skip": (nrrd("line skip: 1\nbyte skip: 3\ndata file: v.raw\n"), b"one\n123" + RAW),
    "byte skip within the compressed": (nrrd("byte skip: 4\ndata file: v.raw\n", "gzip"), gzip.compress(b"1234" + RAW)),
    "Windows line ends": (nrrd().replace(b"\n", b"\r\n") + b"\r\n" + RAW, None),
}


@pytest.mark.parametrize(("content", "data"), STORED.values(), ids=STORED)
def test_nrrd_is_read_however_its_voxels_are_stored(tmp_path, content, data):
    path = written(tmp_path / ("v.nhdr" if data else "v.nrrd"), content, data)
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.array, voxels())
    np.testing.assert_allclose(volume.ijk_to_ras, MATRIX, atol=1e-12)
    assert not list(notes_on_reading(volume.metadata))
    if b"bzip2" not in content:
        np.testing.assert_array_equal(volume.array, sitk.GetArrayFromImage(sitk.ReadImage(str(path))))


@pytest.mark.parametrize(("content", "data"), STORED.values(), ids=STORED)
@pytest.mark.parametrize("missing", [1, 9, 1000])
def test_nrrd_whose_voxels_end_too_early_is_refused(tmp_path, content, data, missing):
    if data is None:
        path = written(tmp_path / "v.nrrd", content[:-missing])
    else:
        path = written(tmp_path / "v.nhdr", content, data[:-missing])
    if (missing == 1 and b"ascii" in content) or (missing < 9 and b"byte skip: -1" in content):
        pytest.skip("the file does not tell")
    with pytest.raises(InputError, match=r"damaged|cut off"):
        read_volume(path)


@pytest.mark.parametrize(
    "content",
    [
        nrrd(encoding="gzip") + b"\n" + gzip.compress(RAW)[:1500] + bytes(400) + gzip.compress(RAW)[1900:],
        nrrd(encoding="gzip") + b"\n" + gzip.compress(RAW[:-500]),
        nrrd(encoding="hex") + b"\n" + b"zz" + RAW.hex().encode()[2:],
        nrrd(encoding="ascii") + b"\n" + b"99999" + TEXT[TEXT.index(b" ") :],
        nrrd(encoding="zrl") + b"\n" + RAW,
        nrrd("byte skip: -1\n", "gzip") + b"\n" + gzip.compress(RAW),
        nrrd("line skip: many\n") + b"\n" + RAW,
        nrrd("data file: LIST\na.raw\nb.raw\n"),
        nrrd("data file: v%02d.raw 1 5 1\n"),
        nrrd(sizes="20 24 4") + b"\n" + RAW,
        nrrd(sizes="20 24 6") + b"\n" + RAW,
        nrrd(sizes="20000 24000 60000", encoding="gzip") + b"\n" + gzip.compress(RAW),
        nrrd(directions="(nan,0,0) (0,0.7,0) (0,0,3)") + b"\n" + RAW,
        nrrd(directions="(0.6,0,0) (0,0.7,0) (0,0,0)") + b"\n" + RAW,
        nrrd(directions="(0.6,0,0) (0.3,0.7,0) (0,0,3)") + b"\n" + RAW,
        nrrd(directions="(0.6 1,0,0) (0,0.7,0) (0,0,3)") + b"\n" + RAW,
        nrrd(origin="(inf,0,0)") + b"\n" + RAW,
        nrrd(sizes="20,24 5") + b"\n" + RAW,
        nrrd(type="block") + b"\n" + RAW,
        b"NRRD0005\n",
        b"",
    ],
)
def test_nrrd_that_is_damaged_or_odd_is_refused(tmp_path, content):
    with pytest.raises(InputError, match=r"v\.nrrd") as refusal:
        read_volume(written(tmp_path / "v.nrrd", content))
    assert refusal.value.hint


UNITS = {"mm": 1, "": 1, "cm": 10, "m": 1000, "um": 1e-3, "µm": 1e-3, "Millimeters": 1, "microns": 1e-3}


@pytest.mark.parametrize(("unit", "factor"), UNITS.items())
def test_units_of_nrrd_are_converted(tmp_path, unit, factor):
    field = "space units: " + " ".join([f'"{unit}"'] * 3) + "\n"
    volume = read_volume(written(tmp_path / "v.nrrd", nrrd(field) + b"\n" + RAW))
    np.testing.assert_allclose(volume.ijk_to_ras[:3], MATRIX[:3] * factor, rtol=1e-12)


@pytest.mark.parametrize("units", ['"mm" "mm" "cm"', '"parsec" "parsec" "parsec"', '"mm" "mm" "s"'])
def test_unknown_and_mixed_units_are_refused(tmp_path, units):
    with pytest.raises(InputError, match="units of length"):
        read_volume(written(tmp_path / "v.nrrd", nrrd(f"space units: {units}\n") + b"\n" + RAW))


PLAIN = b"NRRD0005\ntype: short\ndimension: 3\nsizes: 20 24 5\nendian: little\nencoding: raw\n"


def test_units_beside_plain_spacings_are_converted_too(tmp_path):
    content = PLAIN + b'spacings: 0.06 0.07 0.3\nunits: "cm" "cm" "cm"\n\n' + RAW
    np.testing.assert_allclose(read_volume(written(tmp_path / "v.nrrd", content)).spacing, (0.6, 0.7, 3.0))


@pytest.mark.parametrize(
    ("space", "signs"),
    [
        ("left-posterior-superior", (-1, -1, 1)),
        ("LPS", (-1, -1, 1)),
        ("right-anterior-superior", (1, 1, 1)),
        ("left-anterior-superior", (-1, 1, 1)),
    ],
)
def test_spaces_of_the_patient_are_respected(tmp_path, space, signs):
    volume = read_volume(written(tmp_path / "v.nrrd", nrrd(space=f"space: {space}") + b"\n" + RAW))
    np.testing.assert_allclose(np.diag(volume.ijk_to_ras)[:3], np.array([0.6, 0.7, 3.0]) * signs)
    assert not list(notes_on_reading(volume.metadata))


@pytest.mark.parametrize("centers", ["", "centers: cell cell cell\n", "centers: node node node\n"])
def test_places_by_spacings_are_those_of_itk(tmp_path, centers):
    content = PLAIN + b"spacings: 0.6 0.7 3\naxis mins: 1 2 3\n" + centers.encode() + b"\n" + RAW
    path = written(tmp_path / "v.nrrd", content)
    image = sitk.ReadImage(str(path))
    volume = read_volume(path)
    np.testing.assert_allclose(volume.origin, np.array(image.GetOrigin()) * (-1, -1, 1))
    np.testing.assert_allclose(volume.spacing, image.GetSpacing())


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"])
def test_every_number_format_of_nrrd_is_read(tmp_path, dtype):
    array = (np.random.default_rng(0).random(SHAPE) * 100).astype(dtype)
    sitk.WriteImage(sitk.GetImageFromArray(array), str(tmp_path / "v.nrrd"), useCompression=True)
    np.testing.assert_array_equal(read_volume(tmp_path / "v.nrrd").array, array.astype("float32"))


def test_a_header_that_leaves_out_space_or_sizes_brings_a_note(tmp_path):
    for content, reason in (
        (nrrd(space="space: scanner-xyz"), "how its axes lie"),
        (PLAIN + b"spacings: 0.6 0.7 3\n", "how its axes lie"),
        (PLAIN, "voxel sizes"),
    ):
        volume = read_volume(written(tmp_path / "v.nrrd", content + b"\n" + RAW))
        assert any(reason in note for note in notes_on_reading(volume.metadata))


def test_segmentations_of_slicer_are_known(tmp_path):
    volume = Volume(voxels("float32"), MATRIX)
    for name, keys, label in (("v.seg.nrrd", {}, True), ("v.nrrd", {"Segment0_ID": "gland"}, True), ("w.nrrd", {}, False)):
        found = read_volume(write_volume(volume, tmp_path / name, keys=keys))
        assert (found.metadata.get("intent") == "label") == label


def metaimage(fields="", data="LOCAL", size="20 24 5", spacing="ElementSpacing = 0.6 0.7 3\n", kind="MET_SHORT"):
    return (
        f"ObjectType = Image\nNDims = 3\n{fields}TransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = -1 -2 3\n{spacing}"
        f"DimSize = {size}\nElementType = {kind}\nElementDataFile = {data}\n"
    ).encode()


ZLIB = zlib.compress(RAW)
PACKED = f"BinaryData = True\nCompressedData = True\nCompressedDataSize = {len(ZLIB)}\n"
META_STORED = {
    "raw": (metaimage("BinaryData = True\n"), RAW),
    "big-endian": (metaimage("BinaryData = True\nBinaryDataByteOrderMSB = True\n"), voxels(">i2").tobytes()),
    "compressed": (metaimage(PACKED), ZLIB),
    "text": (metaimage("BinaryData = False\n"), TEXT + b"\n"),
}


@pytest.mark.parametrize("detached", [False, True])
@pytest.mark.parametrize(("header", "data"), META_STORED.values(), ids=META_STORED)
def test_metaimage_is_read_however_its_voxels_are_stored(tmp_path, header, data, detached):
    if detached:
        path = written(tmp_path / "v.mhd", header.replace(b"LOCAL", b"v.raw"), data)
    else:
        path = written(tmp_path / "v.mha", header + data)
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.array, voxels())
    np.testing.assert_array_equal(volume.array, sitk.GetArrayFromImage(sitk.ReadImage(str(path))))
    np.testing.assert_allclose(volume.ijk_to_ras, MATRIX, atol=1e-12)
    assert not list(notes_on_reading(volume.metadata))


def test_voxels_of_metaimage_may_follow_a_header_of_their_own(tmp_path):
    for size, data in (("128", bytes(128) + RAW), ("-1", b"anything" + RAW)):
        header = metaimage(f"BinaryData = True\nHeaderSize = {size}\n", "v.raw")
        np.testing.assert_array_equal(read_volume(written(tmp_path / "v.mhd", header, data)).array, voxels())


@pytest.mark.parametrize(
    "content",
    [
        metaimage(PACKED) + ZLIB[:3000] + bytes(400) + ZLIB[3400:],
        metaimage(PACKED) + ZLIB[:2000] + bytes([ZLIB[2000] ^ 1]) + ZLIB[2001:],
        metaimage(PACKED) + ZLIB[:-1],
        metaimage(PACKED.replace(str(len(ZLIB)), str(len(ZLIB) - 4))) + ZLIB,
        metaimage(PACKED.replace(str(len(ZLIB)), str(len(ZLIB) + 4))) + ZLIB + b"more",
        metaimage(PACKED.replace(f"CompressedDataSize = {len(ZLIB)}\n", "")) + ZLIB,
        metaimage(PACKED.replace(str(len(ZLIB)), "0")) + ZLIB,
        metaimage(PACKED, size="20 24 4") + ZLIB,
        metaimage(PACKED, size="20 24 6") + ZLIB,
        metaimage(PACKED, size="20 23 5") + ZLIB,
        metaimage("BinaryData = True\n") + RAW[:-1],
        metaimage("BinaryData = True\n", size="20 24 4") + RAW,
        metaimage("BinaryData = True\n", size="-20 24 5") + RAW,
        metaimage("BinaryData = True\nHeaderSize = x\n") + RAW,
        metaimage("BinaryData = False\n") + TEXT[:-10],
        metaimage("BinaryData = False\n") + b"x" + TEXT[1:],
        metaimage("BinaryData = True\n", "LIST"),
        metaimage("BinaryData = True\n", "v%02d.raw 1 5 1"),
        metaimage("BinaryData = True\n", "missing.raw"),
        metaimage("BinaryData = True\n", spacing="ElementSpacing = nan 0.7 3\n") + RAW,
        metaimage("BinaryData = True\n", spacing="ElementSpacing = 0,6 0,7 3\n") + RAW,
        metaimage("BinaryData = True\n", spacing="ElementSpacing = 0 0.7 3\n") + RAW,
        metaimage("BinaryData = True\nDistanceUnits = parsec\n") + RAW,
        metaimage("BinaryData = True\n", kind="MET_OTHER") + RAW,
        metaimage()[:-30],
        b"",
    ],
)
def test_metaimage_that_is_damaged_or_odd_is_refused(tmp_path, content):
    with pytest.raises(InputError) as refusal:
        read_volume(written(tmp_path / "v.mha", content))
    assert refusal.value.hint


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1), ("cm", 10), ("um", 1e-3)])
def test_units_of_metaimage_are_converted(tmp_path, unit, factor):
    path = written(tmp_path / "v.mha", metaimage(f"BinaryData = True\nDistanceUnits = {unit}\n") + RAW)
    np.testing.assert_allclose(read_volume(path).ijk_to_ras[:3], MATRIX[:3] * factor, rtol=1e-12)


def test_places_of_metaimage_are_those_of_itk(tmp_path):
    """Directions, names of fields and sizes in every spelling."""
    turned = b"TransformMatrix = 0.8 0.6 0 -0.6 0.8 0 0 0 -1"
    whole = metaimage("BinaryData = True\n").replace(b"TransformMatrix = 1 0 0 0 1 0 0 0 1", turned)
    for changes in ({}, {b"TransformMatrix": b"Rotation"}, {b"Offset": b"Origin"}, {b"ElementSpacing": b"ElementSize"}):
        header = whole
        for old, new in changes.items():
            header = header.replace(old, new)
        path = written(tmp_path / "v.mha", header + RAW)
        image = sitk.ReadImage(str(path))
        matrix = np.eye(4)
        matrix[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
        matrix[:3, 3] = image.GetOrigin()
        np.testing.assert_allclose(read_volume(path).ijk_to_ras, np.diag([-1, -1, 1, 1]) @ matrix, atol=1e-12)


def test_metaimage_without_voxel_sizes_brings_a_note(tmp_path):
    volume = read_volume(written(tmp_path / "v.mha", metaimage("BinaryData = True\n", spacing="") + RAW))
    assert any("voxel sizes" in note for note in notes_on_reading(volume.metadata))


@pytest.mark.parametrize("ending", ["nrrd", "mha"])
@pytest.mark.parametrize("digits", [4, 5])
def test_matrices_that_were_rounded_are_read(tmp_path, ending, digits):
    cosine, sine = round(np.cos(0.4), digits), round(np.sin(0.4), digits)
    if ending == "nrrd":
        axes = np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]]) * [[0.6], [0.7], [3.0]]
        directions = " ".join("(" + ",".join(f"{value:.{digits}f}" for value in axis) + ")" for axis in axes)
        content = nrrd(directions=directions) + b"\n" + RAW
    else:
        turned = f"TransformMatrix = {cosine} {sine} 0 {-sine} {cosine} 0 0 0 1".encode()
        content = metaimage("BinaryData = True\n").replace(b"TransformMatrix = 1 0 0 0 1 0 0 0 1", turned) + RAW
    spacing = read_volume(written(tmp_path / f"v.{ending}", content)).spacing
    np.testing.assert_allclose(spacing, (0.6, 0.7, 3.0), atol=1e-3)
