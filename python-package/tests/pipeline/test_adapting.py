"""A model adapted to the study: nearer to the truth, never less consistent, on record, repeatable, can be stopped."""

import numpy as np
import pytest
import torch

from pdm_core import CancelledError, InputError, SuperResolutionOptions, Volume, super_resolve
from pdm_core.degradation.profile import SliceOperator, SliceProfile
from pdm_core.pipeline.stages import ThroughPlaneStage
from pdm_core.zoo import verify_model

STEPS = 4


def options(**changes):
    return SuperResolutionOptions(
        **{"mode": "through-plane", "factor": None, "device": "cpu", "steps": 1, "adapt": STEPS, **changes}
    )


def some_balls(edge=48):
    random = np.random.default_rng(0)
    k, j, i = np.indices((edge,) * 3)
    array = np.zeros((edge,) * 3, np.float32)
    for _ in range(40):
        z, y, x, radius = random.uniform(0, edge, 4) * (1, 1, 1, 0.15)
        array[(k - z) ** 2 + (j - y) ** 2 + (i - x) ** 2 < radius**2] += random.uniform(100, 300)
    return torch.from_numpy(array)


def a_study(truth):
    slices = SliceOperator(12, 48, "index0", SliceProfile()).apply(truth.flatten(1)).reshape(12, 48, 48).numpy()
    return Volume(slices, np.diag([1.0, 1.0, 4.0, 1.0]), {"slice_thickness_mm": 4.0})


def test_an_untrained_model_learns_from_the_study_and_stays_as_consistent(both_zoo, monkeypatch):
    """Trained models move less: theirs is a tenth of this rate."""
    monkeypatch.setattr("pdm_core.training.adaptation._LEARNING_RATE", 2e-3)
    truth = some_balls()
    plain, adapted = (super_resolve(a_study(truth), options(adapt=steps)) for steps in (0, 60))
    errors = [float((torch.from_numpy(result.volume.array) - truth).square().mean()) for result in (plain, adapted)]
    assert errors[1] < 0.98 * errors[0]
    record = adapted.provenance["adaptation"]
    assert record["loss_last"] < record["loss_first"]
    for result in (plain, adapted):
        assert result.provenance["consistency_db"] > 90
    verify_model(both_zoo)


@pytest.mark.parametrize("profile", ["box", "gaussian", "sinc"])
@pytest.mark.parametrize("thickness", [2.8, 5.2])
def test_what_was_measured_is_met_whatever_the_weights_become(both_zoo, monkeypatch, profile, thickness):
    monkeypatch.setattr("pdm_core.training.adaptation._LEARNING_RATE", 0.3)
    study, settings = a_study(some_balls()), {"profile": profile, "thickness_mm": thickness}
    plain, spoilt = (super_resolve(study, options(adapt=steps, **settings)) for steps in (0, STEPS))
    assert np.abs(spoilt.volume.array - plain.volume.array).max() > 1.0
    for result in (plain, spoilt):
        operator = SliceOperator(12, 48, "index0", SliceProfile(profile, thickness / 4.0))
        again = operator.apply(torch.from_numpy(result.volume.array).double().flatten(1)).reshape(study.shape)
        assert np.abs(again.numpy() - study.array).max() < 1e-4 * np.ptp(study.array)


def test_the_record_tells_how_and_the_seed_repeats_it(both_zoo):
    study = a_study(some_balls())
    one, other, third = (super_resolve(study, options(seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.volume.array, other.volume.array)
    record = one.provenance["adaptation"]
    assert record["steps"] == one.provenance["options"]["adapt"] == STEPS and record["seed"] == 1
    assert record["weights_sha256"] == other.provenance["adaptation"]["weights_sha256"]
    assert record["weights_sha256"] != third.provenance["adaptation"]["weights_sha256"]
    assert one.provenance["model"]["sha256"] == both_zoo.sha256
    assert "adaptation" not in super_resolve(study, options(adapt=0)).provenance


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_network_adapts_in_the_precision_of_the_run(both_zoo, monkeypatch, dtype):
    monkeypatch.setattr("pdm_core.pipeline.stages.number_format", lambda device, precision: dtype)
    seen = set()
    watch = torch.nn.modules.module.register_module_forward_hook(
        lambda module, inputs, output: seen.add(output.dtype) if torch.is_grad_enabled() and inputs[0].ndim == 4 else None
    )
    try:
        super_resolve(a_study(some_balls()), options())
    finally:
        watch.remove()
    assert dtype in seen and (dtype is torch.float32) == (torch.bfloat16 not in seen)


def test_an_isotropic_run_adapts_to_the_pixels_that_its_first_stage_has_made(both_zoo, monkeypatch):
    shapes = []
    whole = ThroughPlaneStage._model
    monkeypatch.setattr(
        ThroughPlaneStage, "_model", lambda self, unit, *rest: shapes.append(unit.shape) or whole(self, unit, *rest)
    )
    record = super_resolve(a_study(some_balls()), options(mode="isotropic", factor=1.5)).provenance
    assert shapes == [(12, 72, 72)] and "adaptation" in record and "adaptation" not in record["in_plane"]


def test_pixels_finer_than_the_new_slices_are_made_as_coarse_first(both_zoo):
    study = a_study(some_balls())
    fine = Volume(study.array, np.diag([0.5, 0.5, 4.0, 1.0]), study.metadata)
    assert super_resolve(fine, options(factor=4.0)).provenance["consistency_db"] > 90


def test_progress_names_the_adaptation_and_cancel_stops_it(both_zoo):
    events = []
    super_resolve(a_study(some_balls()), options(), progress=events.append)
    adapting = [event for event in events if event.stage == "adapting the model"]
    assert (adapting[-1].step, adapting[-1].of) == (STEPS, STEPS) and adapting[1].eta_s is not None
    assert events[-1].stage == "restoring" and events[-1].step == events[-1].of
    asked = iter([False, True])
    with pytest.raises(CancelledError):
        super_resolve(a_study(some_balls()), options(), cancel=lambda: next(asked))


@pytest.mark.parametrize("changes", [{"mode": "in-plane", "factor": 2.0}, {"project": False}, {"adapt": -1}, {"adapt": 2.5}])
def test_what_cannot_be_adapted_is_refused(changes):
    with pytest.raises(InputError) as refusal:
        options(**changes).validate()
    assert refusal.value.hint
