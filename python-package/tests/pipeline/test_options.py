"""Options refuse what is impossible, and survive a trip through JSON."""

import json

import pytest

from pdm_core import InputError, SuperResolutionOptions


@pytest.mark.parametrize(
    "change",
    [
        {"mode": "sideways"}, {"factor": 1.0}, {"factor": float("nan")}, {"factor": -2.0}, {"sampler": "euler"},
        {"steps": 0}, {"samples": 0}, {"samples": 65}, {"seed": -1}, {"device": "tpu"}, {"device": "cuda:x"},
        {"eta": 1.5}, {"eta": -0.1}, {"grid": "karras"}, {"align": "corner"}, {"batch": 0},
        {"factor": "2"}, {"factor": None}, {"factor": True}, {"steps": 2.5}, {"steps": "3"}, {"samples": None},
        {"precision": "float16"}, {"precision": None},
        {"mode": "through-plane", "factor": 0.5}, {"thickness_mm": 0.0}, {"thickness_mm": "3"}, {"thickness_mm": float("inf")},
        {"profile": "bell"}, {"mode": "isotropic", "factor": True},
        {"samples": True}, {"seed": None}, {"eta": "half"}, {"eta": None}, {"device": 0}, {"project": "no"}, {"model": ""},
    ],
)  # fmt: skip
def test_impossible_options_are_refused_with_a_remedy(change):
    with pytest.raises(InputError) as refusal:
        SuperResolutionOptions(**change).validate()
    assert refusal.value.hint


def test_options_survive_json():
    options = SuperResolutionOptions(factor=2.5, steps=4, samples=2, eta="full", sampler="ddim")
    assert SuperResolutionOptions.from_dict(json.loads(json.dumps(options.as_dict()))) == options


def test_unknown_options_are_named():
    with pytest.raises(InputError, match="fcator"):
        SuperResolutionOptions.from_dict({"fcator": 2})


def test_slices_need_no_factor_and_say_so_in_names():
    for mode, factor, label in (
        ("in-plane", 2.5, "SRx2.5"), ("through-plane", None, "SR-through-plane"), ("isotropic", 2.0, "SR-isotropic-x2"),
    ):  # fmt: skip
        options = SuperResolutionOptions(mode=mode, factor=factor)
        options.validate()
        assert options.label == label
