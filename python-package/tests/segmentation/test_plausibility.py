"""Flags and refusals: each says what it should, and nothing is said of zones as they should be."""

import numpy as np
import pytest

from pdm_core.errors import InputError
from pdm_core.segmentation.field import ZoneField
from pdm_core.segmentation.gland import confidence, with_one_gland
from pdm_core.segmentation.plausibility import ellipsoid_fill, flags_of, volumes_ml
from pdm_core.segmentation.suitability import notes_on, refuse_unworkable, slice_plane
from pdm_core.volume import Volume

# RAS of an axial scan with columns to the left and rows to the back.
AXIAL = np.array([[-0.5, 0, 0, 0], [0, -0.5, 0, 0], [0, 0, 3.0, 0], [0, 0, 0, 1.0]])


def a_prostate(matrix=AXIAL):
    """A plausible gland: 40 x 40 x 30 mm, the back third of it peripheral zone."""
    array = np.zeros((20, 160, 160), np.float32)
    array[5:15, 40:93, 40:120] = 2
    array[5:15, 93:120, 40:120] = 1
    return Volume(array, matrix)


def changed(**places):
    """The prostate with `label=(k, j, i)` slices set."""
    array = a_prostate().array.copy()
    for label, place in places.items():
        array[place] = int(label[1:])
    return Volume(array, AXIAL)


def test_nothing_is_said_of_a_prostate_as_it_should_be():
    assert list(flags_of(a_prostate(), 0.9)) == []
    volumes = volumes_ml(a_prostate())
    assert volumes["gland"] == pytest.approx(40 * 40 * 30 / 1000, rel=1e-3)
    assert volumes["peripheral_zone"] == pytest.approx(13.5 * 40 * 30 / 1000, rel=1e-3)


ALL = (slice(None),) * 3
STRANGE = {
    "empty": (changed(_0=ALL), 0.9, "No gland was found"),
    "no zone": (Volume(np.where(a_prostate().array == 1, 2, a_prostate().array), AXIAL), 0.9, "No peripheral zone"),
    "small": (changed(_0=(slice(7, None), slice(None), slice(None))), 0.9, "10 to 300 ml are plausible"),
    "cut off above": (changed(_1=(slice(14, 20), slice(93, 120), slice(40, 120))), 0.9, "touches the superior border"),
    "cut off below": (Volume(a_prostate().array[5:], AXIAL), 0.9, "cut off at the inferior border"),
    "at the left": (changed(_2=(slice(5, 7), slice(60, 70), slice(110, 160))), 0.9, "touches the left border"),
    "at the front": (changed(_2=(slice(5, 7), slice(0, 60), slice(80, 90))), 0.9, "touches the anterior border"),
    "upside down": (a_prostate(AXIAL * [[1], [-1], [1], [1]]), 0.9, "in front of the transition zone"),
    "a frame": (changed(_0=(slice(None), slice(50, 112), slice(50, 110))), 0.9, "shape is not that of a prostate"),
    "unsure": (a_prostate(), 0.55, "mean probability of 0.55"),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_what_is_strange_is_said(kind):
    labels, sure, words = STRANGE[kind]
    assert words in " ".join(flags_of(labels, sure))


@pytest.mark.parametrize("matrix", [np.eye(4), AXIAL * 2 + np.diag([0, 0, 0, -1.0])], ids=["cubes", "slices"])
def test_an_ellipsoid_fills_itself_and_a_box_less(matrix):
    k, j, i = np.indices((40, 60, 60))
    ball = Volume(((k - 20) / 9) ** 2 + ((j - 30) / 20) ** 2 + ((i - 25) / 15) ** 2 < 1, matrix)
    assert ellipsoid_fill(ball) == pytest.approx(1.0, abs=0.01)
    box = Volume((abs(k - 20) < 9) & (abs(j - 30) < 20) & (abs(i - 25) < 15), matrix)
    assert ellipsoid_fill(box) == pytest.approx((12 / 5) ** 1.5 / (4 / 3 * np.pi), abs=0.01)
    assert ellipsoid_fill(Volume((k == 3) & (j == 3) & (i == 3), matrix)) > 0.8


def test_only_the_largest_piece_stays_and_the_others_are_measured():
    labels = changed(_1=(slice(2, 3), slice(5, 15), slice(5, 25))).array.astype(int)
    field = ZoneField(np.eye(3, dtype=np.float32)[labels].transpose(3, 0, 1, 2) * 0.7 + 0.1, AXIAL)
    kept, left_out = with_one_gland(field)
    np.testing.assert_array_equal(kept.labels, a_prostate().array)
    assert left_out == [pytest.approx(200 * 0.75 / 1000)]
    assert confidence(kept) == pytest.approx(0.8)
    np.testing.assert_allclose(kept.probabilities.sum(axis=0), 1.0, atol=1e-6)
    assert with_one_gland(kept)[1] == []


def a_scan(shape=(20, 60, 60), spacing=(0.5, 0.5, 3.0), **metadata):
    return Volume(np.random.default_rng(0).random(shape), np.diag([*spacing, 1.0]), metadata)


REFUSED = {
    "one slice": (a_scan((1, 60, 60)), "1 slice;"),
    "two slices": (a_scan((2, 60, 60)), "2 slices"),
    "coarse": (a_scan(spacing=(0.5, 0.5, 12.0)), "too coarse"),
    "no slices": (a_scan(spacing=(3.0, 0.5, 3.0)), "coarse along two axes"),
    "thin": (a_scan((5, 60, 60)), "15 mm across"),
    "labels": (a_prostate(), "whole numbers from 0 to 2: this looks like a label map"),
    "a brain": (a_scan(body_part="BRAIN"), "body part BRAIN"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_hold_zones_is_refused_in_one_line_with_a_remedy(kind):
    volume, words = REFUSED[kind]
    with pytest.raises(InputError, match=words) as refusal:
        refuse_unworkable(volume)
    assert refusal.value.hint and "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"modality": "CT"}, "CT, not MR"),
        ({"series_description": "ep2d_diff_tra_ADC"}, "not the T2 contrast"),
        ({"echo_time_ms": 12.0}, "echo time is 12 ms"),
        ({"path": "/somewhere/case1_t1w.nii.gz"}, "not the T2 contrast"),
    ],
)
def test_other_images_bring_a_warning(facts, words):
    volume = a_scan(**facts)
    refuse_unworkable(volume)
    assert words in " ".join(notes_on(volume))


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"modality": "MR", "body_part": "PROSTATE", "series_description": "t2_tse_tra_320_p2", "echo_time_ms": 101.0},
        {"body_part": "PELVIS", "path": "sub-01/T2w_b1000_like.nii.gz"},
    ],
)
def test_a_pelvic_t2_brings_none(facts):
    volume = a_scan(**facts)
    refuse_unworkable(volume)
    assert list(notes_on(volume)) == []


def test_isotropic_volumes_have_no_plane_and_others_one():
    assert slice_plane(a_scan((60, 60, 60), (1.0, 1.0, 1.0))) is None
    assert slice_plane(a_scan()) == "axial"
    assert slice_plane(a_scan((60, 60, 20), (3.0, 0.5, 0.5))) == "sagittal"
    assert "coronal" in " ".join(notes_on(a_scan((60, 20, 60), (0.5, 3.0, 0.5))))
