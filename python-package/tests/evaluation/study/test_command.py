"""The command line: everything, quickly, on a made-up data set; a second run measures nothing; the page is written."""

import csv
import re

import pytest

from pdm_core.cli.main import main
from pdm_core.evaluation.study import run


@pytest.fixture
def arguments(some_data):
    out = some_data / "out"
    return ["evaluate", "--data", str(some_data), "-o", str(out), "--device", "cpu"]


def test_all_of_it_quickly_and_again_for_nothing(arguments, some_data, capsys, monkeypatch):
    page = some_data / "docs" / "results.md"
    page.parent.mkdir()
    words = [*arguments, "--all", "--quick", "--page", str(page)]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "Alignment matters more at small K." in printed and "the default, fast, 1 NFE" in printed
    first = page.read_text(encoding="utf-8")
    assert "Nothing: every arm was measured." in first and "bicubic, ProstateX | x2 |" in first and str(some_data) not in first
    links = re.findall(r"!\[.*?\]\((.*?)\)", first)
    assert {link.split("/")[1] for link in links} >= {"figure_2.png", "figure_10.png", "leaderboard.png", "figure_4.png"}
    assert all((page.parent / link).read_bytes()[:4] == b"\x89PNG" for link in links)
    out = some_data / "out"
    names = {path.name for path in out.iterdir()}
    for table in ("II", "V", "VI", "VII"):
        assert {f"table_{table}{end}" for end in (".md", ".tex", "_cases.csv", "_slices.csv")} <= names
    assert {"figure_2.pdf", "figure_10.pdf", "leaderboard.pdf", "reliability.md"} <= names
    rows = list(csv.DictReader((out / "table_II_cases.csv").open()))
    assert {"ZIP", "fast, 1 NFE"} <= {row["arm"] for row in rows} and all(float(row["psnr_unit_float"]) > 5 for row in rows)

    monkeypatch.setattr(run, "_timed", lambda *_: pytest.fail("measured again"))
    assert main(words) == 0
    assert page.read_text(encoding="utf-8") == first


def test_one_table_of_one_set(arguments, some_data, capsys):
    assert main([*arguments, "--table", "IV", "--factors", "2", "--most-steps", "2", "--smore-steps", "1"]) == 0
    out = some_data / "out"
    text = (out / "table_IV.md").read_text(encoding="utf-8")
    assert "Table IV: every system on knee" in text and "3 steps, more than the 2 that were allowed" in text
    assert "95 % bootstrap intervals over slices" in text and re.search(r"\| ZIP \| x2 \| \d+\.\d\d \(\d+\.\d\d to", text)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--quick"], "--all"),
        (["--all", "--cases", "nobody"], "no case nobody"),
        (["--all", "--split", "val"], "no case at all"),
        (["--all", "--full-steps", "3"], "4 steps or more"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(arguments, capsys, words, said):
    assert main([*arguments, *words]) == 2
    printed = capsys.readouterr().err.strip()
    assert said in printed and "\n" not in printed


def test_without_data_it_asks_for_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PDM_SHARED", str(tmp_path))
    assert main(["evaluate", "--all", "--quick", "-o", str(tmp_path / "out")]) == 2
    printed = capsys.readouterr().err.strip()
    assert "--data" in printed and "\n" not in printed
    assert main(["evaluate", "--all", "--quick"]) == 2
    assert "-o" in capsys.readouterr().err
