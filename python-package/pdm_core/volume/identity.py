"""Which volume something was made from, for the records that go with results."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import numpy as np

from pdm_core.volume.volume import Volume


def volume_sha256(volume: Volume) -> str:
    """Hash of a volume's voxels and of its place in the patient."""
    digest = hashlib.sha256(np.ascontiguousarray(volume.array).data)
    digest.update(np.ascontiguousarray(volume.ijk_to_ras).tobytes())
    return digest.hexdigest()


def volume_record(volume: Volume) -> dict[str, Any]:
    """What a record says of a volume, JSON-able: hash, matrix, spacing, and what was known of its source."""
    return {
        "sha256": volume_sha256(volume),
        "shape_kji": list(volume.shape),
        "spacing_ijk_mm": list(volume.spacing),
        "source": source_facts(volume),
    }


def source_facts(volume: Volume) -> dict[str, Any]:
    """The metadata of a volume, its path absolute: a relative one would mean another file elsewhere."""
    facts = dict(volume.metadata)
    return {**facts, "path": os.path.abspath(facts["path"])} if "path" in facts else facts
