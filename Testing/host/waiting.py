"""Waiting as an application does: with its event loop turning."""

import time

import slicer


def wait_until(condition, limit_s=60.0):
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        slicer.app.processEvents()
        time.sleep(0.02)
