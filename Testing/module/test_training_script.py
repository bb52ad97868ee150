"""The headless training as a subprocess, as Slicer runs it: prepared and trained, stopped by a signal, gone on with."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import slicer

ROOT = Path(__file__).resolve().parents[2]
START = f"""
import runpy, sys
sys.path[:0] = [{str(ROOT / "Testing")!r}]
from host import application
application.start()
{{prelude}}
sys.argv = ["train.py", *{{words!r}}]
runpy.run_path({str(ROOT / "PDMTraining/Scripts/train.py")!r}, run_name="__main__")
print("Slicer would still be alive")
"""


def started(words, prelude=""):
    code = START.format(prelude=prelude, words=[str(word) for word in words])
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(words, prelude=""):
    process = started(words, prelude)
    output, errors = process.communicate(timeout=120)
    return process.returncode, output, errors


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_from_images_to_a_model_with_a_signal_between(studies, a_recipe, tmp_path):
    recipe, folder = a_recipe(iterations=40, validate_every=40), tmp_path / "run"
    words = ["--recipe", recipe, "--output", folder, "--source", studies, "--include", "t2", "--device", "cpu"]
    process = started([*words, "--checkpoint-minutes", "1e-6"])
    deadline = time.monotonic() + 100
    while not (folder / "state.json").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGTERM)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and "go on from step" in errors, errors
    assert "3 volumes of 3 patients" in output and "still be alive" not in output
    stopped = json.loads((folder / "state.json").read_text())["step"]
    assert 0 < stopped < 40 and (tmp_path / "dataset" / "report.html").is_file()

    code, output, errors = run(words)
    assert code == 0 and "trained. Use it" in output and "still be alive" not in output, errors
    assert (folder / "small.safetensors").is_file()


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (["--recipe", "fast", "--output", "run"], 2, "--data --source"),
        (["--recipe", "fast", "--output", "run", "--source", "nowhere"], 2, "does not exist"),
    ],
)
def test_exit_codes_of_what_cannot_be(words, code, reason, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    returned, _, errors = run(words)
    assert returned == code and reason in errors
    assert "Traceback" not in errors and not (tmp_path / "run").exists()


def test_missing_packages_are_exit_code_3_without_a_question(tmp_path):
    hide = "import PartialDiffusionSRLib.dependencies as d; d._isInstalled = lambda package: package != 'PyYAML'"
    prelude = f"sys.path.append({str(ROOT / 'PartialDiffusionSR')!r}); {hide}"
    code, _, errors = run(["--recipe", "fast", "--output", tmp_path / "run", "--data", tmp_path], prelude)
    assert code == 3 and "PyYAML" in errors


def test_the_lines_of_the_documentation_are_understood(scene, monkeypatch, capsys):
    from pdm_core.cli.main import _parser
    from PDMTrainingLib.headless import _parsed
    from PDMTrainingLib.logic import PDMTrainingLogic

    text = (ROOT / "docs/training.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"train\.py --ignore-rest (.*)", text)
    arguments, options = _parsed(line.split())
    assert arguments.recipe == "fast" and arguments.data and arguments.output and not options
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)

    def said(self, words):
        return {"message": str(_parser().parse_args(words).input)}

    monkeypatch.setattr(PDMTrainingLogic, "process", said)
    monkeypatch.setattr(slicer.util, "getModuleLogic", lambda name: PDMTrainingLogic(), raising=False)
    exec(compile(example, "training.md", "exec"), {"slicer": slicer})
    assert capsys.readouterr().out == "studies\n"
