"""Intervals, lines, claims and the front: made-up numbers get the words that they deserve."""

import re

import numpy as np
import pytest

from pdm_core.methods.registry import METHODS
from pdm_core.zoo import find_model
from pdm_study.claims import Verdict, claims
from pdm_study.contenders import Budget, Contender
from pdm_study.estimates import difference, estimate
from pdm_study.figures import figure_10 as draw_figure_10
from pdm_study.leaderboard import fronts, pareto_front
from pdm_study.measures import PSNR
from pdm_study.results import Results, Skipped
from pdm_study.results_page import lacking
from pdm_study.systems import (
    BICUBIC,
    Scale,
    figure_10,
    full,
    ours,
    panels,
    partial,
    shipped,
    table_ii,
    table_v,
    table_vi,
    table_vii,
    trained,
)  # fmt: skip
from pdm_study.table_rows import table_rows
from pdm_study.tables import quality_table, time_table
from pdm_study.timing import fits

SCALE = Scale()
NOISE = 0.05 * np.random.default_rng(0).standard_normal(12)
HALF, LINEAR, COSINE_LINEAR, TIME = 0, 2, 3, 4


def verdict(number, *measured, lines=()):
    return claims(Results(measured), lines, SCALE)[number].verdict


def test_the_interval_of_a_known_difference_covers_it():
    random = np.random.default_rng(0)
    common = {case: random.normal(30, 3, 20) for case in "abc"}
    better = {case: values + random.normal(0.5, 0.2, 20) for case, values in common.items()}
    found = difference(better, common)
    low, high = found.interval
    assert low < 0.5 < high and high - low < 0.15 and found.unit == "slices"
    # Paired it tells what the two means apart do not.
    assert estimate(better).interval[0] < estimate(common).mean
    many = {str(number): values for number, values in enumerate(random.normal(0.5, 0.2, (9, 3)))}
    assert estimate(many).unit == "cases"
    assert difference(better, {"d": np.ones(3)}) is None


@pytest.mark.parametrize(
    ("cases", "slices", "enough"), [(1, 1, 0), (2, 1, 0), (1, 3, 0), (7, 3, 0), (1, 4, 1), (3, 4, 1), (8, 1, 1)]
)
def test_too_few_slices_have_no_interval_and_decide_nothing(made_up, cases, slices, enough):
    random = np.random.default_rng(0)
    whole, half = full("sr3", SCALE), partial("sr3", 0.5, SCALE)
    items = []
    for number in range(cases):
        values = 30 + 0.1 * random.standard_normal(slices)
        items.append(made_up(whole, values, case=str(number)))
        items.append(made_up(half, values + 1 + 0.1 * random.standard_normal(slices), case=str(number)))
    results = Results(items)
    (claim,) = (claim for claim in claims(results, (), SCALE) if claim.comparisons)
    assert claim.verdict is (Verdict.HOLDS if enough else Verdict.UNKNOWN)
    assert enough or all("too few slices to tell" in item.words for item in claim.comparisons)
    lines = table_rows(results, [whole, half], "ProstateX", [2.0], whole.label)
    if enough:
        low, high = lines[1].values[PSNR.key].interval
        assert low < lines[1].values[PSNR.key].mean < high
    table = quality_table("title", lines, whole.label)
    for text in (table.markdown(), table.latex()):
        with_ends = bool(re.search(r"\d to [\d+-]", text))
        assert with_ends == ("in brackets" in text) == bool(enough) and ("without intervals" in text) != bool(enough)
    (front,) = fronts(lines, half.label)
    assert bool(front.best) == bool(enough) and ("too few slices" in front.words) != bool(enough)


def test_half_the_way_equals_the_whole_where_it_is_no_worse_by_more_than_the_margin(made_up):
    whole, half = full("sr3", SCALE), partial("sr3", 0.5, SCALE)
    reference = made_up(whole, 30 + NOISE)
    assert verdict(HALF, reference, made_up(half, 29.9 + NOISE[::-1])) is Verdict.HOLDS
    assert verdict(HALF, reference, made_up(half, 31 + NOISE[::-1])) is Verdict.HOLDS
    assert verdict(HALF, reference, made_up(half, 29 + NOISE[::-1])) is Verdict.FAILS
    assert verdict(HALF, reference, made_up(half, 30 + 40 * NOISE)) is Verdict.UNKNOWN
    assert verdict(HALF, made_up(whole, [30.0]), made_up(half, [20.0])) is Verdict.UNKNOWN
    assert verdict(HALF, reference) is Verdict.UNKNOWN


def test_cosine_against_linear_and_a_claim_that_holds_in_part(made_up):
    early, late = ([trained("sr3", kind, share, SCALE) for kind in ("linear", "cosine")] for share in (0.25, 0.5))
    better = [made_up(early[0], 30 + NOISE), made_up(early[1], 30.5 + NOISE[::-1])]
    worse = [made_up(late[0], 30 + NOISE), made_up(late[1], 29 + NOISE[::-1])]
    assert verdict(COSINE_LINEAR, *better) is Verdict.HOLDS
    assert verdict(COSINE_LINEAR, *worse) is Verdict.FAILS
    assert verdict(COSINE_LINEAR, *better, *worse) is Verdict.PARTLY
    words = claims(Results(better), (), SCALE)[COSINE_LINEAR].comparisons[0].words
    assert "ProstateX, x2" in words and "+0.5" in words


@pytest.mark.parametrize(("small", "expected"), [(3.0, Verdict.HOLDS), (0.2, Verdict.FAILS), (1.0, Verdict.UNKNOWN)], ids=str)
def test_alignment_matters_more_at_small_k_by_the_difference_of_the_gains(made_up, small, expected):
    measured = []
    for share, gain in ((0.25, small), (0.5, 1.0)):
        measured.append(made_up(trained("sr3", "none", share, SCALE), 28 + NOISE))
        measured.append(made_up(trained("sr3", "cosine", share, SCALE), 28 + gain + (NOISE[::-1] if share == 0.5 else NOISE)))
    assert verdict(LINEAR, *measured) is expected


def test_time_is_linear_where_a_line_explains_it(made_up):
    def timed(law):
        contenders = [made_up(f"contender {n}", [30.0] * 4, evaluations=n, seconds=law(n)) for n in (1, 2, 5, 10, 25, 50)]
        return fits(Results(contenders), [contender.contender for contender in contenders], "ProstateX", [2.0])

    (line,) = timed(lambda n: 0.25 + 0.1 * n)
    assert line.step_ms == pytest.approx(100) and line.start_ms == pytest.approx(250) and line.explained == pytest.approx(1)
    assert verdict(TIME, lines=[line]) is Verdict.HOLDS
    assert verdict(TIME, lines=timed(lambda n: 2 + np.sin(n))) is Verdict.FAILS
    assert fits(Results([made_up("one", [30.0] * 4)]), ["one"], "ProstateX", [2.0]) == []


def test_a_missing_contender_is_a_line_with_its_reason_and_no_number(made_up):
    results = Results([made_up(BICUBIC, 30 + NOISE)], [Skipped("SR3, T = 100", "one", "ProstateX", 2.0, "There is no 'sr3'.")])
    lines = table_rows(results, [BICUBIC, full("sr3", SCALE)], "ProstateX", [2.0], BICUBIC.label)
    table = quality_table("title", lines, BICUBIC.label)
    assert table.rows[1][:3] == ["SR3, T = 100", "x2", "not measured: There is no 'sr3'."]
    assert set(table.rows[1][3:]) == {"-"} and len(table.rows[1]) == len(table.head) == len(table.rows[0])
    assert "12 slices of 1 case," in table.markdown() and "slices within the cases" in table.markdown()


def test_what_is_missing_on_one_set_alone_is_counted_there(made_up):
    absent = [Skipped(contender, "k", "knee", factor, "Left out.") for contender in ("SR3", "SMORE") for factor in (2.0, 4.0)]
    results = Results([made_up("SR3", [30.0])], absent)
    found = list(lacking({"SMORE": "Left out."}, results))
    assert found == ["- SMORE: Left out.", "- knee: 2 lines, of systems that were measured elsewhere; each says why."]
    assert list(lacking({}, Results([made_up("SR3", [30.0])]))) == []


def test_a_table_of_lines_with_and_without_intervals_says_what_the_bare_ones_lack(made_up):
    items = [made_up(BICUBIC, [30.0 + number], case=str(number)) for number in range(8)]
    results = Results([*items, *(made_up(full("sr3", SCALE), [31.0], case=item.case) for item in items[1:])])
    lines = table_rows(results, [BICUBIC, full("sr3", SCALE)], "ProstateX", [2.0], BICUBIC.label)
    notes = quality_table("title", lines, BICUBIC.label).markdown()
    assert "in brackets" in notes and "Where there are no brackets" in notes


def test_the_front_holds_what_nothing_beats_and_says_where_the_default_is(made_up):
    points = [("slow", 9.0, 36.0), ("poor", 2.0, 30.0), ("quick", 1.0, 33.0), ("lame", 10.0, 36.0)]
    assert pareto_front(points) == ("slow", "quick")
    default = shipped("fast", 1)
    results = Results([made_up(default, [33.0] * 4, seconds=2.0), made_up("other", [34.0] * 4, seconds=1.0)])
    lines = table_rows(results, [default, Contender("other")], "ProstateX", [2.0], "bicubic")
    (front,) = fronts(lines, default.label)
    assert "does not lie on the front: other is 1.00 dB better" in front.words
    (front,) = fronts(lines, "other")
    assert "lies on the front" in front.words


def test_a_point_without_an_interval_is_no_narrow_one_of_figure_10(made_up):
    known = [made_up(f"{steps}", 30 + steps + NOISE, evaluations=steps) for steps in (1, 2, 8)]
    results = Results([*known, made_up("4", [34.0], evaluations=4)])
    lines = table_rows(results, [Contender(item.contender) for item in results.measured], "ProstateX", [2.0], "1")
    axis = draw_figure_10({"a": lines}).axes[0]
    assert list(axis.lines[0].get_xdata()) == [1, 2, 4, 8]
    banded = {float(x) for path in axis.collections[0].get_paths() for x in path.vertices[:, 0]}
    assert banded == {1, 2, 8}


def test_times_of_two_machines_are_told_apart(made_up):
    default, other, far = shipped("fast", 1), Contender("other"), Contender("far")
    results = Results(
        [
            made_up(default, [33.0] * 4, seconds=2.0),
            made_up(other, [31.0] * 4, seconds=3.0),
            made_up(far, [35.0] * 4, seconds=0.1, machine="a greater one"),
        ]
    )
    lines = table_rows(results, [default, other, far], "ProstateX", [2.0], "bicubic")
    (front,) = fronts(lines, default.label)
    assert [line.contender for line in front.lines] == [default.label, "other"] and front.best == (default.label,)
    assert "All measured on a machine; 1 measured elsewhere have no place here." in front.words
    quality, times = quality_table("title", lines, "bicubic"), time_table("title", lines, [])
    for table, column in ((quality, quality.head.index("s a slice")), (times, times.head.index("s a slice"))):
        assert [row[column] for row in table.rows] == ["2.000", "3.000", "0.100*"]
        assert "with a star, which they do not compare with, on a greater one" in table.markdown()


def test_a_line_of_times_is_drawn_through_one_machine_alone(made_up):
    items = [made_up(f"{n} here", [30.0], evaluations=n, seconds=0.1 * n) for n in (1, 2, 5)]
    items += [made_up(f"{n} there", [30.0], evaluations=n, seconds=9.0, machine="a slower one") for n in (1, 2)]
    items += [made_up("2 here", [30.0], evaluations=2, seconds=7.0, factor=4.0)]
    (line,) = fits(Results(items), [item.contender for item in items], "ProstateX", [2.0])
    assert line.points == 3 and line.step_ms == pytest.approx(100)


def test_a_budget_says_what_came_before_it():
    assert Budget.of(find_model("pdm")).words == "2000 x 16 x 64²"
    assert Budget.of(find_model("consistency")).words == "2000 x 16 x 64² after another model's"


def test_every_line_goes_by_a_method_or_by_what_needs_no_network():
    contenders = [contender for table in (table_ii, table_v, table_vi, table_vii, figure_10) for contender in table(SCALE)]
    assert {contender.system for contender in contenders if contender.model} == METHODS.keys()
    assert {contender.method for contender in contenders if not contender.model} == {"bicubic", "zip", "smore"}


def test_no_two_contenders_share_a_name():
    """Results are found by it."""
    for scale in (SCALE, Scale(4, 4, 10), Scale(6, 5, 1)):
        contenders = [*table_ii(scale), *table_v(scale), *table_vi(scale), *table_vii(scale), *figure_10(scale)]
        contenders += [contender for each in panels(scale).values() for contender in each]
        by_name = {}
        for contender in contenders:
            assert by_name.setdefault(contender.label, contender) == contender
    assert ours("pdm", "paper", SCALE).options["steps"] == 25 and PSNR.digits == 2
