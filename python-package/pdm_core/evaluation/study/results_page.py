"""The results page: tables, claims and what is missing, in Markdown, every word of judgement from the numbers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pdm_core.atomic import write_text
from pdm_core.evaluation.study.claims import Claim
from pdm_core.evaluation.study.paper import paper_table
from pdm_core.evaluation.study.plan import Plan
from pdm_core.evaluation.study.results import Results
from pdm_core.evaluation.study.write import Report

_CAREFUL = """Every number below comes from real images of the split {split}{unseen}. The command at the end
makes this page; what had been measured before, on whatever machine, it did not measure again.
The last columns of the tables print what each network cost to train; the paper's took 2 million steps of 8 images each.
Systems are comparable where those columns agree. Differences that an interval does not tell from none are none."""
# Nothing was trained on or chosen by the images of this split.
_UNSEEN = "test"


def write_page(report: Report, results: Results, plan: Plan, facts: Mapping[str, Any], folder: Path, path: Path) -> None:
    """Write the page, and the pictures that it shows into a folder beside it that has its name.

    Args:
        report: what was written into `folder`.
        results: of the study.
        plan: that was followed.
        facts: under which circumstances.
        folder: where the pictures are.
        path: of the page.
    """
    pictures = path.parent / path.stem
    pictures.mkdir(parents=True, exist_ok=True)
    for name in report.pictures.values():
        shutil.copyfile(folder / f"{name}.png", pictures / f"{name}.png")
    write_text(path, "\n\n".join(_parts(report, results, plan, facts, path.stem)) + "\n")


def _parts(report: Report, results: Results, plan: Plan, facts: Mapping[str, Any], folder: str) -> Iterator[str]:
    yield "# Results: every system of the paper, side by side"
    unseen = ", which no model was trained on or chosen by" if facts["split"] == _UNSEEN else ""
    yield _CAREFUL.format(split=facts["split"], unseen=unseen)
    yield "## What holds"
    yield "\n".join(["| claim of the paper | on our data |", "|---|---|", *map(_verdict, report.claims)])
    for claim in report.claims:
        yield from _reasons(claim)
    yield "## The paper's numbers beside ours"
    yield paper_table(results, plan.scale).markdown()
    for table in [*report.tables, *report.others]:
        yield f"## {table.title}"
        yield table.markdown()
    yield "## Pictures"
    yield from (f"{what}:\n\n![{what}]({folder}/{name}.png)" for what, name in report.pictures.items())
    yield "## What is missing"
    yield "\n".join(f"- {arm}: {why}" for arm, why in report.missing.items()) or "Nothing: every arm was measured."
    yield "## Circumstances"
    machines = dict.fromkeys(item.record.machine for item in results.measured)
    yield "\n".join(f"- {name}: {value}" for name, value in {**facts, "measured on": "; ".join(machines)}.items())


def _verdict(claim: Claim) -> str:
    return f"| {claim.title} | **{claim.verdict.value}** |"


def _reasons(claim: Claim) -> Iterator[str]:
    yield f"### {claim.title}"
    decided = f"{claim.verdict.value[0].upper()}{claim.verdict.value[1:]}"
    if not claim.comparisons:
        yield f"{decided}: none of the arms that it speaks of could be compared."
        return
    counts: dict[str, int] = {}
    for item in claim.comparisons:
        counts[item.verdict.value] = counts.get(item.verdict.value, 0) + 1
    of = ", ".join(f"{count} {words}" for words, count in counts.items())
    yield f"{decided}, by {len(claim.comparisons)} comparisons ({of}). A comparison {claim.rule}."
    yield "\n".join(f"- {item.verdict.value}: {item.words}" for item in claim.comparisons)
