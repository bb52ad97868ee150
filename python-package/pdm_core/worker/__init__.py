"""Jobs in a process of their own, for programs that must never freeze (DESIGN, "Worker").

`python -m pdm_core.worker JOB.json` does one job: a restoration, with the zones of the prostate or without, the zones alone,
the list of devices, or any command of `pdm-sr`. The job and its arrays lie in one folder; results are written there too.
Standard output carries one JSON object a line:

    {"event": "progress", "stage", "step", "of", "eta_s"}    {"event": "warning", "message"}
    {"event": "result", ...}                                 {"event": "error", "kind", "message", "hint"}

A file named `cancel` in the folder asks the work to stop at its next step. The exit code is that of `pdm-sr`.
`WorkerProcess` starts such a process and hands its events over; it needs neither torch nor Slicer.
"""

from pdm_core.worker.process import WorkerProcess, end_tree, kill_tree, started

__all__ = ["WorkerProcess", "end_tree", "kill_tree", "started"]
