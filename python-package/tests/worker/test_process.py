"""The caller's side of the worker: events in order, cancel, kill, and nothing left behind."""

import os
import signal
import sys
import time

import numpy as np
import pytest

from pdm_core.worker import WorkerProcess

LONG = {"model": "tiny", "factor": 2.0, "steps": 1000, "device": "cpu"}


def a_worker(folder, options, **settings):
    array = np.random.default_rng(0).random((2, 40, 36)).astype(np.float32)
    job = {"task": "super-resolve", "ijk_to_ras": np.diag([1.0, 1.0, 3.0, 1.0]).tolist(), "options": options}
    return WorkerProcess(job, {"volume": array}, folder=folder, **settings)


def events_until(worker, wanted=None, limit_s=120.0):
    """Events up to the first of the kind `wanted`, or all."""
    events, deadline = [], time.monotonic() + limit_s
    while not worker.ended and time.monotonic() < deadline:
        events += worker.poll()
        if wanted in [event["event"] for event in events]:
            break
        time.sleep(0.02)
    return events


@pytest.fixture
def close_after():
    workers = []
    yield workers.append
    for worker in workers:
        worker.close()


def test_a_job_is_done_and_leaves_nothing(tmp_path, tiny_zoo, close_after):
    worker = a_worker(tmp_path, {**LONG, "steps": 2})
    close_after(worker)
    events = events_until(worker)
    assert events[-1]["event"] == "result" and worker.ended and worker.poll() == []
    assert worker.load(events[-1]["volume"]).shape == (2, 80, 72)
    worker.close()
    assert list(tmp_path.iterdir()) == []


def test_cancel_is_polite(tmp_path, tiny_zoo, close_after):
    worker = a_worker(tmp_path, LONG)
    close_after(worker)
    events_until(worker, "progress")
    worker.cancel()
    assert events_until(worker)[-1]["kind"] == "cancelled"


def test_close_ends_a_running_job(tmp_path, tiny_zoo):
    worker = a_worker(tmp_path, LONG)
    events_until(worker, "progress")
    worker.close(patience_s=0.0)
    assert worker.ended and list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "kind"), [(signal.SIGKILL, "memory"), (signal.SIGSEGV, "crash")])
def test_a_worker_that_dies_still_ends_in_an_error_event(tmp_path, tiny_zoo, close_after, number, kind):
    worker = a_worker(tmp_path, LONG)
    close_after(worker)
    events_until(worker, "progress")
    os.killpg(worker._process.pid, number)
    events = events_until(worker)
    assert (events[-1]["event"], events[-1]["kind"]) == ("error", kind) and events[-1]["hint"]


def test_what_else_a_worker_says_is_kept_for_the_details(tmp_path, tiny_zoo, close_after):
    broken = (sys.executable, "-c", "import sys; print('a stray line'); print('Ω', file=sys.stderr); sys.exit(7)")
    worker = a_worker(tmp_path, LONG, python=broken)
    close_after(worker)
    events = events_until(worker)
    assert events[-1]["kind"] == "crash" and "7" in events[-1]["message"]
    worker.close()
    assert "a stray line" in worker.log and "Ω" in worker.log


def test_a_python_that_is_not_there_leaves_no_folder(tmp_path, tiny_zoo):
    with pytest.raises(OSError):
        a_worker(tmp_path, LONG, python=("/nowhere/python",))
    assert list(tmp_path.iterdir()) == []


def test_the_callers_side_needs_no_torch():
    code = "import sys, pdm_core.worker; sys.exit('torch' in sys.modules or 'SimpleITK' in sys.modules)"
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", code]) == 0
