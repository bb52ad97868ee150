"""A table of texts as Markdown and as LaTeX."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "²": "$^2$", "<": "$<$", ">": "$>$", "|": r"\textbar{}",
}  # fmt: skip
_SPECIAL = re.compile("|".join(re.escape(sign) for sign in _LATEX))


@dataclass(frozen=True)
class TextTable:
    """A table.

    Attributes:
        title: above it.
        head: of the columns.
        rows: texts, as many a row as columns.
        notes: lines below it.
    """

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()

    def markdown(self) -> str:
        """The table and its notes, without the title, which is a heading of the page around it."""
        lines = [f"| {' | '.join(_cell(text) for text in row)} |" for row in (self.head, *self.rows)]
        lines.insert(1, "|" + "---|" * len(self.head))
        return "\n".join([*lines, *(f"\n{note}" for note in self.notes)])

    def latex(self) -> str:
        """A `tabular` in a `table`, of LaTeX's own commands alone."""
        rows = [" & ".join(escaped(text) for text in row) + r" \\" for row in self.rows]
        head = " & ".join(escaped(text) for text in self.head) + r" \\"
        columns = "l" * len(self.head)
        caption = escaped(" ".join([self.title.rstrip(".") + ".", *self.notes]))
        begin = [r"\begin{table}", rf"\caption{{{caption}}}", rf"\begin{{tabular}}{{{columns}}}", r"\hline", head, r"\hline"]
        return "\n".join([*begin, *rows, r"\hline", r"\end{tabular}", r"\end{table}"]) + "\n"


def counted(number: int, thing: str) -> str:
    """So many of a thing."""
    return f"{number} {thing}" + ("" if number == 1 else "s")


def escaped(text: str) -> str:
    """Text that LaTeX prints as it stands."""
    return _SPECIAL.sub(lambda sign: _LATEX[sign.group()], text)


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")
