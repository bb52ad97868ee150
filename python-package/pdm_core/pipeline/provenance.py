"""The record that goes with every derived image: what was done to what, by which model, where and when."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from pdm_core.degradation.bandwidth import Bandwidth
from pdm_core.diffusion.sampling import SamplingPlan
from pdm_core.pipeline.options import SuperResolutionOptions
from pdm_core.pipeline.restoration import Restored
from pdm_core.version import versions
from pdm_core.zoo import ModelCard

NOTICE = (
    "Derived image, estimated by a generative model. Research use, not for diagnosis: "
    "detail above the measured band is inferred, not measured."
)


def consistency_db(restored: Restored) -> float | None:
    """PSNR of D x_SR or A x_SR against the measured slices (Eq. 20), data range 1 between the percentiles; None when equal."""
    # The network's range is 2 wide between the percentiles.
    return None if restored.squared_error == 0.0 else -10.0 * math.log10(restored.squared_error / 4.0)


def stage_record(
    card: ModelCard, plan: SamplingPlan, samples: int, symmetries: int, geometry: Mapping[str, Any], restored: Restored
) -> dict[str, Any]:
    """What one stage of a run was: the model, how it was sampled, on which grids, and how exactly what was measured is met."""
    return {
        "model": {
            "name": card.name,
            "version": card.version,
            "method": card.method,
            "sha256": card.sha256,
            "licence": card.licence,
        },
        "sampling": {
            "sampler": plan.sampler,
            "steps": plan.steps,
            "start": plan.start,
            "eta": plan.eta,
            "grid": plan.grid,
            "alignment_rule": plan.rule,
            "network_evaluations_per_slice": plan.evaluations * samples,
            "symmetries": min(samples, symmetries),
        },
        "geometry": dict(geometry),
        "consistency_db": consistency_db(restored),
    }


def provenance_record(
    source: Mapping[str, Any],
    options: SuperResolutionOptions,
    stages: Sequence[Mapping[str, Any]],
    bandwidth: Bandwidth,
    warnings: Sequence[str],
    run: Mapping[str, Any],
) -> dict[str, Any]:
    """The JSON-able record of one run; with the same versions, device class and numbers its options give the same image.

    `source` describes the input. The last stage stands at the top; an isotropic run tells of the stage before it under
    `in_plane`, and its consistency is the worse of both.
    """
    *before, last = stages
    known = [stage["consistency_db"] for stage in stages if stage["consistency_db"] is not None]
    return {
        "notice": NOTICE,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "input": {
            **source,
            "measured_share_of_kspace": {"rows": bandwidth.rows, "columns": bandwidth.columns},
        },
        **last,
        **({"in_plane": before[0]} if before else {}),
        "options": options.as_dict(),
        "consistency_db": min(known, default=None),
        "warnings": list(warnings),
        "run": dict(run),
        "versions": versions(),
    }
