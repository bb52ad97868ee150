"""The caller's side: starts the worker, hands its events over, stops it politely and then by force."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import pdm_core

_WINDOWS = sys.platform == "win32"
_CANCEL = "cancel"
_LOG_LINES = 400
_POLITE_S = 5.0


class WorkerProcess:
    """A job on its way in another process; every method returns at once, but for `close`.

    Args:
        job: the job but for its arrays, see `pdm_core.worker.jobs`.
        arrays: what the job names besides: entry of the job to array; written beside it as .npy.
        python: the command that starts Python there; this one's own by default.
        folder: parent of the job's folder; the system's folder for temporary files by default.
    """

    def __init__(
        self,
        job: Mapping[str, Any],
        arrays: Mapping[str, np.ndarray[Any, Any]],
        *,
        python: Sequence[str] = (sys.executable,),
        folder: Path | None = None,
    ) -> None:
        self._ended = self._concluded = False
        # A short name: some systems still refuse long paths.
        self.folder = Path(tempfile.mkdtemp(prefix="pdm", dir=folder))
        try:
            for name, array in arrays.items():
                np.save(self.folder / f"{name}.npy", array)
            path = self.folder / "job.json"
            path.write_text(json.dumps({**job, **{name: f"{name}.npy" for name in arrays}}), encoding="utf-8")
            self._process = started([*python, "-m", "pdm_core.worker", str(path)])
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._log: deque[str] = deque(maxlen=_LOG_LINES)
        self._readers = [
            threading.Thread(target=self._read_events, daemon=True),
            threading.Thread(target=self._read_log, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    @property
    def ended(self) -> bool:
        """Whether `poll` has handed over the last event."""
        return self._ended

    @property
    def log(self) -> str:
        """The last lines of what the worker wrote besides its events."""
        return "".join(self._log)

    def poll(self) -> list[dict[str, Any]]:
        """The events since the last call; the last one of all is a result or an error, also when the worker was killed."""
        events: list[dict[str, Any]] = []
        while not self._ended:
            try:
                line = self._lines.get_nowait()
            except queue.Empty:
                break
            if line is None:
                self._ended = True
                self._process.wait()
                if not self._concluded:
                    events.append(self._death())
            elif (event := _event(line)) is not None:
                self._concluded |= event["event"] in ("result", "error")
                events.append(event)
            else:
                self._log.append(line)
        return events

    def load(self, name: str) -> np.ndarray[Any, Any]:
        """An array that the result event names."""
        array: np.ndarray[Any, Any] = np.load(self.folder / name, allow_pickle=False)
        return array

    def cancel(self) -> None:
        """Ask the work to stop at its next step."""
        (self.folder / _CANCEL).touch()

    def kill(self) -> None:
        """End the process and all that it has started."""
        kill_tree(self._process)

    def close(self, *, patience_s: float = _POLITE_S) -> None:
        """Make sure that nothing is left: a running job is cancelled, after `patience_s` killed; the folder is removed."""
        if self._process.poll() is None:
            try:
                self.cancel()
                self._process.wait(patience_s)
            except (OSError, subprocess.TimeoutExpired):
                self.kill()
                self._process.wait()
        for reader in self._readers:
            reader.join()
        self._ended = True
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read_events(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _read_log(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._log.append(line)

    def _death(self) -> dict[str, Any]:
        """The error event of a worker that could not report one itself."""
        code = self._process.returncode
        if not _WINDOWS and code == -signal.SIGKILL:
            message = "The worker was ended from outside; most often the system's memory had run out."
            hint = "Close other programs, use a smaller factor or batch, fewer samples, or crop the volume."
            return {"event": "error", "kind": "memory", "message": message, "hint": hint}
        message = f"The worker ended without a result (exit code {code})."
        return {"event": "error", "kind": "crash", "message": message, "hint": "Look into the details and report them."}


def started(command: Sequence[str]) -> subprocess.Popen[str]:
    """Start a Python that finds this `pdm_core` and speaks UTF-8; its outputs are pipes, and it leads a group of its own."""
    home = str(Path(pdm_core.__file__).resolve().parents[1])
    paths = [home, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUTF8": "1",
        "PYTHONIOENCODING": "utf-8",
        "PYTORCH_ENABLE_MPS_FALLBACK": "1",
    }
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        encoding="utf-8",
        errors="replace",
        start_new_session=not _WINDOWS,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )


def end_tree(process: subprocess.Popen[str]) -> None:
    """Ask a process of `started` and all that it has started to end; on Windows, which knows no asking, end them."""
    if _WINDOWS or process.poll() is not None:
        kill_tree(process)
    else:
        os.killpg(process.pid, signal.SIGTERM)


def kill_tree(process: subprocess.Popen[str]) -> None:
    """End a process of `started` and all that it has started: on Windows PythonSlicer is a launcher with a child."""
    if process.poll() is not None:
        return
    if _WINDOWS:
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(process.pid)], capture_output=True, check=False)
    else:
        os.killpg(process.pid, signal.SIGKILL)


def _event(line: str) -> dict[str, Any] | None:
    """The event of a line, or None for something else that was printed."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None
