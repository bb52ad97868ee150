"""Peak memory of `pdm-sr prepare` and of `pdm-sr train` against the number of studies, each in a fresh process.

    python benchmarks/training_memory.py --studies 20 200

The studies are made up: T2 series of 16 slices of 192 x 192. What the dataset takes on the disk is what a process that held it
would need. A training reads the volumes through memory-mapped files, whose pages count as its memory, though the system takes
them back when somebody needs them: its own memory, without them, is what tells. Linux only.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from types import ModuleType

import yaml

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SIZE, SLICES, STEPS = 192, 16, 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, nargs="+", default=[20, 200])
    arguments = parser.parse_args()
    print(f"{date.today()}, {platform.system()} {platform.machine()}, recipe short.yaml for {STEPS} steps\n")
    print("| studies | dataset on the disk, MB | prepare, peak MB (its own) | train, peak MB (its own) |\n|---|---|---|---|")
    for studies in arguments.studies:
        with tempfile.TemporaryDirectory() as name:
            tree, dataset = Path(name) / "studies", Path(name) / "dataset"
            made_up_studies().write_tree(tree, studies, size=SIZE, slices=SLICES)
            prepared = peak_megabytes("prepare", str(tree), "-o", str(dataset))
            trained = peak_megabytes("train", str(a_recipe(Path(name))), "-o", f"{name}/run", "--data", str(dataset))
            held = sum(path.stat().st_size for path in dataset.rglob("*.npy")) / 2**20
        cells = " | ".join(f"{total:.0f} ({own:.0f})" for total, own in (prepared, trained))
        print(f"| {studies} | {held:.0f} | {cells} |")


def made_up_studies() -> ModuleType:
    spec = importlib.util.spec_from_file_location("synthetic_studies", EXAMPLES / "synthetic_studies.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def a_recipe(folder: Path) -> Path:
    """The short example, shorter still: the memory is at its peak after the first validation."""
    content = yaml.safe_load((EXAMPLES / "short.yaml").read_text(encoding="utf-8"))
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({**content, "iterations": STEPS, "validate_every": STEPS}), encoding="utf-8")
    return path


def peak_megabytes(*words: str) -> tuple[float, float]:
    """Run a command of `pdm-sr`; the most memory that it had in all, and the most of its own, without mapped files."""
    process = subprocess.Popen([sys.executable, "-m", "pdm_core", *words], stdout=subprocess.DEVNULL)
    own, done, status, usage = 0, 0, 0, None
    while not done:
        found = re.search(r"RssAnon:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
        own = max(own, int(found[1]) if found else 0)
        time.sleep(0.02)
        done, status, usage = os.wait4(process.pid, os.WNOHANG)
    if status:
        sys.exit(f"pdm-sr {' '.join(words)} failed.")
    return usage.ru_maxrss / 1024, own / 1024


if __name__ == "__main__":
    main()
