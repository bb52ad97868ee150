"""Zone recipes by leave-one-patient-out: every patient of train and val whose zones are labelled, by a model of all others.

    python benchmarks/zone_folds.py zones cat_net --data DATASET -o FOLDS [--iterations 3000] [--device cuda] [--jobs 4]

A recipe is a file or the name of a bundled one. Each fold is a run of its own in FOLDS/RECIPE/PATIENT; the same command goes
on where it was stopped. The averaged weights of the last iteration are measured: nothing is chosen on the patient left out.
The test split is neither trained on nor measured. `--only RECIPE:PATIENT` runs one fold.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch

from pdm_core.atomic import write_text
from pdm_core.cli.signals import stop_on_signals
from pdm_core.errors import InputError, PdmError
from pdm_core.evaluation.tables import circumstances
from pdm_core.evaluation.zones import STRUCTURES, ZONE_CONVENTION, evaluate_zones
from pdm_core.metrics.bootstrap import interval_of_mean
from pdm_core.networks.devices import choose_device, device_name
from pdm_core.publishing.export import publish, refuse_without_words
from pdm_core.publishing.zone_acceptance import labelled_case
from pdm_core.training import TrainingLimits, load_recipe, train
from pdm_core.training.dataset import Dataset
from pdm_core.training.dataset.fingerprint import patients_alike
from pdm_core.training.loop import identity_of
from pdm_core.training.zones.recipe import ZoneRecipe
from pdm_core.training.zones.stacks import labelled_volumes

RESULT, LOG = "result.json", "log.txt"
ZONES_MEAN = "mean of both zones"
MEASURES = (*STRUCTURES, ZONES_MEAN)
CHECKPOINT_MINUTES = 2.0

Result = dict[str, Any]
# Dice by recipe and patient, then by measure.
Scores = dict[tuple[str, str], dict[str, float]]


@dataclass(frozen=True)
class Fold:
    """A run without one patient.

    Attributes:
        given: the recipe as the user names it.
        recipe: with one validation, at its end, which can choose nothing.
        patient: number in the dataset.
        dataset: labelled volumes only; those of the patient are its validation.
        folder: of the run.
    """

    given: str
    recipe: ZoneRecipe
    patient: str
    dataset: Dataset
    folder: Path

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the result, as JSON gives it back."""
        return json.loads(json.dumps(identity_of(self.recipe, self.dataset)))

    def result(self) -> Result | None:
        """What the finished fold has left; None before."""
        path = self.folder / RESULT
        if not path.is_file():
            return None
        result = json.loads(path.read_text(encoding="utf-8"))
        if result["identity"] != self.identity:
            raise InputError(f"{path} is of another recipe or dataset.", "Choose another folder, or take back the change.")
        return result


def main() -> None:
    arguments = parse_arguments()
    try:
        folds = make_folds(arguments)
        if arguments.only is not None:
            work_alone(arguments.only, folds, arguments.device)
            return
        work_together(arguments, [fold for fold in folds if fold.result() is None])
        report(folds)
    except PdmError as error:
        sys.exit(f"zone_folds: {error}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="+", metavar="RECIPE", help="the first one is what the others are compared with")
    parser.add_argument("--data", type=Path, required=True, help="prepared dataset with labels")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the folds")
    parser.add_argument("--iterations", type=int, help="of each run (default: the recipe's)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument("--only", metavar="RECIPE:PATIENT", help="run this fold and no other")
    parser.add_argument("--jobs", type=int, default=1, help="folds at a time, which share the cores")
    arguments = parser.parse_args()
    if arguments.jobs < 1:
        parser.error(f"--jobs {arguments.jobs} is not possible; use a whole number above 0.")
    return arguments


def make_folds(arguments: argparse.Namespace) -> list[Fold]:
    """Every recipe without every patient."""
    dataset = Dataset.open(arguments.data)
    recipes = [fold_recipe(given, arguments.iterations) for given in arguments.recipes]
    names = [recipe.name for recipe in recipes]
    if len(set(names)) < len(names):
        raise InputError(f"Recipes have the same name: {', '.join(names)}.", "Each needs its own name: it names its folder.")
    rotations = {patient: rotated(dataset, patient) for patient in patients_of(dataset)}
    return [
        Fold(given, recipe, patient, rotation, arguments.output / recipe.name / patient)
        for given, recipe in zip(arguments.recipes, recipes, strict=True)
        for patient, rotation in rotations.items()
    ]


def fold_recipe(given: str, iterations: int | None) -> ZoneRecipe:
    """The recipe with a single validation after its last step: the weights of then are kept, however good they are."""
    recipe = load_recipe(given)
    if not isinstance(recipe, ZoneRecipe):
        raise InputError(f"The recipe {given} has the mode {recipe.mode}.", "Give recipes with mode: zones.")
    if recipe.initial:
        raise InputError(
            f"The recipe {given} starts from the model {recipe.initial}, which may have seen the patients left out.",
            "Leave out initial.",
        )
    refuse_without_words(recipe)
    steps = recipe.iterations if iterations is None else iterations
    return replace(recipe, iterations=steps, validate_every=steps, patience=0)


def patients_of(dataset: Dataset) -> list[str]:
    """Who can be left out: patients of train and val whose zones are known."""
    labelled = [record for record in dataset.volumes if record.labelling is not None and record.split != "test"]
    found = {record.patient for record in labelled if any(label.kind == "zones" for label in record.labelling.labels)}
    if len(found) < 2:
        raise InputError(
            f"The dataset {dataset.folder} has zones of {len(found)} patients outside of its test split.",
            "Leaving one out takes two.",
        )
    return sorted(found)


def rotated(dataset: Dataset, patient: str) -> Dataset:
    """The same files under another index, in memory: the patient's labelled volumes are val, all others but the test's train.

    Patients who share an image with this one are in neither, for they are the same person.
    """
    known = [record for record in dataset.volumes if record.split != "test"]
    pairs = patients_alike([(record.patient, record.facts.fingerprint) for record in known])
    alike = {other for pair in pairs if patient in pair for other in pair} - {patient}
    kept = [record for record in known if record.labelling is not None and record.patient not in alike]
    return replace(dataset, volumes=tuple(replace(one, split="val" if one.patient == patient else "train") for one in kept))


def work_alone(only: str, folds: Sequence[Fold], device: str) -> None:
    """Train and measure one fold in this process, unless that is done."""
    named = {f"{name}:{fold.patient}": fold for fold in folds for name in (fold.given, fold.recipe.name)}
    if only not in named:
        raise InputError(f"There is no fold {only}.", f"Choose among {', '.join(named)}.")
    fold = named[only]
    result = fold.result() or worked(fold, choose_device(device))
    print(f"{only}: " + ", ".join(f"{name} {value:.3f}" for name, value in scores_of(result).items()))


def worked(fold: Fold, device: torch.device) -> Result:
    begun = time.monotonic()
    with stop_on_signals(lambda message: print(message, file=sys.stderr)) as stopped:
        train(
            fold.recipe,
            fold.folder,
            dataset=fold.dataset,
            device=str(device),
            limits=TrainingLimits(checkpoint_minutes=CHECKPOINT_MINUTES),
            warn=print,
            cancel=stopped,
        )
    weights = publish(fold.recipe, fold.folder, fold.dataset).weights
    cases = [labelled_case(volume) for volume in labelled_volumes(fold.dataset, "val", fold.recipe.data)]
    zones = [case for case in cases if case.zones]
    rows = evaluate_zones(zones, [str(weights.with_suffix(".json"))], device=str(device))
    result = {
        "rows": [asdict(row) for row in rows if row.found == fold.recipe.name],
        "identity": fold.identity,
        "device": device_name(device),
        "seconds": round(time.monotonic() - begun, 1),
        **circumstances(ZONE_CONVENTION, "all", f"zone_folds.py {fold.given} --only {fold.recipe.name}:{fold.patient}"),
    }
    write_text(fold.folder / RESULT, json.dumps(result, indent=1) + "\n")
    return result


def work_together(arguments: argparse.Namespace, folds: Sequence[Fold]) -> None:
    """Work on folds in processes of their own, some at a time; one that fails does not keep the others from going on."""
    choose_device(arguments.device)
    failed = []
    with ThreadPoolExecutor(arguments.jobs) as pool:
        waiting = [(fold, pool.submit(in_process, fold, arguments)) for fold in folds]
        try:
            for fold, future in waiting:
                done = future.result()
                print(f"{fold.folder}: {'done' if done else 'failed'}", file=sys.stderr, flush=True)
                failed += [] if done else [str(fold.folder / LOG)]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    if failed:
        raise PdmError(f"{len(failed)} of {len(folds)} folds failed.", f"See {', '.join(failed)}; the same command goes on.")


def in_process(fold: Fold, arguments: argparse.Namespace) -> bool:
    """Whether a fold comes to its end in a process of its own."""
    fold.folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, __file__, fold.given, "--data", str(arguments.data), "-o", str(arguments.output)]
    command += ["--iterations", str(fold.recipe.iterations), "--device", arguments.device]
    command += ["--only", f"{fold.recipe.name}:{fold.patient}"]
    with (fold.folder / LOG).open("a", encoding="utf-8") as log:
        return subprocess.run(command, stdout=log, stderr=log, env=shared_cores(arguments.jobs)).returncode == 0


def shared_cores(jobs: int) -> dict[str, str]:
    """The environment of one of `jobs` processes: its share of the cores for torch, unless set, and for drawing batches."""
    # The second is what torchrun tells its processes: how many they are.
    share = max(1, (os.cpu_count() or 1) // jobs)
    return {"OMP_NUM_THREADS": str(share), **os.environ, "LOCAL_WORLD_SIZE": str(jobs)}


def scores_of(result: Result) -> dict[str, float]:
    """Dice of each structure: the mean over the patient's volumes of that over the labellings of each."""
    found = {}
    for structure in STRUCTURES:
        by_volume = defaultdict(list)
        for row in result["rows"]:
            if row["structure"] == structure:
                by_volume[row["case"]].append(row["dice"])
        found[structure] = fmean(fmean(values) for values in by_volume.values())
    zones = [value for structure, value in found.items() if structure != "gland"]
    return {**found, ZONES_MEAN: fmean(zones)}


def report(folds: Sequence[Fold]) -> None:
    results = {(fold.recipe.name, fold.patient): fold.result() for fold in folds}
    scores = {key: scores_of(result) for key, result in results.items()}
    recipes, patients = (list(dict.fromkeys(names)) for names in zip(*results, strict=True))
    machines = [f"{it['date']}, {it['machine']}, torch {it['versions']['torch']}, {it['device']}" for it in results.values()]
    print("\n".join(dict.fromkeys(machines)))
    steps = dict.fromkeys(f"{fold.recipe.name} {fold.recipe.iterations} steps" for fold in folds)
    print(f"{len(patients)} patients, each left out once; {', '.join(steps)}; Dice\n\n{heading('recipe', *MEASURES)}")
    for recipe in recipes:
        means = [fmean(scores[recipe, patient][measure] for patient in patients) for measure in MEASURES]
        print(line(recipe, *(f"{value:.3f}" for value in means)))
    print("\n" + heading("patient", "labels", "recipe", *MEASURES))
    for recipe, patient in sorted(results, key=lambda key: (key[1], recipes.index(key[0]))):
        labels = ", ".join(dict.fromkeys(row["reference"] for row in results[recipe, patient]["rows"]))
        print(line(patient, labels, recipe, *(f"{value:.3f}" for value in scores[recipe, patient].values())))
    if len(recipes) > 1:
        print("\n" + heading("recipe", f"Dice less that of {recipes[0]}", "difference", "95 % interval", "patients"))
        for cells in differences(scores, recipes, patients):
            print(line(*cells))


def differences(scores: Scores, recipes: Sequence[str], patients: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Each further recipe against the first, paired by patient; the intervals are bootstraps over the patients."""
    for recipe in recipes[1:]:
        for measure in MEASURES:
            gains = np.array([scores[recipe, patient][measure] - scores[recipes[0], patient][measure] for patient in patients])
            low, high = interval_of_mean([gains])
            yield recipe, measure, f"{gains.mean():+.3f}", f"{low:+.3f} to {high:+.3f}", str(len(gains))


def heading(*names: str) -> str:
    return line(*names) + "\n|" + "---|" * len(names)


def line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
