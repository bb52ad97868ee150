"""The table of codes is the one that Slicer's terminology file holds."""

import json
from pathlib import Path

from pdm_core.segmentation.labels import GLAND, TERMINOLOGY_CONTEXT, ZONES

TERMINOLOGY = Path(__file__).resolve().parents[3] / "PartialDiffusionSR/Resources/PartialDiffusionSR.term.json"


def test_the_terminology_of_slicer_says_the_same():
    content = json.loads(TERMINOLOGY.read_text(encoding="utf-8"))
    assert content["SegmentationCategoryTypeContextName"] == TERMINOLOGY_CONTEXT
    (category,) = content["SegmentationCodes"]["Category"]
    shipped = {
        (entry["CodingSchemeDesignator"], entry["CodeValue"], entry["CodeMeaning"], *entry["recommendedDisplayRGBValue"])
        for entry in category["Type"]
    }
    ours = {("SCT", structure.code, structure.meaning, *structure.colour) for structure in (GLAND, *ZONES.values())}
    assert shipped == ours
    for structure in (GLAND, *ZONES.values()):
        context, kind, code, *rest = structure.terminology_entry.split("~")
        assert context == TERMINOLOGY_CONTEXT
        assert kind == f"{category['CodingSchemeDesignator']}^{category['CodeValue']}^{category['CodeMeaning']}"
        assert code == f"SCT^{structure.code}^{structure.meaning}"
        assert rest == ["^^", "Anatomic codes - DICOM master list", "^^", "^^"]


def test_the_labels_are_those_of_the_data():
    assert {label: zone.key for label, zone in ZONES.items()} == {1: "peripheral_zone", 2: "transition_zone"}
