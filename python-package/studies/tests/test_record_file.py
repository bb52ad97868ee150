"""Records as a file: what it holds is not measured again on any machine, and what it is not is said before the work."""

import json
import math
from dataclasses import replace

import pytest

from pdm_core.cli.main import main
from pdm_core.errors import InputError
from pdm_core.metrics.reliability import Reliability
from pdm_study import runner
from pdm_study.cache import Cache
from pdm_study.prepared import Conditions
from pdm_study.record import Identity
from pdm_study.record_file import Records, rounded
from pdm_study.runner import Job, run_study
from pdm_study.systems import ZIP, shipped

FAST, LONG = shipped("fast", 2, samples=2), shipped("fast", 9)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "committed" / "records.json"


@pytest.fixture
def study(tmp_path, a_case, path):
    def work(*contenders, machine="one", picture=False, most=None, device="cpu"):
        records = Records(path)
        folder = tmp_path / machine
        conditions = Conditions(folder / "cards", device, smore=2)
        jobs = [Job(contender, a_case, 2.0, picture) for contender in contenders]
        results = run_study(jobs, Cache(folder / "cache", records), conditions, 2, most=most)
        records.write(results.measured)
        return results

    return work


def test_another_machine_measures_nothing_and_finds_the_same(study, runs, path):
    here = study(ZIP, FAST)
    text = path.read_text(encoding="utf-8")
    there = study(ZIP, FAST, machine="two", device="auto")
    assert len(runs) == 2 and [item.record for item in there.measured] == [item.record for item in here.measured]
    assert there.measured[1].record.reliability is not None
    assert path.read_text(encoding="utf-8") == text


def test_what_decides_a_record_keeps_it_apart_and_the_device_does_not(a_case):
    settings = {"weights": "ab", "options": {"device": "cpu", "seed": 0}}
    one = Identity(settings, 2.0, "cd")
    assert one.anywhere.key == Identity({**settings, "options": {"device": "cuda", "seed": 0}}, 2.0, "cd").anywhere.key
    others = [
        Identity({**settings, "options": {"device": "cpu", "seed": 1}}, 2.0, "cd"),
        replace(one, factor=4.0),
        replace(one, volume="ef"),
    ]
    assert len({what.anywhere.key for what in (one, *others)}) == 4


def test_a_line_each_with_its_settings_once_and_what_was_there_before_stays(study, made_up, path):
    records = Records(path)
    records.write([made_up("b", [30.0], case="two"), made_up("b", [30.0], case="one"), made_up("a", [1 / 3], case="two")])
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = [json.loads(line.rstrip(",")) for line in lines if line.startswith('{"arm"')]
    assert [(line["case"], line["arm"]) for line in kept] == [("one", "b"), ("two", "a"), ("two", "b")]
    assert kept[1]["record"]["values"]["psnr_unit_float"] == [0.333333] and sum('"options"' in line for line in lines) == 2

    again = Records(path)
    again.write([made_up("b", [99.0], case="two"), made_up("c", [30.0], case="one")])
    after = path.read_text(encoding="utf-8").splitlines()
    assert {line.rstrip(",") for line in lines} < {line.rstrip(",") for line in after}
    assert len(after) == len(lines) + 2 and not any("99.0" in line for line in after)
    assert not list(path.parent.glob("*.part"))


def test_six_digits_stay_of_every_number(made_up):
    curve = Reliability((1 / 3, 2 / 3), (1e-7 / 3, 100 / 3), 1 / 7, 1 / 9, 1 / 11)
    record = replace(made_up("a", [100 / 3, math.inf]).record, reliability=curve)
    short = rounded(record)
    assert short.values["psnr_unit_float"] == [33.3333, math.inf] and short.reliability.observed == (3.33333e-08, 33.3333)
    assert short.reliability.error == 0.0909091 and rounded(short) == short


def test_the_file_comes_before_the_folder_and_the_folder_reads_as_the_file_will(study, path):
    first = study(ZIP).measured[0].record
    assert first == rounded(first)
    text = path.read_text(encoding="utf-8")
    value = repr(first.values["psnr_unit_float"][0])
    path.write_text(text.replace(value, "77.7"), encoding="utf-8")
    assert study(ZIP).measured[0].record.values["psnr_unit_float"][0] == 77.7
    path.unlink()
    assert study(ZIP).measured[0].record == first and path.read_text(encoding="utf-8") == text


def test_a_picture_alone_is_not_worth_more_steps_than_are_allowed(study, runs):
    study(FAST, LONG)
    assert len(runs) == 2
    fast, long = study(FAST, LONG, machine="two", picture=True, most=8).measured
    assert len(runs) == 3 and fast.picture is not None and long.picture is None and long.record.evaluations == 9


DAMAGED = {
    "no JSON": lambda text: text[: len(text) // 2],
    "something else": lambda text: '{"rows": []}',
    "a list": lambda text: "[]",
    "another scheme": lambda text: text.replace('"scheme":1', '"scheme":0'),
    "changed settings": lambda text: text.replace('"arm":"a","options"', '"arm":"z","options"'),
    "a value that is none": lambda text: text.replace("30.5", '"high"'),
    "a slice too few": lambda text: text.replace("[30.5,31.5]", "[30.5]"),
    "a measure too few": lambda text: text.replace("psnr_unit_float", "other"),
    "no volume": lambda text: text.replace('"volume"', '"vol"'),
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_or_foreign_file_is_named_before_any_work(made_up, path, some_data, capsys, monkeypatch, damage):
    Records(path).write([made_up("a", [30.5, 31.5])])
    text = path.read_text(encoding="utf-8")
    broken = damage(text)
    assert broken != text
    path.write_text(broken, encoding="utf-8")
    with pytest.raises(InputError, match=r"records\.json"):
        Records(path)
    monkeypatch.setattr(runner, "_timed", lambda *_: pytest.fail("worked"))
    words = ["study", "paper", "--data", str(some_data), "--table", "II", "--records", str(path), "-o", str(some_data / "out")]
    assert main(words) == 2
    printed = capsys.readouterr().err.strip()
    assert "records.json" in printed and "--records" in printed and "\n" not in printed
    assert path.read_text(encoding="utf-8") == broken
