"""How commands end when they are asked to, or have no standard streams: the exit codes of README, nothing half-written."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from pdm_core import Volume, write_volume

pytestmark = [
    pytest.mark.usefixtures("tiny_zoo"),
    pytest.mark.skipif(os.name == "nt", reason="Windows has neither SIGTERM for other processes nor a shell to close streams"),
]


@pytest.fixture
def a_scan(tmp_path):
    random = np.random.default_rng(0)
    return write_volume(Volume(100 * random.random((40, 96, 96)), np.diag([1, 1, 3, 1])), tmp_path / "in" / "scan.nii.gz")


@pytest.fixture(autouse=True)
def a_folder(tmp_path):
    (tmp_path / "in").mkdir()


def started(*words):
    command = [sys.executable, "-m", "pdm_core", *map(str, words), "--progress", "json"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # A shell that runs tests in the background has Ctrl-C ignored, and programs inherit that.
    return subprocess.Popen(command, env=environment, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **pipes)


def ended(process):
    """What a process says until it ends, which it does soon or by force."""
    timer = threading.Timer(60, process.kill)
    timer.start()
    try:
        return process.communicate()
    finally:
        timer.cancel()


LONG = ["--model", "tiny", "--device", "cpu", "--steps", "1000", "--sampler", "ancestral"]


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("command", ["upsample", "batch", "segment", "evaluate"])
def test_a_request_to_end_is_heard_by_every_command(command, asked, a_scan, tmp_path, zone_zoo, request):
    out = tmp_path / "out"
    words = {
        "upsample": [a_scan, "-o", tmp_path / "out.nii.gz", *LONG],
        "batch": [tmp_path / "in", "-o", out, *LONG],
        "segment": [a_scan, "-o", tmp_path / "zones.seg.nrrd", "--model", "cat_net", "--device", "cpu"],
    }
    if command == "evaluate":
        words["evaluate"] = ["--data", request.getfixturevalue("shared_data"), "--models", "tiny", "--steps", "500", "-o", out]
    process = started(command, *words[command])
    while json.loads(process.stdout.readline())["event"] != "progress":
        pass
    process.send_signal(asked)
    said, errors = ended(process)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert json.loads(said.splitlines()[-1])["kind"] == "cancelled"
    left = {path.name for path in tmp_path.rglob("*") if path.is_file() and "in" not in path.parts[-2:]}
    assert not {name for name in left if ".part" in name or name.endswith((".nii.gz", ".nrrd"))}


def test_many_requests_are_one(a_scan, tmp_path):
    process = started("upsample", a_scan, "-o", tmp_path / "out.nii.gz", *LONG)
    process.stdout.readline()
    for _ in range(5):
        process.terminate()
        time.sleep(0.01)
    _, errors = ended(process)
    assert process.returncode == 130 and "Traceback" not in errors


@pytest.mark.parametrize("closed", ["2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("progress", ["bar", "json"])
def test_closed_streams_are_no_reason_to_fail(closed, progress, a_scan, tmp_path):
    out = tmp_path / "out.nii.gz"
    words = ["upsample", a_scan, "-o", out, "--model", "tiny", "--device", "cpu", "--steps", "1", "--progress", progress]
    command = [sys.executable, "-m", "pdm_core", *map(str, words)]
    done = subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", *command], stdout=subprocess.PIPE, check=False)
    assert done.returncode == 0
    assert out.with_name("out.provenance.json").exists()
    if closed == "2>&-" and progress == "bar":
        assert done.stdout.decode().startswith(str(out))
    mistake = [*command[:4], str(tmp_path / "nothing.nii.gz"), *command[5:]]
    assert (
        subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", *mistake], check=False, capture_output=True).returncode == 2
    )


def test_what_libraries_print_does_not_get_into_an_output(tmp_path):
    program = (
        "import os, sys\n"
        "from pdm_core.cli.console import standard_streams\n"
        "with standard_streams():\n"
        "    file = open(sys.argv[1], 'w')\n"
        "    os.write(2, b'a warning of a C library')\n"
        "    print('a note', file=sys.stderr)\n"
        "    file.close()\n"
    )
    target = tmp_path / "file.txt"
    command = [sys.executable, "-c", program, str(target)]
    subprocess.run(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command], check=True)
    assert target.read_text() == ""
