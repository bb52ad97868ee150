"""The examples of README run as they stand."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from pdm_core import Volume, list_models, read_volume, write_volume
from pdm_core.cli.main import main
from pdm_core.zoo import list_zone_models

README = Path(__file__).resolve().parents[2] / "README.md"


@pytest.fixture
def beside_a_scan(tmp_path, monkeypatch, zone_models):
    if not list_models():
        pytest.skip("no model is bundled")
    if not list_zone_models():
        monkeypatch.setenv("PDM_ZOO", str(zone_models.weights.parent))
    random = np.random.default_rng(0)
    write_volume(Volume(100 * random.random((8, 40, 36)), np.diag([-1, -1, 3, 1])), tmp_path / "prostate.nii.gz")
    write_volume(Volume(100 * random.random((2, 48, 40)), np.diag([1, 1, 3, 1])), tmp_path / "t2.nii.gz")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def image_size(path):
    """Of zones that may be empty, which `read_volume` refuses."""
    import SimpleITK as sitk

    return sitk.ReadImage(str(path)).GetSize()[::-1]


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_the_commands_run(beside_a_scan):
    lines = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("pdm-sr")]
    assert len(lines) >= 4
    for line in lines:
        assert main(shlex.split(line)[1:]) == 0, line
    assert (beside_a_scan / "spread.nii.gz").is_file()
    assert image_size(beside_a_scan / "sharper_zones.seg.nrrd") == read_volume(beside_a_scan / "prostate_sharper.nii.gz").shape


def test_the_python_examples_run(beside_a_scan, capsys):
    for example in blocks("python"):
        exec(compile(example, "README.md", "exec"), {})
    assert (beside_a_scan / "sharper.nrrd").is_file()
    assert "0.5" in capsys.readouterr().out
    assert image_size(beside_a_scan / "labels.nii.gz") == image_size(beside_a_scan / "prostate.nii.gz")
