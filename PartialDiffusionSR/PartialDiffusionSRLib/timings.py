"""How long a run will take, from this machine's own last runs."""

import qt

_GROUP = "PartialDiffusionSR/secondsPerMegapixelStep"


def remember(record: dict) -> None:
    """Keep the pace of a finished run, from its provenance."""
    slices, rows, columns = record["input"]["shape_kji"]
    geometry, sampling = record["geometry"], record["sampling"]
    pixels = slices * rows * geometry["factor_rows"] * columns * geometry["factor_columns"]
    work = pixels / 1e6 * sampling["network_evaluations_per_slice"]
    key = _key(record["model"]["name"], record["options"]["device"])
    qt.QSettings().setValue(key, str(record["run"]["seconds"] / work))


def expectedSeconds(card, shape: tuple[int, int, int], factor: float, steps: int, samples: int, device: str) -> float | None:
    """Seconds that a run will take here, or None when none like it has been timed.

    Args:
        card: the model's card.
        shape: voxels `(K, J, I)` of the input.
        factor: of the run.
        steps: 0 for the model's own choice.
        samples: of the run.
        device: as in the options.
    """
    pace = qt.QSettings().value(_key(card.name, device))
    if not pace:
        return None
    evaluations = (steps or card.sampler["steps" if samples == 1 else "sample_steps"]) * samples
    slices, rows, columns = shape
    return float(pace) * slices * rows * columns * factor**2 / 1e6 * evaluations


def inWords(seconds: float) -> str:
    """A duration for a person."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _key(model: str, device: str) -> str:
    return f"{_GROUP}/{model}/{device.replace(':', '_')}"
