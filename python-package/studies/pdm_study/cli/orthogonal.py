"""`pdm-sr study orthogonal`: a real scan restored between its slices, against the patient's scans across it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from pdm_core.cli.console import console_for
from pdm_core.cli.data import data_folder
from pdm_study.cli.arguments import study_parser

if TYPE_CHECKING:
    from pathlib import Path

    from pdm_core.pipeline.options import SuperResolutionOptions
    from pdm_study.orthogonal.evaluation import SideView, Study


def add_parser(studies: Any) -> argparse.ArgumentParser:
    """Add the study's arguments."""
    purpose = "a real axial scan restored between its slices, against the scans across it"
    parser = study_parser(studies, "orthogonal", purpose)
    parser.add_argument("--models", nargs="+", metavar="NAME", help="through-plane models, or paths of cards (default: all)")
    parser.add_argument("--steps", nargs="+", type=int, metavar="N", default=[1], help="network evaluations (default: 1)")
    parser.add_argument("--adapt", type=int, default=0, metavar="STEPS", help="also with each model fine-tuned first")
    parser.add_argument(
        "--thickness-matching", nargs="+", default=["none"], metavar="KIND", help="none (default), residual or average"
    )
    parser.add_argument("--update-cards", action="store_true", help="write the table into the cards of the models")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Measure and print; with a folder also draw."""
    from pdm_core.evaluation.tables import circumstances, write_tables
    from pdm_study.orthogonal.evaluation import CASE, as_markdown, evaluate_orthogonal, find_study

    if arguments.output is not None:
        # Found missing before the work rather than after it.
        import matplotlib  # noqa: F401
    models, cases = _models(arguments.models), list(arguments.cases or [CASE])
    options = _options(arguments, models)
    studies = [find_study(data_folder(arguments.data), arguments.split, case) for case in cases]
    rows, motions = [], {}
    with console_for(arguments) as console:
        for study in studies:
            measured, views = evaluate_orthogonal(study, options, progress=console.progress)
            rows += measured
            for view, side in views.items():
                motions[f"{study.name}, {view}"] = f"{side.motion.shift_mm:.1f} mm, {side.motion.turn_degrees:.1f} degrees"
            if arguments.output is not None:
                _draw(study, views, measured[-1].method, arguments.output)
        facts = {"motion between the scans": motions, **circumstances("as scanned", "all", _command(arguments, cases, models))}
        table = as_markdown(rows)
        if arguments.output is not None:
            write_tables(arguments.output, "orthogonal", table, rows, facts)
        content = {"rows": [asdict(row) for row in rows], **facts}
        if arguments.update_cards:
            _update_cards(models, content)
        console.result("\n".join([table, "", *(f"{name}: {value}" for name, value in facts.items())]), content)
    return 0


def _models(chosen: Sequence[str] | None) -> list[str]:
    """Names of the chosen models, or of all for runs between slices; the path of a card stays one."""
    from pdm_core.zoo import find_model, list_models

    names = chosen or [card.name for card in list_models("through-plane")]
    return [name if name.endswith(".json") else find_model(name, mode="through-plane").name for name in names]


def _options(arguments: argparse.Namespace, models: Sequence[str]) -> list[SuperResolutionOptions]:
    """Those of every restoration that is compared."""
    from pdm_core.pipeline.options import SuperResolutionOptions

    plain = SuperResolutionOptions(mode="through-plane", factor=None, device=arguments.device)
    options = [
        replace(plain, model=model, steps=steps, adapt=adapt, thickness_matching=matching)
        for model in models
        for steps in arguments.steps
        for adapt in sorted({0, arguments.adapt})
        for matching in arguments.thickness_matching
    ]
    for settings in options:
        settings.validate()
    return options


def _draw(study: Study, views: dict[str, SideView], method: str, folder: Path) -> None:
    """The interpolated scan, what the last method has made of it, and the real scan, for each view."""
    from pdm_core.evaluation.through_plane import BASELINE
    from pdm_study.orthogonal.sheet import draw_orthogonal_sheet

    folder.mkdir(parents=True, exist_ok=True)
    for view, side in views.items():
        titles = {BASELINE: f"axial scan, {BASELINE}", method: f"axial scan, {method}"}
        path = folder / f"{study.name}-{view}.png"
        draw_orthogonal_sheet(side, titles, study.places, f"real {view} scan", path)


def _update_cards(models: Sequence[str], content: dict[str, Any]) -> None:
    """Put the table into each model's card, beside what was measured otherwise."""
    from pdm_core.zoo import find_model, write_card

    for card in map(find_model, models):
        write_card(replace(card, quality={**card.quality, "orthogonal": content}), card.weights.with_suffix(".json"))


def _command(arguments: argparse.Namespace, cases: Sequence[str], models: Sequence[str]) -> str:
    """The command that prints this table again."""
    adapting = f" --adapt {arguments.adapt}" if arguments.adapt else ""
    return (
        f"pdm-sr study orthogonal --split {arguments.split} --cases {' '.join(cases)} "
        f"--models {' '.join(models)} --steps {' '.join(map(str, arguments.steps))}{adapting} "
        f"--thickness-matching {' '.join(arguments.thickness_matching)}"
    )
