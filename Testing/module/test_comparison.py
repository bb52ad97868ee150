"""Before and after in two views, as their logics compute the pixels."""

from xml.etree import ElementTree

import numpy as np
import pytest
import slicer
from host.views import layout_manager

OBLIQUE = np.array([[-0.9, 0.0, 0.6, 10.0], [0.0, -0.8, 0.9, -5.0], [0.0, -0.4, 2.8, 7.0], [0.0, 0.0, 0.0, 1.0]])


@pytest.fixture
def views(scene, monkeypatch):
    """Two views in which the module may show something."""
    manager = layout_manager()
    monkeypatch.setattr(slicer.app, "layoutManager", lambda: manager)
    return manager


@pytest.fixture
def compared(logic, a_volume_node, views):
    """An oblique volume and its result, shown."""
    from PartialDiffusionSRLib.comparison import showComparison

    node = a_volume_node(matrix=OBLIQUE)
    result = logic.process(node, factor=2, model="fast", device="cpu")
    assert showComparison(node, result)
    return node, result, views.sliceWidget("Red"), views.sliceWidget("Yellow")


def plane_of(widget):
    return slicer.util.arrayFromVTKMatrix(widget.mrmlSliceNode().GetSliceToRAS())


def test_both_views_show_the_same_plane_of_the_volume(compared, views):
    node, result, left, right = compared
    assert views.layout == slicer.vtkMRMLLayoutNode.SlicerLayoutSideBySideView
    np.testing.assert_allclose(plane_of(left), plane_of(right))
    normal = np.cross(OBLIQUE[:3, 0], OBLIQUE[:3, 1])
    assert abs(plane_of(left)[:3, 2] @ normal) / np.linalg.norm(normal) == pytest.approx(1)
    for widget, shown in ((left, node), (right, result.volume)):
        assert widget.mrmlSliceCompositeNode().GetBackgroundVolumeID() == shown.GetID()
        assert widget.mrmlSliceCompositeNode().GetLinkedControl()
    np.testing.assert_allclose(left.mrmlSliceNode().GetFieldOfView(), right.mrmlSliceNode().GetFieldOfView())


def test_one_gray_scale_for_both(compared):
    *_, left, right = compared
    before, after = left.picture()[..., 0], right.picture()[..., 0]
    inside = (slice(50, 110), slice(50, 110))
    assert before[inside].std() > 20
    assert np.abs(before - after)[inside].mean() < 5


def test_the_overlay_colors_the_right_view_alone_and_can_be_taken_away(compared):
    from PartialDiffusionSRLib.comparison import setOverlayVisible

    *_, left, right = compared
    plain = right.picture()
    setOverlayVisible(True)
    colored = right.picture()
    assert np.ptp(plain[..., :3], axis=-1).max() == 0 and np.ptp(colored[..., :3], axis=-1).max() > 20
    assert np.ptp(left.picture()[..., :3], axis=-1).max() == 0
    setOverlayVisible(False)
    np.testing.assert_array_equal(right.picture(), plain)


def test_the_overlays_colors_have_a_scale_while_it_is_there(compared):
    from PartialDiffusionSRLib.comparison import setOverlayVisible

    _node, result, _left, right = compared
    scale_of = slicer.modules.colors.logic().GetColorLegendDisplayNode
    setOverlayVisible(False)
    assert scale_of(result.detail) is None
    for visible in (True, False, True):
        setOverlayVisible(visible)
        assert scale_of(result.detail).GetVisibility() == visible
    assert scale_of(result.detail).GetTitleText() == "t2 SR x2 added detail"
    assert scale_of(result.detail).GetViewNodeIDs() == (right.mrmlSliceNode().GetID(),)
    assert slicer.modules.colors.logic().GetNumberOfColorLegendDisplayNodes(result.detail) == 1


def test_a_second_comparison_says_nothing_on_the_error_stream(compared, capfd):
    from PartialDiffusionSRLib.comparison import showComparison

    node, result, *_ = compared
    capfd.readouterr()
    assert showComparison(node, result)
    assert not capfd.readouterr().err


@pytest.mark.usefixtures("phantom_zoo")
def test_zones_stand_in_a_3d_view_of_their_own(logic, a_phantom_node, views):
    from PartialDiffusionSRLib.comparison import showComparison

    node = a_phantom_node()
    views.threeDWidget(0).calls.clear()
    result = logic.process(node, zones=True, zoneModel="phantom", model="fast", device="cpu")
    for _ in range(2):
        assert showComparison(node, result)
    layouts = views.layoutLogic().GetLayoutNode()
    assert views.layout not in range(100) and layouts.IsLayoutDescription(views.layout)
    layout = ElementTree.fromstring(layouts.GetLayoutDescription(views.layout))
    assert [view.get("class") for view in layout.iter("view")] == ["vtkMRMLSliceNode"] * 2 + ["vtkMRMLViewNode"]
    assert [view.get("singletontag") for view in layout.iter("view")] == ["Red", "Yellow", "1"]
    assert views.threeDWidget(0).calls == ["center", "zoom"] * 2


@pytest.mark.usefixtures("phantom_zoo")
def test_zones_without_a_restoration_stand_over_their_volume(a_phantom_node, views):
    from PartialDiffusionSRLib.comparison import showZones

    node = a_phantom_node()
    assert showZones(node)
    assert views.layout == slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView
    for name in ("Red", "Yellow"):
        assert views.sliceWidget(name).mrmlSliceCompositeNode().GetBackgroundVolumeID() == node.GetID()
    assert views.threeDWidget(0).calls[-2:] == ["center", "zoom"]


def test_without_a_main_window_there_is_nothing_to_show(scene):
    from PartialDiffusionSRLib.comparison import setOverlayVisible, showComparison, showZones

    assert not showComparison(None, None) and not showZones(None)
    setOverlayVisible(True)
