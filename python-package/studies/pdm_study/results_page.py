"""The results page: tables, claims and what is missing, in Markdown, every word of judgement from the numbers."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pdm_core.atomic import write_text
from pdm_core.methods.registry import METHODS
from pdm_study.artifacts import Picture, Report
from pdm_study.claims import Claim, Verdict
from pdm_study.estimates import TOO_FEW, estimate
from pdm_study.measures import PSNR
from pdm_study.paper import paper_table
from pdm_study.plan import Plan
from pdm_study.results import Results
from pdm_study.systems import PLAIN
from pdm_study.text_table import counted

_CAREFUL = """Every number below comes from real images of the split {split}{unseen}. The command at the end
makes this page; what had been measured before, on whatever machine, it did not measure again.
The last columns of the tables print what each network cost to train; the paper's took 2 million steps of 8 images each.
Systems are comparable where those columns agree.{told}"""
_TOLD = " Differences that an interval does not tell from none are none."
_UNTOLD = """

**This is {slices} of {cases}. No number has an interval ({why}),
so that any difference between two lines may be chance.**"""
# Nothing was trained on or chosen by the images of this split.
_UNSEEN = "test"


def write_page(report: Report, results: Results, plan: Plan, facts: Mapping[str, Any], folder: Path, path: Path) -> None:
    """Write the page, and the pictures that it shows into a folder beside it that has its name.

    A picture that an earlier run put there stays where this one could not draw it whole.

    Args:
        report: what was written into `folder`.
        results: of the study.
        plan: that was followed.
        facts: under which circumstances.
        folder: where the pictures are.
        path: of the page.
    """
    beside = path.parent / path.stem
    beside.mkdir(parents=True, exist_ok=True)
    captions = {picture: _placed(picture, folder, beside) for picture in report.pictures}
    shown = [f"{words}:\n\n![{x.what}]({path.stem}/{x.name}.png)" for x, words in captions.items() if words]
    write_text(path, "\n\n".join(_parts(report, results, plan, facts, shown)) + "\n")


def _placed(picture: Picture, folder: Path, beside: Path) -> str:
    """What is to stand above a picture, which then lies beside the page; empty where there is none."""
    target = beside / f"{picture.name}.png"
    if picture.lacking and target.is_file():
        return f"{picture.what}; drawn by an earlier run (systems without a picture in this one: {picture.lacking})"
    if not picture.written:
        return ""
    shutil.copyfile(folder / target.name, target)
    return picture.what + (f" (systems without a picture: {picture.lacking})" if picture.lacking else "")


def _parts(report: Report, results: Results, plan: Plan, facts: Mapping[str, Any], pictures: Sequence[str]) -> Iterator[str]:
    yield f"# Results: {_subject(plan)}"
    unseen = ", which no model was trained on or chosen by" if facts["split"] == _UNSEEN else ""
    yield _CAREFUL.format(split=facts["split"], unseen=unseen, told=_TOLD if _told(results) else _untold(results))
    yield "## What holds"
    yield from _judged(report.claims)
    paper = paper_table(results, plan)
    if paper.rows:
        yield f"## {paper.title}"
        yield paper.markdown()
    for table in [*report.tables, *report.others]:
        yield f"## {table.title}"
        yield table.markdown()
    if pictures:
        yield "## Pictures"
        yield from pictures
    yield "## What is missing"
    yield "\n".join(lacking(report.missing, results)) or "Nothing: every contender was measured."
    yield "## Circumstances"
    machines = dict.fromkeys(item.record.machine for item in results.measured)
    yield "\n".join(f"- {name}: {value}" for name, value in {**facts, "measured on": "; ".join(machines)}.items())


def lacking(missing: Mapping[str, str], results: Results) -> Iterator[str]:
    """The page's lines on contenders that were measured nowhere, which are `missing`, then on how many lack on a set alone."""
    yield from (f"- {contender}: {why}" for contender, why in missing.items())
    partly = Counter(item.data_set for item in results.absent if item.contender not in missing)
    yield from (
        f"- {name}: {count} lines, of systems that were measured elsewhere; each says why." for name, count in partly.items()
    )


def _subject(plan: Plan) -> str:
    if not plan.systems:
        return "every system of the paper, side by side"
    titles = {name: method.title for name, method in METHODS.items()} | {
        str(contender.method): contender.label for contender in PLAIN
    }
    return f"{', '.join(titles.get(name, name) for name in plan.systems)}; T = {plan.scale.full}"


def _told(results: Results) -> bool:
    """Whether any line has an interval."""
    lines = dict.fromkeys((item.contender, item.data_set, item.factor) for item in results.measured)
    return any(estimate(results.values(*line, PSNR.key)).interval is not None for line in lines)


def _untold(results: Results) -> str:
    slices = {item.case: item.record.slices for item in results.measured}
    return _UNTOLD.format(slices=counted(sum(slices.values()), "slice"), cases=", ".join(slices) or "no case", why=TOO_FEW)


def _judged(claims: Sequence[Claim]) -> Iterator[str]:
    """Each claim with its reasons, or one sentence where nothing can be told of any."""
    if all(claim.verdict is Verdict.UNKNOWN for claim in claims):
        made = sum(len(claim.comparisons) for claim in claims)
        why = (
            f"of {counted(made, 'comparison')} none has an interval that decides"
            if made
            else "no two systems that they compare are here"
        )
        yield f"None of the paper's claims can be told from what was measured here: {why}."
        return
    yield "\n".join(["| claim of the paper | on our data |", "|---|---|", *map(_verdict, claims)])
    for claim in claims:
        yield from _reasons(claim)


def _verdict(claim: Claim) -> str:
    return f"| {claim.title} | **{claim.verdict.value}** |"


def _reasons(claim: Claim) -> Iterator[str]:
    yield f"### {claim.title}"
    decided = f"{claim.verdict.value[0].upper()}{claim.verdict.value[1:]}"
    if not claim.comparisons:
        yield f"{decided}: none of the contenders that it speaks of could be compared."
        return
    counts: dict[str, int] = {}
    for item in claim.comparisons:
        counts[item.verdict.value] = counts.get(item.verdict.value, 0) + 1
    of = ", ".join(f"{count} {words}" for words, count in counts.items())
    yield f"{decided}, by {len(claim.comparisons)} comparisons ({of}). A comparison {claim.rule}."
    yield "\n".join(f"- {item.verdict.value}: {item.words}" for item in claim.comparisons)
