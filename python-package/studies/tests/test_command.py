"""The command line: everything, quickly, on a made-up data set; a second run measures nothing; the page is written."""

import csv
import re
import shutil

import pytest

from pdm_core.cli.main import main
from pdm_study import runner


@pytest.fixture
def arguments(some_data):
    out = some_data / "out"
    return ["study", "paper", "--data", str(some_data), "-o", str(out), "--device", "cpu"]


def test_all_of_it_quickly_and_again_for_nothing(arguments, some_data, capsys, monkeypatch):
    page = some_data / "docs" / "results.md"
    page.parent.mkdir()
    words = [*arguments, "--all", "--quick", "--page", str(page)]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "Alignment matters more at small K." in printed and "the default, fast, 1 NFE" in printed
    first = page.read_text(encoding="utf-8")
    assert (
        "Nothing: every contender was measured." in first
        and "bicubic, ProstateX | x2 |" in first
        and str(some_data) not in first
    )
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

    monkeypatch.setattr(runner, "_timed", lambda *_: pytest.fail("measured again"))
    assert main(words) == 0
    assert page.read_text(encoding="utf-8") == first


def test_one_table_of_one_set(arguments, some_data, capsys):
    assert main([*arguments, "--table", "IV", "--factors", "2", "--most-steps", "2", "--smore-steps", "1"]) == 0
    out = some_data / "out"
    text = (out / "table_IV.md").read_text(encoding="utf-8")
    assert "Table IV: every system on knee" in text and "3 steps, more than the 2 that were allowed" in text
    assert "95 % bootstrap intervals over slices" in text and re.search(r"\| ZIP \| x2 \| \d+\.\d\d \(\d+\.\d\d to", text)


def test_a_few_systems_on_one_slice_make_a_page_that_claims_nothing(arguments, some_data, capsys, monkeypatch):
    monkeypatch.chdir(some_data)
    page, records = some_data / "few.md", "few/records.json"
    words = [
        *arguments,
        "--table",
        "II",
        "--systems",
        "sr3",
        "zip",
        "fast",
        "--cases",
        "one",
        "--factors",
        "2",
        "--slices",
        "1",
    ]
    words += ["--full-steps", "8", "--most-steps", "8", "--records", records, "--page", str(page)]
    assert main(words) == 0
    first = page.read_text(encoding="utf-8")
    table = (some_data / "out" / "table_II.md").read_text(encoding="utf-8")
    shown = [row.split(" | ")[0].strip("| ") for row in table.splitlines() if " | x2 | " in row]
    assert "ZIP" in shown and "SR3, T = 8" in shown and "fast, 1 NFE" in shown
    assert not {"bicubic", "SMORE", "pdm, 1 NFE", "ScoreMRI, T = 8"} & set(shown)
    assert (
        "# Results: SR3, ZIP, fast; T = 8" in first
        and "Table II: chosen systems" in first
        and "This is 1 slice of one." in first
        and "without intervals" in first
    )
    assert "None of the paper's claims can be told" in first and "###" not in first and "T/2" not in first
    assert "too few slices to tell whether the default" in first and "Nothing: every contender was measured." in first
    assert "--slices 1" in first and f"--records {records}" in first and f"- records: {records}: " in first
    assert "1 central" in first and str(some_data) not in first

    # On another machine: nothing is measured but what is quick to draw, and a picture that cannot be drawn whole stays.
    drawn = (some_data / "few" / "figure_4.png").read_bytes()
    shutil.rmtree(some_data / "out")
    monkeypatch.setattr(runner, "_recorded", lambda *_: pytest.fail("measured again"))
    words[words.index("--most-steps") + 1] = "3"
    assert main(words) == 0
    second = page.read_text(encoding="utf-8")
    assert (some_data / "few" / "figure_4.png").read_bytes() == drawn
    assert "drawn by an earlier run (systems without a picture in this one: 4)" in second
    assert [row for row in second.splitlines() if row.startswith("| ")] == [
        row for row in first.splitlines() if row.startswith("| ")
    ]
    (some_data / "few" / "figure_4.png").unlink()
    assert main(words) == 0
    assert "errors beneath (systems without a picture: 4):" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--records", "r.json"], "--all"),
        (["--systems", "sr3"], "--all"),
        (["--table", "II", "--systems", "sr4"], "sr3"),
        (["--table", "II", "--systems", "ddim"], "ddim"),
        (["--all", "--slices", "0"], "'0' is neither a whole number from 1 on nor central nor all"),
        (["--all", "--slices", "-1"], "--slices"),
        (["--all", "--slices", "2.5"], "'2.5'"),
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
    assert main(["study", "paper", "--all", "--quick", "-o", str(tmp_path / "out")]) == 2
    printed = capsys.readouterr().err.strip()
    assert "--data" in printed and "\n" not in printed
    assert main(["study", "paper", "--all", "--quick"]) == 2
    assert "-o" in capsys.readouterr().err
