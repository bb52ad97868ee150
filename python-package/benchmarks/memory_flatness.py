"""Peak memory of `super_resolve` against the number of slices, each in a fresh process.

    python benchmarks/memory_flatness.py --model fast --slices 20 200

Input and output must be held and grow with the slices; what the table calls working memory is the peak less these two.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys

LOW, FACTOR = 160, 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="fast")
    parser.add_argument("--slices", type=int, nargs="+", default=[20, 200])
    parser.add_argument("--single", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.single is not None:
        print(peak_megabytes(arguments.model, arguments.single))
        return
    print("| slices | peak MB | input and output MB | working memory MB |\n|---|---|---|---|")
    for slices in arguments.slices:
        command = [sys.executable, __file__, "--model", arguments.model, "--single", str(slices)]
        peak = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        held = slices * LOW * LOW * 4 * (1 + FACTOR**2) / 2**20
        print(f"| {slices} | {peak:.0f} | {held:.0f} | {peak - held:.0f} |")


def peak_megabytes(model: str, slices: int) -> float:
    import numpy as np

    from pdm_core import SuperResolutionOptions, Volume, super_resolve

    volume = Volume(np.random.default_rng(0).random((slices, LOW, LOW), dtype=np.float32), np.diag([1.25, 1.25, 3.0, 1.0]))
    super_resolve(volume, SuperResolutionOptions(model=model, steps=1, factor=FACTOR, device="cpu"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
