"""Files that were damaged at random places: whatever is not refused holds the voxels that the file holds."""

import warnings
from collections import Counter

import nibabel
import numpy as np
import pytest

from pdm_core import Volume, read_volume, write_volume
from pdm_core.errors import InputError

SHAPE = (5, 24, 20)
ROUNDS = 60
# Formats with a checksum or a length of the compressed voxels, which finds every change of them.
CHECKED = ("v.nii.gz", "v.nrrd", "v.mha", "v.mhd", "v.mgz")
KINDS = [*CHECKED, "raw.nii", "raw.nrrd", "raw.mha", "raw.hdr", "raw.mgh", "two.nii"]


def voxels():
    return (np.random.default_rng(0).random(SHAPE) * 600).astype(np.int16)


def whole_file(folder, kind):
    """An image file, and the file beside it that holds the voxels (or the same one)."""
    import SimpleITK as sitk

    place = np.array([[-0.6, 0, 0, 1], [0, -0.7, 0, 2], [0, 0, 3.0, 3], [0, 0, 0, 1]])
    path = folder / kind
    if kind in CHECKED and not kind.endswith("mgz"):
        write_volume(Volume(voxels(), place), path, dtype="int16")
        return path, path.with_suffix(".zraw") if kind == "v.mhd" else path
    if kind in ("raw.nrrd", "raw.mha"):
        sitk.WriteImage(sitk.GetImageFromArray(voxels()), str(path), useCompression=False)
        return path, path
    kinds = {"raw.hdr": nibabel.Nifti1Pair, "raw.nii": nibabel.Nifti1Image, "two.nii": nibabel.Nifti2Image}
    nibabel.save(kinds.get(kind, nibabel.MGHImage)(voxels().T, place), path)
    return path, path.with_suffix(".img") if kind == "raw.hdr" else path


def flipped(content, random):
    content = bytearray(content)
    content[random.integers(len(content))] ^= 1 << random.integers(8)
    return bytes(content)


def holed(content, random):
    content = bytearray(content)
    start = random.integers(len(content))
    end = min(len(content), start + random.integers(1, 400))
    content[start:end] = bytes(end - start)
    return bytes(content)


def cut(content, random):
    return content[: random.integers(len(content))]


def doubled(content, random):
    start = random.integers(len(content))
    return content[:start] + content[start : start + 50] + content[start:]


def read(path):
    """The voxels, or None where the file is refused; anything but `InputError` is a failure of the test."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return read_volume(path).array
    except InputError as error:
        assert path.stem in error.message and error.hint
        return None


def is_honest(found, content, start, damaged):
    """Whether voxels are those that intact or damaged raw data hold."""
    if found.shape == SHAPE and np.array_equal(found, voxels()):
        return True
    if start is None:
        return False
    raw = damaged[start : start + voxels().nbytes]
    return any(
        len(raw) == voxels().nbytes and np.array_equal(found.ravel(), np.frombuffer(raw, order).astype(np.float32))
        for order in ("<i2", ">i2")
    )


@pytest.mark.parametrize("damage", [flipped, holed, cut, doubled])
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_voxels_are_refused_or_are_what_the_file_holds(tmp_path, kind, damage):
    """Damage of the header is another matter: it may tell of another image, but has to end in an image or a refusal."""
    _, file = path, file = whole_file(tmp_path, kind)
    content = file.read_bytes()
    stored = [voxels().astype(order).tobytes() for order in ("<i2", ">i2")]
    start = next((content.index(raw) for raw in stored if raw in content), None)
    header = start if start is not None else {"v.mhd": 0, "v.mha": content.find(b"LOCAL\n") + 6}.get(kind, 600)
    random, outcomes = np.random.default_rng(KINDS.index(kind)), Counter()
    for _ in range(ROUNDS):
        damaged = damage(content, random)
        file.write_bytes(damaged)
        found = read(path)
        outcomes["refused" if found is None else "read"] += 1
        if found is not None and damaged[:header] == content[:header]:
            assert is_honest(found, content, start, damaged)
    print(kind, damage.__name__, dict(outcomes))
    file.write_bytes(content)
    np.testing.assert_array_equal(read(path), voxels())
    if damage is cut:
        assert outcomes["read"] == 0 or kind == "raw.mgh"


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_header_ends_in_an_image_or_in_a_refusal(tmp_path, kind):
    path, _ = whole_file(tmp_path, kind)
    content, random = path.read_bytes(), np.random.default_rng(1)
    header = min(len(content), 600)
    for _ in range(3 * ROUNDS):
        damaged = bytearray(content)
        for _ in range(random.integers(1, 4)):
            damaged[random.integers(header)] = random.choice([0, 1, 0x2C, 0x2D, 0x39, 0x7F, 0x80, 0xFF, random.integers(256)])
        path.write_bytes(damaged)
        read(path)
