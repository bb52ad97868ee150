"""Tables as text: nothing in them is taken for LaTeX or Markdown."""

import re

from pdm_study.text_table import TextTable, escaped

HARD = "50 % of a_b & c #1 {x} ~ ^ \\ $ 48² <|>"


def test_latex_prints_every_sign_as_it_stands():
    text = escaped(HARD)
    assert text == (
        r"50 \% of a\_b \& c \#1 \{x\} \textasciitilde{} \textasciicircum{} \textbackslash{} \$ 48$^2$ $<$\textbar{}$>$"
    )
    table = TextTable("Table_1", ["a & b", "c"], [[HARD, "1"]], ["100 %"]).latex()
    body = table.split(r"\hline")[2]
    assert len(re.findall(r"(?<!\\)&", body)) == 1 and body.strip().endswith(r"\\")
    assert r"\caption{Table\_1. 100 \%}" in table and not re.search(r"(?<!\\)%", table)


def test_a_bar_in_a_cell_of_markdown_ends_no_column():
    lines = TextTable("t", ["a", "b"], [["x|y", "two\nlines"]], ["note"]).markdown().splitlines()
    assert lines == ["| a | b |", "|---|---|", r"| x\|y | two lines |", "", "note"]
