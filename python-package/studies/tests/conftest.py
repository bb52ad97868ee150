"""A made-up case, and made-up measurements whose answers are known."""

import json

import numpy as np
import pytest

from pdm_core import Volume, write_volume
from pdm_core.evaluation.cases import Case
from pdm_study import runner
from pdm_study.cases import StudyCase
from pdm_study.measures import PSNR, SHOWN
from pdm_study.record import Identity, Record
from pdm_study.results import Measurement


def a_volume(seed=0):
    """Smooth random slices (5, 96, 80)."""
    random = np.random.default_rng(seed)
    array = np.cumsum(np.cumsum(random.standard_normal((5, 96, 80)), axis=1), axis=2)
    return Volume(array.astype(np.float32), np.diag([0.5, 0.5, 3.0, 1.0]))


@pytest.fixture
def a_case():
    return StudyCase(Case("one", a_volume), "ProstateX")


@pytest.fixture
def some_data(tmp_path):
    """A folder with `splits.json` as the real one: two cases of two sets in the test split."""
    entries = []
    for number, path in enumerate(("prostate/prostatex/one", "other_mri/knee_ge_mese")):
        (tmp_path / path).mkdir(parents=True)
        write_volume(a_volume(number), tmp_path / path / "t2_tra.nii.gz")
        entry = {"case": path.rsplit("/")[-1], "path": path, "split": "test", "images": ["t2_tra.nii.gz"]}
        entries.append(entry)
    (tmp_path / "splits.json").write_text(json.dumps(entries))
    return tmp_path


@pytest.fixture
def made_up():
    """A measurement of a contender whose PSNR is given slice by slice; SSIM follows it, the rest is constant."""

    def make(contender, psnr, case="one", factor=2.0, evaluations=1, seconds=1.0, data_set="ProstateX", machine="a machine"):
        values = {measure.key: [0.5] * len(psnr) for measure in SHOWN}
        values[PSNR.key] = list(psnr)
        values["ssim_unit_float"] = [value / 100 for value in psnr]
        record = Record(values, seconds * len(psnr), evaluations, machine)
        label = contender if isinstance(contender, str) else contender.label
        what = Identity({"arm": label, "options": {"device": "cpu"}}, factor, case)
        return Measurement(label, case, data_set, factor, record, what, model="model")

    return make


@pytest.fixture
def runs(monkeypatch):
    """Counts the restorations that were done."""
    done = []
    timed = runner._timed
    monkeypatch.setattr(runner, "_timed", lambda prepared, *rest: (done.append(prepared), timed(prepared, *rest))[1])
    return done
