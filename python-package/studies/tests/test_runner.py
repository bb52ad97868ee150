"""The study's work: measured once, resumed where it broke off, measured again when anything that decides has changed."""

import hashlib
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from pdm_core import CancelledError
from pdm_core.zoo import find_model, read_card, write_card
from pdm_study import prepared
from pdm_study.cache import Cache
from pdm_study.contenders import Contender
from pdm_study.prepared import Conditions
from pdm_study.runner import Job, run_study
from pdm_study.systems import BICUBIC, SMORE, ZIP, shipped

FAST = shipped("fast", 1)
SEVERAL = shipped("fast", 2, samples=3)


@pytest.fixture
def study(tmp_path, a_case):
    def work(*contenders, picture=False, slices=2, **changes):
        conditions = Conditions(tmp_path / "cards", "cpu", smore=2)
        jobs = [Job(contender, a_case, 2.0, picture) for contender in contenders]
        most = changes.pop("most", None)
        return run_study(jobs, Cache(tmp_path / "cache"), replace(conditions, **changes), slices, most=most)

    return work


def test_every_kind_of_contender_is_measured_slice_by_slice(study):
    results = study(BICUBIC, ZIP, SMORE, FAST, SEVERAL)
    assert not results.absent and len(results.measured) == 5
    found = {item.contender: item for item in results.measured}
    assert all(len(values) == 2 for item in found.values() for values in item.record.values.values())
    assert [found[contender.label].record.evaluations for contender in (ZIP, SMORE, FAST, SEVERAL)] == [0, 1, 1, 6]
    consistency = {label: np.mean(item.record.values["consistency"]) for label, item in found.items()}
    assert consistency["ZIP"] > 120 and consistency[FAST.label] > 120 and consistency["bicubic"] < 90
    assert found[FAST.label].projected and found["ZIP"].projected and not found["bicubic"].projected
    assert found[FAST.label].budget.parameters == find_model("fast").parameters
    assert found["SMORE"].budget.iterations == 2
    curve = found[SEVERAL.label].record.reliability
    assert found[FAST.label].record.reliability is None and len(curve.predicted) == 10 and curve.error > 0


@pytest.mark.parametrize(("threads", "meaning"), [(1, "1 threads), CPU time"), (2, "2 threads)")])
def test_seconds_of_one_thread_are_cpu_time_and_say_so(study, monkeypatch, threads, meaning):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    (item,) = study(ZIP).measured
    assert item.record.machine.replace(", bfloat16", "").endswith(meaning) and item.record.seconds >= 0.0


def test_a_second_run_measures_nothing_and_finds_the_same(study, runs):
    first = study(ZIP, SEVERAL, picture=True)
    assert len(runs) == 2
    second = study(ZIP, SEVERAL, picture=True)
    assert len(runs) == 2
    for one, other in zip(first.measured, second.measured, strict=True):
        assert one.record == other.record
        np.testing.assert_array_equal(one.picture, other.picture)


@pytest.mark.parametrize("change", [{"seed": 1}, {"slices": 3}])
def test_what_decides_a_result_has_a_place_of_its_own(study, runs, change):
    study(FAST)
    study(FAST, **change)
    assert len(runs) == 2


def test_an_contender_that_two_tables_name_alike_or_not_is_one_piece_of_work(study, runs):
    renamed = replace(FAST, label="another name")
    results = study(FAST, FAST, renamed)
    assert len(runs) == 1 and [item.contender for item in results.measured] == [FAST.label, "another name"]


def test_changed_weights_are_measured_again(study, runs, tmp_path, monkeypatch, a_tiny_model):
    shutil.copytree(a_tiny_model.weights.parent, tmp_path / "zoo")
    monkeypatch.setenv("PDM_ZOO", str(tmp_path / "zoo"))
    contender = Contender("tiny", "tiny", options={"steps": 1})
    study(contender)
    study(contender)
    assert len(runs) == 1
    path = tmp_path / "zoo" / "tiny.json"
    card = read_card(path)
    content = card.weights.read_bytes()
    card.weights.write_bytes(content[:-2] + bytes([content[-2] ^ 1, content[-1]]))
    write_card(replace(card, sha256=hashlib.sha256(card.weights.read_bytes()).hexdigest()), path)
    study(contender)
    assert len(runs) == 2


def test_an_interrupted_run_goes_on_where_it_broke_off(study, runs):
    with pytest.raises(CancelledError):
        study(BICUBIC, ZIP, FAST, cancel=lambda: len(runs) >= 2)
    assert len(runs) == 2
    assert len(study(BICUBIC, ZIP, FAST).measured) == 3
    assert len(runs) == 3


def test_a_picture_that_was_not_wanted_before_is_made_and_the_record_stays(study, runs, tmp_path):
    known = study(FAST).measured[0].record
    found = study(FAST, picture=True)
    assert len(runs) == 2 and found.measured[0].record == known
    truth, plain = found.truths["one", 2.0]
    assert truth.shape == plain.shape == found.measured[0].picture.shape == (96, 80)
    assert len(list((tmp_path / "cache").glob("*.npz"))) == 1


def test_what_cannot_be_measured_is_said(study):
    results = study(
        Contender("a", "no_such_model"),
        Contender("b", "fast", options={"steps": 0}),
        shipped("fast", 9),
        Contender("d", "fast_x{factor}"),
        most=8,
    )
    assert not results.measured
    reasons = [item.reason for item in results.absent]
    assert "no_such_model" in reasons[0] and "steps" in reasons[1] and "9 steps" in reasons[2] and "fast_x2" in reasons[3]


def test_what_was_measured_before_stays_however_few_steps_are_allowed(study, runs):
    study(shipped("fast", 9))
    assert len(study(shipped("fast", 9), most=8).measured) == len(runs) == 1


def test_a_rule_that_only_a_card_can_say_is_followed_and_kept_apart(study, runs, tmp_path):
    options = {"steps": 2, "sampler": "ddim"}
    contenders = [Contender(rule, "fast", options=options, rule=rule) for rule in ("consistent", "paper")]
    one, other = study(*contenders).measured
    assert len(runs) == 2 and one.record.values != other.record.values and one.model == "fast"
    assert json.loads((tmp_path / "cards" / "fast_paper.json").read_text())["sampler"]["rule"] == "paper"
    assert (
        prepared.prepared_method(contenders[0], 2.0, Conditions(tmp_path)).settings
        != prepared.prepared_method(contenders[1], 2.0, Conditions(tmp_path)).settings
    )
