"""Progress: honest estimates of the time left, also after a resume, and cancelling."""

import pytest

from pdm_core.errors import CancelledError
from pdm_core.progress import Progress


@pytest.fixture
def a_clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("pdm_core.progress.time.monotonic", lambda: now[0])
    return now


def test_the_estimate_follows_the_pace_of_this_run_only(a_clock):
    events = []
    progress = Progress("work", 100, events.append, done=60)
    assert events[0].eta_s is None
    a_clock[0] = 10.0
    progress.advance(10)
    assert (events[-1].step, events[-1].eta_s) == (70, 30.0)


def test_units_beyond_the_total_do_not_count():
    events = []
    Progress("work", 3, events.append).advance(5)
    assert (events[-1].step, events[-1].of, events[-1].eta_s) == (3, 3, 0.0)


def test_cancelling_raises_at_the_next_unit():
    with pytest.raises(CancelledError):
        Progress("work", 3, cancel=lambda: True).advance()


def test_work_in_between_has_its_own_count_and_leaves_the_pace_alone(a_clock):
    events = []
    progress = Progress("work", 10, events.append)
    with progress.aside("other work", 4) as other:
        a_clock[0] = 50.0
        other.advance()
        assert (events[-1].stage, events[-1].step, events[-1].eta_s) == ("other work", 1, 150.0)
    a_clock[0] = 60.0
    progress.advance(5)
    assert (events[-1].stage, events[-1].eta_s) == ("work", 10.0)
