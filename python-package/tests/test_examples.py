"""The documented way from files to a model runs as it stands, and goes on where it was killed."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from pdm_core import read_volume
from pdm_core.zoo import read_card

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture
def an_archive(tmp_path):
    """Made-up studies; the T2 of each lies in one folder with its localizer, as in many archives."""
    spec = importlib.util.spec_from_file_location("synthetic_studies", EXAMPLES / "synthetic_studies.py")
    studies = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(studies)
    studies.write_tree(tmp_path / "archive", 6, size=130, slices=4)
    for study in (tmp_path / "archive").iterdir():
        for file in (study / "loc").iterdir():
            file.rename(study / "t2" / f"loc_{file.name}")
    return tmp_path / "archive"


@pytest.fixture
def an_environment(tmp_path, monkeypatch):
    """The command `pdm-sr` of this interpreter, and a zoo of its own."""
    command = tmp_path / "bin" / "pdm-sr"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pdm_core "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PDM_ZOO", str(tmp_path / "zoo"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.mark.skipif(shutil.which("sh") is None, reason="the script needs a POSIX shell")
def test_the_script_goes_from_files_to_a_model_even_when_it_is_killed_meanwhile(an_archive, an_environment, tmp_path):
    recipe, work = tmp_path / "recipe.yaml", tmp_path / "work"
    shorter = {"iterations": 60, "validate_every": 20, "warmup": 5}
    recipe.write_text(yaml.safe_dump({**yaml.safe_load((EXAMPLES / "short.yaml").read_text()), **shorter}))
    command = ["sh", str(EXAMPLES / "train_your_own.sh"), str(an_archive), str(work), str(recipe)]
    first = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (work / "run" / "checkpoint.pt").is_file() and first.poll() is None:
        time.sleep(0.02)
    os.killpg(first.pid, signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL and not list((work / "run").glob("*.safetensors"))
    second = subprocess.run(command, capture_output=True, text=True)
    assert second.returncode == 0, second.stderr[-2000:]
    assert "K = " in second.stdout and "short is added" in second.stdout
    card = read_card(tmp_path / "zoo" / "short.json")
    assert card.quality["in_plane"] and (work / "dataset" / "report.html").is_file()
    assert read_volume(work / "restored.nii.gz").shape == (4, 260, 260)
