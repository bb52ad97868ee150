"""`pdm-sr evaluate` within slices on a made-up case, and where the options of earlier versions went."""

import json

import numpy as np
import pytest

from pdm_core import Volume, write_volume
from pdm_core.cli.main import main


@pytest.fixture
def some_data(tmp_path):
    array = np.cumsum(np.cumsum(np.random.default_rng(0).standard_normal((5, 96, 80)), axis=1), axis=2)
    write_volume(Volume(array.astype(np.float32), np.diag([0.5, 0.5, 3.0, 1.0])), tmp_path / "t2_tra.nii.gz")
    (tmp_path / "splits.json").write_text(
        json.dumps([{"case": "one", "path": ".", "split": "test", "images": ["t2_tra.nii.gz"]}])
    )
    return tmp_path


def test_the_slices_that_were_measured_are_counted(some_data, tiny_zoo, capsys):
    words = ["evaluate", "--data", str(some_data), "--cases", "one", "--models", "tiny", "--factors", "2", "--steps", "1"]
    assert main([*words, "--samples", "1", "--slices", "2"]) == 0
    printed = capsys.readouterr().out
    assert "slices: 2 central" in printed and "--slices 2" in printed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--through-plane", "--slices", "3"], "--slab"),
        (["--all", "-o", "out"], "pdm-sr study paper"),
        (["--table", "II", "V", "--figure", "2"], "pdm-sr study paper"),
        (["--orthogonal"], "pdm-sr study orthogonal"),
        (["--zones", "--study"], "pdm-sr study zones"),
    ],
)
def test_what_is_elsewhere_or_makes_no_sense_is_said_in_a_line(some_data, capsys, words, said):
    assert main(["evaluate", "--data", str(some_data), *words]) == 2
    printed = capsys.readouterr().err.strip()
    assert said in printed and "\n" not in printed
