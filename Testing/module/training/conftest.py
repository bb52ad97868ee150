"""The training panel as Slicer makes it, with settings of its own."""

import pytest
import slicer


@pytest.fixture
def settings(tmp_path):
    """A user's settings, empty."""
    import qt

    qt.QSettings.setPath(qt.QSettings.NativeFormat, qt.QSettings.UserScope, str(tmp_path / "settings"))
    qt.QCoreApplication.setOrganizationName("test")
    qt.QCoreApplication.setApplicationName("training")
    qt.QSettings().clear()


@pytest.fixture
def panels(scene, settings):
    """Makes the widget as Slicer does; each one is that of another session."""
    from PDMTraining import PDMTrainingWidget

    made = []

    def make():
        slicer.mrmlScene.Clear(0)
        made.append(PDMTrainingWidget())
        made[-1].setup()
        return made[-1]

    yield make
    for panel in made:
        panel.cleanup()


@pytest.fixture
def panel(panels):
    return panels()
