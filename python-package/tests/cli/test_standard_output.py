"""Whoever listens may leave, or take few characters: what was asked for is done all the same, and nothing ugly is said."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from pdm_core import Volume, read_volume, write_volume
from pdm_core.cli.console import BarConsole, LineConsole
from pdm_core.cli.failures import as_user_error
from pdm_core.progress import ProgressEvent

pytestmark = pytest.mark.usefixtures("tiny_zoo")


@pytest.fixture
def a_scan(tmp_path):
    random = np.random.default_rng(0)
    return write_volume(Volume(100 * random.random((2, 40, 36)), np.diag([1, 1, 3, 1])), tmp_path / "größe 日本.nii.gz")


def started(*words, **settings):
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", **settings}
    return subprocess.Popen(
        [sys.executable, "-m", "pdm_core", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )


def unheard(*words):
    """Exit code and errors of a command whose reader has left before its first word."""
    process = started(*words)
    process.stdout.close()
    errors = process.stderr.read().decode()
    return process.wait(), errors


@pytest.mark.parametrize("words", [["models", "list"], ["models", "list", "--json"], ["models", "show", "fast"], ["--help"]])
def test_a_reader_that_leaves_is_no_error(words):
    assert unheard(*words) == (0, "")


def test_a_result_that_no_one_hears_of_is_written(a_scan):
    code, errors = unheard("upsample", a_scan, "-o", a_scan.with_name("out.nii.gz"), "--model", "tiny", "--steps", "1")
    assert code == 0 and "error" not in errors
    assert a_scan.with_name("out.provenance.json").exists()


def test_errors_that_no_one_reads_keep_their_exit_code():
    process = started("upsample", "nowhere.nii.gz", "-o", "out.nii.gz")
    process.stderr.close()
    process.stdout.read()
    assert process.wait() == 2


def test_notes_that_no_one_reads_do_not_end_the_work(a_scan):
    volume = read_volume(a_scan)
    cut_out = volume.array.copy()
    cut_out[:, :12] = -1000.0
    write_volume(Volume(cut_out, volume.ijk_to_ras), a_scan)
    process = started("upsample", a_scan, "-o", a_scan.with_name("out.nii.gz"), "--model", "tiny", "--steps", "1")
    process.stderr.close()
    process.stdout.read()
    assert process.wait() == 0
    assert (read_volume(a_scan.with_name("out.nii.gz")).array == -1000.0).any()


@pytest.mark.parametrize("console", [LineConsole(interval_s=0.0), BarConsole()])
def test_progress_that_no_one_reads_goes_nowhere(console, monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", buffering=1) as unread:
        monkeypatch.setattr(sys, "stderr", unread)
        for step in (1, 2):
            console.progress(ProgressEvent("restore", step, 2, None))
            console.warning("The disk is slow.")
        assert sys.stderr is not unread


def test_a_broken_pipe_below_torch_is_not_a_broken_torch():
    torch = pytest.importorskip("torch")

    @torch.no_grad()
    def work():
        raise BrokenPipeError(32, "Broken pipe")

    with pytest.raises(BrokenPipeError) as caught:
        work()
    assert "PyTorch" not in str(as_user_error(caught.value))


def test_characters_that_a_code_page_lacks_are_no_error(a_scan):
    output = a_scan.with_name("größer.nii.gz")
    process = started(
        "upsample", a_scan, "-o", output, "--model", "tiny", "--steps", "1", PYTHONIOENCODING="ascii", PYTHONUTF8="0"
    )
    said, errors = process.communicate()
    assert process.returncode == 0 and b"error" not in errors
    assert rb"gr\xf6\xdfer.nii.gz" in said
    record = json.loads(a_scan.with_name("größer.provenance.json").read_text(encoding="utf-8"))
    told = {name: record["output"][name] for name in ("file", "dtype", "bytes")}
    assert told == {"file": "größer.nii.gz", "dtype": "float32", "bytes": output.stat().st_size}


def test_a_closed_output_is_no_error():
    if os.name == "nt":
        pytest.skip("no shell to close it with")
    command = [sys.executable, "-m", "pdm_core", "models", "list"]
    done = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", *command], stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
