"""Only a body part that positively names another region speaks against a prostate, in whichever language."""

import numpy as np
import pytest

from pdm_core import InputError, Volume
from pdm_core.segmentation.body_part import holds_prostate
from pdm_core.segmentation.suitability import notes_on, refuse_unworkable


def a_scan(body_part):
    array = np.random.default_rng(0).uniform(0, 1000, (12, 40, 40))
    return Volume(array, np.diag([0.8, 0.8, 3.0, 1.0]), {"body_part": body_part})


@pytest.mark.parametrize(
    "body",
    ["PROSTATE", "PELVIS", "ABDOMEN", "BEKKEN", "PROSTAAT", "PROSTATA", "PELVE", "BECKEN", "BÄCKEN", "BASSIN", "BACINO", "HIP",
     "UROGENITAL", "CHEST_ABDOMEN_PELVIS", "WHOLEBODY", "BLADDER", "RECTUM", "UNKNOWN", "Unbekannt", "", "  "],
)  # fmt: skip
def test_the_pelvis_and_silence_pass_without_a_word(body):
    refuse_unworkable(a_scan(body))
    assert not list(notes_on(a_scan(body)))


@pytest.mark.parametrize("body", ["SACRUM", "SSPINE", "THIGH", "EXTREMITY", "LOWER LIMB", "OERTLICH", "LYMPH"])
def test_unknown_words_pass_with_a_note(body):
    refuse_unworkable(a_scan(body))
    (note,) = notes_on(a_scan(body))
    assert body in note and "see whether" in note


@pytest.mark.parametrize(
    "body",
    ["BRAIN", "HEAD", "HEADNECK", "SKULL", "NECK", "SPINE", "CSPINE", "TSPINE", "LSPINE", "CHEST", "THORAX", "HEART", "BREAST",
     "LIVER", "KIDNEY", "SHOULDER", "ELBOW", "WRIST", "HAND", "KNEE", "ANKLE", "FOOT", "Kopf", "Schädel", "SCHAEDEL", "Knie",
     "TÊTE", "TETE", "GENOU", "CABEZA", "RODILLA", "HOOFD", "HWS", "LWS", "Wirbelsäule", "KNIEGELENK", "GINOCCHIO", "Brust"],
)  # fmt: skip
def test_another_part_of_the_body_is_refused_by_name(body):
    assert holds_prostate(body) == "no"
    with pytest.raises(InputError, match="body part") as refusal:
        refuse_unworkable(a_scan(body))
    assert body in str(refusal.value)
