"""An image and its record belong together, whatever happens between their writing."""

import json
import os

import numpy as np
import pytest

from pdm_core import PdmError, SuperResolutionOptions, Volume, super_resolve
from pdm_core.errors import InputError
from pdm_core.pipeline import outputs


class Killed(BaseException):
    """What no handler of errors catches."""


@pytest.fixture
def results(tiny_zoo):
    """Two runs of a volume that differ in their steps."""
    volume = Volume(100 * np.random.default_rng(0).random((2, 32, 32)), np.diag([1, 1, 3, 1]))
    return [super_resolve(volume, SuperResolutionOptions(model="tiny", steps=steps)) for steps in (1, 2)]


def steps_in(record):
    return json.loads(record.read_text())["options"]["steps"]


def test_a_run_in_the_place_of_another_is_told_by_its_own_record(results, tmp_path):
    for number, result in enumerate(results, start=1):
        record = outputs.write_result(result, tmp_path / "a.nii.gz")
        assert steps_in(record) == number
    assert {path.name for path in tmp_path.iterdir()} == {"a.nii.gz", "a.provenance.json"}


def test_killed_after_the_image_no_record_of_another_run_stands_beside_it(results, tmp_path, monkeypatch):
    record = outputs.write_result(results[0], tmp_path / "a.nii.gz")
    monkeypatch.setattr(outputs.os, "replace", killing_at(record, outputs.os.replace))
    with pytest.raises(Killed):
        outputs.write_result(results[1], tmp_path / "a.nii.gz")
    assert {path.name for path in tmp_path.iterdir()} == {"a.nii.gz"}


def killing_at(record, replace):
    """`os.replace` that ends the run where the new record would be put in place."""

    def replacing(source, target):
        if str(source).endswith(".part") and target == record:
            raise Killed
        replace(source, target)

    return replacing


def test_an_image_that_cannot_be_written_leaves_the_earlier_one_and_its_record(results, tmp_path):
    record = outputs.write_result(results[0], tmp_path / "a.nii.gz")
    before = (tmp_path / "a.nii.gz").read_bytes()
    loud = results[1]
    loud.volume.array[0, 0, 0] = 1e9
    with pytest.raises(InputError):
        outputs.write_result(loud, tmp_path / "a.nii.gz", dtype="uint8")
    assert (tmp_path / "a.nii.gz").read_bytes() == before and steps_in(record) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"a.nii.gz", "a.provenance.json"}


def test_an_image_that_cannot_take_its_place_leaves_the_earlier_one_and_its_record(results, tmp_path, monkeypatch):
    """As on Windows while another program has the earlier one open: then the new one is complete already."""
    record = outputs.write_result(results[0], tmp_path / "a.nii.gz")
    before, replace = (tmp_path / "a.nii.gz").read_bytes(), os.replace

    def refusing(source, target):
        if str(target).endswith("a.nii.gz"):
            raise PermissionError(13, "Permission denied", str(target))
        replace(source, target)

    monkeypatch.setattr("os.replace", refusing)
    with pytest.raises(PdmError):
        outputs.write_result(results[1], tmp_path / "a.nii.gz")
    assert (tmp_path / "a.nii.gz").read_bytes() == before and steps_in(record) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"a.nii.gz", "a.provenance.json"}


def test_what_a_killed_run_has_left_goes_with_the_next(results, tmp_path):
    """No handler runs after SIGKILL: what it leaves is seen to by whoever writes next."""
    killed = os.fork() if hasattr(os, "fork") else pytest.skip("no fork")
    if not killed:
        os.replace = lambda source, target: os.kill(os.getpid(), 9)
        outputs.write_result(results[0], tmp_path / "a.nii.gz")
    assert os.waitpid(killed, 0)[1] == 9
    assert {path.name for path in tmp_path.iterdir()} == {
        f".a.nii.gz.{killed}.part",
        f".a.provenance.json.{killed}.part",
    }
    outputs.write_result(results[1], tmp_path / "a.nii.gz")
    assert {path.name for path in tmp_path.iterdir()} == {"a.nii.gz", "a.provenance.json"}
