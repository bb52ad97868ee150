"""Training in a Slicer without a window: the same work as `pdm-sr prepare` and `pdm-sr train`."""

import argparse
from pathlib import Path

from PartialDiffusionSRLib.headless import runCommand
from PDMTrainingLib.requirements import ensureTrainingDependencies


def runTraining(words: list[str]) -> int:
    """Do what the words of a command line say.

    Returns:
        The exit code of `pdm-sr`: 0 done, 1 failed, 2 bad arguments or input, 3 something is missing, 130 stopped by a
        signal, with a checkpoint.

    Raises:
        PdmError: torch or another package is missing; nothing is installed without a user to ask.
    """
    arguments, options = _parsed(words)
    ensureTrainingDependencies(interactive=False)
    dataset = arguments.data or arguments.output.parent / "dataset"
    if arguments.source is not None:
        include = ["--include", *arguments.include] if arguments.include else []
        code = runCommand(["prepare", str(arguments.source), "-o", str(dataset), *include])
        if code != 0:
            return code
    return runCommand(["train", arguments.recipe, "-o", str(arguments.output), "--data", str(dataset), *options])


def _parsed(words: list[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        prog="train.py",
        description="Trains a model for MRI super-resolution. All options of `pdm-sr train` are taken too.",
        allow_abbrev=False,
    )
    parser.add_argument("--recipe", required=True, help="a YAML or JSON file, or the name of a bundled recipe")
    parser.add_argument("--output", type=Path, required=True, help="folder of the run; an interrupted run goes on")
    parser.add_argument("--data", type=Path, help="folder of the dataset (default: dataset, beside the run)")
    parser.add_argument("--source", type=Path, help="folder or CSV table of images to prepare the dataset from, first")
    parser.add_argument("--include", nargs="+", metavar="WORD", help="with --source: take series with one of these words")
    arguments, options = parser.parse_known_args(words)
    if arguments.data is None and arguments.source is None:
        parser.error("one of the arguments --data --source is required")
    return arguments, options
