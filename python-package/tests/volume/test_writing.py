"""A file that is written is whole and lies where the volume lies, or it is not there and nothing else has changed."""

import os
import subprocess
import sys

import numpy as np
import pytest

from pdm_core import Volume, read_volume, write_volume
from pdm_core.errors import InputError, PdmError
from pdm_core.volume.write import checked_output, refuse_overwriting_input

ENDINGS = ["nii", "nii.gz", "nrrd", "mha", "mhd"]


def noise(shape=(4, 64, 64)):
    return Volume(np.random.default_rng(0).random(shape), np.diag([0.7, 0.8, 3.0, 1.0]))


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("missing", [20, 5000])
def test_a_full_disk_is_an_error_and_leaves_no_part(tmp_path, ending, missing):
    """ITK's writers of NIfTI pass over a full disk, and that of NRRD over its last buffer."""
    resource = pytest.importorskip("resource")
    write_volume(noise(), tmp_path / f"before.{ending}")
    size = max(path.stat().st_size for path in tmp_path.iterdir())
    before, limits = set(tmp_path.iterdir()), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size - missing, limits[1]))
    try:
        with pytest.raises(PdmError, match=r"not written to its end|could not be written") as raised:
            write_volume(noise(), tmp_path / f"full.{ending}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert set(tmp_path.iterdir()) == before
    assert raised.value.exit_code == 1, "a full disk is not the fault of the input"


@pytest.mark.parametrize("ending", ["nrrd", "mha"])
def test_axes_that_are_no_right_angles_are_refused_where_nifti_would_straighten_them(tmp_path, ending):
    volume = noise()
    matrix = volume.ijk_to_ras.copy()
    matrix[0, 1] = 0.1
    sheared = Volume(volume.array, matrix)
    with pytest.raises(InputError, match=r"right angles; its corners lie 3\.\d mm"):
        write_volume(sheared, tmp_path / "sheared.nii.gz")
    assert not list(tmp_path.iterdir())
    write_volume(sheared, tmp_path / f"sheared.{ending}")
    with pytest.raises(InputError, match="right angles"):
        read_volume(tmp_path / f"sheared.{ending}")


def test_what_killed_writers_have_left_goes_at_the_next_write(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for number in (dead.pid, os.getpid()):
        (tmp_path / f".v.nii.gz.{number}.part").mkdir()
        (tmp_path / f".v.nii.gz.{number}.part" / "v.nii.gz").write_bytes(b"half")
    alive = tmp_path / f".v.nii.gz.{os.getppid()}.part"
    other = tmp_path / f".w.nii.gz.{dead.pid}.part"
    for kept in (alive, other):
        kept.mkdir()
    write_volume(noise(), tmp_path / "v.nii.gz")
    assert set(tmp_path.iterdir()) == {alive, other, tmp_path / "v.nii.gz"}


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names there are always text")
def test_names_that_are_no_text_can_be_read_and_are_refused_before_itk_ends_the_process(tmp_path):
    name = os.fsdecode(b"bad\xff.nii.gz")
    write_volume(noise(), tmp_path / "good.nii.gz")
    (tmp_path / "good.nii.gz").rename(tmp_path / name)
    np.testing.assert_array_equal(read_volume(tmp_path / name).array, noise().array.astype(np.float32))
    with pytest.raises(InputError, match="not written in UTF-8"):
        write_volume(noise(), tmp_path / name)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names there are always text")
@pytest.mark.parametrize("ending", ["nii", "nii.gz", "nrrd", "mha"])
def test_a_locale_without_utf8_reads_and_writes_names_in_utf8(tmp_path, ending):
    write_volume(noise(), tmp_path / f"größe.{ending}")
    code = "import sys; from pdm_core import read_volume, write_volume; write_volume(read_volume(sys.argv[1]), sys.argv[2])"
    words = [sys.executable, "-c", code, tmp_path / f"größe.{ending}", tmp_path / f"日本.{ending}"]
    subprocess.run(words, env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0"}, check=True)
    np.testing.assert_array_equal(read_volume(tmp_path / f"日本.{ending}").array, noise().array.astype(np.float32))


def test_voxels_beside_an_input_are_safe_whatever_their_name(tmp_path):
    write_volume(noise(), tmp_path / "größe.mhd")
    (tmp_path / "größe.mhd").rename(tmp_path / "scan.mhd")
    with pytest.raises(InputError, match="would overwrite those of the input"):
        refuse_overwriting_input(tmp_path / "scan.mhd", tmp_path / "größe.mhd")


def test_what_cannot_be_made_is_known_before_the_work(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="longer than 200 bytes"):
        checked_output(tmp_path / ("ä" * 100 + ".nii.gz"))
    monkeypatch.setattr(os, "access", lambda path, mode: mode & os.W_OK == 0)
    with pytest.raises(InputError, match="Nothing can be written to the folder"):
        checked_output(tmp_path / "v.nii.gz")


def test_the_voxels_of_an_input_are_not_overwritten_when_its_header_has_another_name(tmp_path):
    write_volume(noise(), tmp_path / "voxels.mhd")
    (tmp_path / "voxels.mhd").rename(tmp_path / "header.mhd")
    with pytest.raises(InputError, match="would overwrite those of the input"):
        refuse_overwriting_input(tmp_path / "header.mhd", tmp_path / "voxels.mhd")
    refuse_overwriting_input(tmp_path / "header.mhd", tmp_path / "other.mhd")
    refuse_overwriting_input(tmp_path / "header.mhd", tmp_path / "voxels.nrrd")
