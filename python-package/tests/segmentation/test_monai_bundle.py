"""The loader of MONAI's bundle: the same numbers as MONAI's own transforms give, and nothing unsafe is loaded."""

import os
import pickle
import zipfile

import numpy as np
import pytest
import torch

from pdm_core.errors import InputError
from pdm_core.segmentation.monai_bundle import MonaiBundle, bundle_network
from pdm_core.segmentation.segmenter import find_segmenter
from pdm_core.volume import Volume

LEFT_POSTERIOR = np.array([[0, 1.25, 0, 4], [-2.5, 0, 0, 7], [0, 0, 2.5, -9], [0, 0, 0, 1.0]])


@pytest.fixture(scope="module")
def a_bundle(tmp_path_factory):
    """A folder as the bundle's is, with random weights."""
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "models").mkdir()
    torch.manual_seed(0)
    torch.save(bundle_network().state_dict(), folder / "models/model.pt")
    return folder


@pytest.fixture
def a_scan():
    """47.5 mm along each axis, which makes one window of the network; axes posterior, right, superior."""
    array = np.random.default_rng(0).random((20, 39, 20)).astype(np.float32) * 700
    return Volume(array, LEFT_POSTERIOR)


def test_the_probabilities_are_those_of_monais_own_transforms_and_network(a_bundle, a_scan):
    from monai.data import MetaTensor
    from monai.transforms import Compose, NormalizeIntensity, Orientation, ScaleIntensity, Spacing

    affine = torch.from_numpy(a_scan.ijk_to_ras)
    image = MetaTensor(torch.from_numpy(a_scan.array.transpose(2, 1, 0).copy())[None], affine=affine)
    steps = [Orientation("RAS", labels=None), Spacing((0.5,) * 3, mode="bilinear"), ScaleIntensity(0, 1), NormalizeIntensity()]
    ready = Compose(steps)(image)
    bundle = MonaiBundle.of(a_bundle)
    with torch.inference_mode():
        expected = torch.softmax(bundle.network(torch.as_tensor(ready)[None].float())[0], dim=0).numpy()
    field = bundle.find(a_scan, torch.device("cpu"))
    np.testing.assert_allclose(field.ijk_to_ras, np.asarray(ready.affine), atol=1e-4)
    # Ours are [class, k, j, i] with the zones the other way round.
    np.testing.assert_allclose(field.probabilities[[0, 2, 1]].transpose(0, 3, 2, 1), expected, atol=1e-3)
    assert expected.std() > 0.01


def test_weights_are_found_in_folders_files_wrappers_and_scripts(a_bundle, tmp_path):
    state = torch.load(a_bundle / "models/model.pt", weights_only=True)
    torch.save({"model": {f"module.{name}": value for name, value in state.items()}}, tmp_path / "wrapped.pt")
    traced = torch.jit.trace(bundle_network().eval(), torch.zeros(1, 1, 32, 32, 32))
    traced.load_state_dict(state)
    traced.save(str(tmp_path / "model.ts"))
    for path in (a_bundle, tmp_path / "wrapped.pt", tmp_path / "model.ts"):
        found = find_segmenter(str(path))
        assert found.name == "prostate_mri_anatomy" and not found.non_commercial
        assert len(found.record["sha256"]) == 64
        torch.testing.assert_close(found.network.state_dict(), state)


class Trap:
    """What a hostile pickle does when it is loaded."""

    def __reduce__(self):
        return os.mkdir, ("trapped",)


def test_nothing_in_a_pickle_is_executed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Trap()))
    torch.save({"state_dict": Trap()}, tmp_path / "zipped.pt")
    for name in ("plain.pt", "zipped.pt"):
        with pytest.raises(InputError, match="cannot be read safely"):
            MonaiBundle.of(tmp_path / name)
    assert not (tmp_path / "trapped").exists()


def test_what_is_no_such_bundle_is_told_apart(tmp_path):
    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / "other.pt")
    with pytest.raises(InputError, match="not those of the MONAI bundle"):
        MonaiBundle.of(tmp_path / "other.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(InputError, match="no weights by name"):
        MonaiBundle.of(tmp_path / "list.pt")
    with pytest.raises(InputError, match="holds no weights"):
        MonaiBundle.of(tmp_path)
    with zipfile.ZipFile(tmp_path / "bundle.zip", "w") as archive:
        archive.writestr("prostate_mri_anatomy/configs/metadata.json", "{}")
    with pytest.raises(InputError, match="packed"):
        MonaiBundle.of(tmp_path / "bundle.zip")
