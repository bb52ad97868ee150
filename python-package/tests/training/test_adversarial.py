"""Training against a discriminator: what is learned, resuming, processes, memory, and batch normalisation on the way."""

import json
import os
import subprocess
import sys
from itertools import count

import numpy as np
import pytest
import torch
import yaml
from torch import nn

from pdm_core import Volume, write_volume
from pdm_core.errors import CancelledError, InputError, MemoryShortageError, PdmError
from pdm_core.networks.discriminator import build_discriminator
from pdm_core.publishing.export import publish
from pdm_core.training import adversarial, train
from pdm_core.training.adversarial import AdversarialCourse
from pdm_core.training.dataset import SelectionRules, prepare
from pdm_core.training.gradients import SharedGradients
from pdm_core.training.initial import initial_network
from pdm_core.training.loop import trained_network
from pdm_core.training.normalisation import RunningStatistics
from pdm_core.training.recipe import Recipe
from pdm_core.training.restoration import RestorationCourse
from pdm_core.training.team import Team
from pdm_core.zoo import load_model, verify_model

SETTINGS = {
    "name": "small", "method": "srgan", "parameterization": "regression", "bridge": {"kind": "interpolant"},
    "network": {"preset": "srresnet_small", "scale": 2, "features": 8, "blocks": 2, "ends": 3}, "factors": (2.0, 2.0),
    "adversarial": 1e-3, "discriminator": {"features": 4, "grid": 2, "hidden": 8}, "crop": 32, "batch": 3, "iterations": 6,
    "learning_rate": 1e-3, "warmup": 2, "ema": 0.9, "validate_every": 3,
    "card": {"title": "t", "purpose": "p", "licence": "l", "data": [{"name": "n"}], "contrasts": ["c"]},
}  # fmt: skip


def a_recipe(**changes):
    return Recipe(**{**SETTINGS, **changes})


@pytest.fixture(scope="module")
def a_dataset(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    rows, columns = np.mgrid[:48, :48]
    for number in range(3):
        random = np.random.default_rng(number)
        array = np.zeros((4, 48, 48), np.float32)
        for image in array:
            for _ in range(8):
                row, column, radius = random.uniform(0, 48, 3) * (1, 1, 0.25)
                image[(rows - row) ** 2 + (columns - column) ** 2 < radius**2] += random.uniform(50, 200)
        (root / f"p{number}").mkdir()
        write_volume(Volume(array, np.eye(4)), root / f"p{number}" / "v.nii.gz")
    return prepare(root, tmp_path_factory.mktemp("dataset"), SelectionRules(min_matrix=48))


def content_of(folder):
    return torch.load(folder / "checkpoint.pt", weights_only=True)


def history_of(folder):
    return json.loads((folder / "history.json").read_text())


def tensors_of(content):
    """All tensors of a checkpoint, by their places in it."""
    if isinstance(content, torch.Tensor):
        return {"": content}
    inner = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return {f"{key}/{place}": tensor for key, value in inner for place, tensor in tensors_of(value).items()}


def a_course(dataset, **changes):
    recipe = a_recipe(**changes)
    networks = [initial_network(recipe, torch.device("cpu")) for _ in range(2)]
    team = Team(0, 1, torch.device("cpu"))
    restoration = RestorationCourse.of(recipe, *networks, dataset, team)
    return AdversarialCourse(restoration, lambda message: None)


def test_the_discriminator_learns_to_tell_images_apart_and_the_loss_weighs_its_opinion(a_dataset):
    course = a_course(a_dataset, adversarial=0.5)
    batch = course.draw(0)
    mistakes = []
    for _ in range(15):
        course.prepare(batch, 1e-2)
        with torch.no_grad():
            mistakes.append(float(course._mistakes(batch)))
    assert mistakes[-1] < 0.7 * mistakes[0]
    content = course._restoration.loss(batch)
    restored, _ = course._images(batch)
    opinion = -nn.functional.logsigmoid(course._discriminator(restored)).mean()
    torch.testing.assert_close(course.loss(batch), content + 0.5 * opinion)


def test_a_step_moves_the_network_by_the_discriminators_gradient_and_leaves_that_alone(a_dataset):
    course = a_course(a_dataset, adversarial=1e6)
    batch = course.draw(0)
    course.prepare(batch, 1e-3)
    before = [weight.clone() for weight in course._discriminator.parameters()]
    course._discriminator.zero_grad()
    course.loss(batch).backward()
    network = course._restoration.denoiser.network
    size = sum(float(weight.grad.abs().sum()) for weight in network.parameters())
    assert size > 100 * sum(float(gradient.abs().sum()) for gradient in torch.autograd.grad(
        course._restoration.loss(batch), list(network.parameters())
    ))  # fmt: skip
    after = list(course._discriminator.parameters())
    assert all(torch.equal(old, new) for old, new in zip(before, after, strict=True))
    assert all(weight.grad is None for weight in after)


def test_a_broken_run_goes_on_as_if_never_broken_to_the_last_bit(a_dataset, tmp_path):
    recipe = a_recipe()
    train(recipe, tmp_path / "whole", dataset=a_dataset)
    asked = iter([False] * 4 + [True])
    with pytest.raises(CancelledError, match="go on from step 4"):
        train(recipe, tmp_path / "broken", dataset=a_dataset, cancel=lambda: next(asked))
    train(recipe, tmp_path / "broken", dataset=a_dataset)
    assert history_of(tmp_path / "broken") == history_of(tmp_path / "whole")
    whole, broken = (tensors_of(content_of(tmp_path / name)) for name in ("whole", "broken"))
    assert whole.keys() == broken.keys()
    assert any(place.startswith("extra/discriminator") for place in whole)
    assert any(place.startswith("extra/optimizer") for place in whole)
    for place, tensor in whole.items():
        torch.testing.assert_close(broken[place], tensor, rtol=0, atol=0, msg=place)


def test_two_processes_give_the_curve_of_one(a_dataset, tmp_path):
    recipe, command = tmp_path / "recipe.yaml", ["-m", "pdm_core", "train"]
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in SETTINGS.items()}
    recipe.write_text(yaml.safe_dump({**plain, "iterations": 4, "validate_every": 2}))
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    for name, before in (("one", []), ("two", torchrun)):
        words = [sys.executable, *before, *command, str(recipe), "-o", str(tmp_path / name), "--data", str(a_dataset.folder)]
        done = subprocess.run(words, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr[-2000:]
    for alone, shared in zip(history_of(tmp_path / "one"), history_of(tmp_path / "two"), strict=True):
        assert shared == pytest.approx(alone, rel=1e-3, abs=1e-3)
    one, two = (content_of(tmp_path / name)["extra"]["discriminator"] for name in ("one", "two"))
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=1e-2, atol=1e-3, msg=name)


class TeamOfTwo(Team):
    """Counts what is added up, and adds the other member's share, which is made of ones."""

    def add_up(self, tensors):
        self.__dict__["sizes"] = [tensor.numel() for tensor in tensors]
        for tensor in tensors:
            tensor += 1.0


def test_a_process_with_an_empty_share_takes_part_in_every_exchange(a_dataset):
    whole, sizes = a_course(a_dataset).draw(0), []
    for batch in (whole, whole.part(0, 0)):
        team, network = TeamOfTwo(0, 1, torch.device("cpu")), build_discriminator(SETTINGS["discriminator"])
        objective = lambda part, judge=network: judge(part.pairs.x_hr).mean()
        SharedGradients(network, objective, 6, team, lambda message: None).find(batch)
        sizes.append(team.sizes)
    assert sizes[0] == sizes[1] and len(sizes[0]) > len(list(network.parameters()))
    assert all(torch.equal(weight.grad, torch.ones_like(weight)) for weight in network.parameters())


def test_short_memory_cuts_both_networks_batches_and_changes_nothing_else(a_dataset, tmp_path, monkeypatch):
    recipe, heard = a_recipe(), []
    train(recipe, tmp_path / "enough", dataset=a_dataset)
    whole = adversarial.output_and_target

    def with_little_memory(denoiser, pairs, *rest):
        if len(pairs.x_hr) > 1:
            raise torch.OutOfMemoryError("out of memory")
        return whole(denoiser, pairs, *rest)

    monkeypatch.setattr(adversarial, "output_and_target", with_little_memory)
    train(recipe, tmp_path / "short", dataset=a_dataset, warn=heard.append)
    assert sum("1 crops at a time" in message for message in heard) == 2
    for enough, short in zip(history_of(tmp_path / "enough"), history_of(tmp_path / "short"), strict=True):
        assert short == pytest.approx(enough, rel=1e-3, abs=1e-3)

    def without_memory(*rest):
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(adversarial, "output_and_target", without_memory)
    with pytest.raises(MemoryShortageError, match="Not even one crop"):
        train(recipe, tmp_path / "none", dataset=a_dataset)


def test_a_discriminator_that_is_no_number_any_more_stops_the_run_and_keeps_the_last_checkpoint(
    a_dataset, tmp_path, monkeypatch
):
    mistakes, number = AdversarialCourse._mistakes, count(1)
    spoilt = lambda course, batch: mistakes(course, batch) * (float("inf") if next(number) == 5 else 1.0)
    monkeypatch.setattr(AdversarialCourse, "_mistakes", spoilt)
    with pytest.raises(PdmError, match="The loss became nan"):
        train(a_recipe(), tmp_path, dataset=a_dataset)
    content = content_of(tmp_path)
    assert content["step"] == 3 and all(bool(tensor.isfinite().all()) for tensor in tensors_of(content).values())


def test_the_last_weights_are_kept_and_published_as_they_were_trained(a_dataset, tmp_path):
    recipe = a_recipe(learning_rate=1e-2)
    train(recipe, tmp_path, dataset=a_dataset)
    content = content_of(tmp_path)
    assert all(torch.equal(tensor, content["average"][name]) for name, tensor in content["best"].items())
    card = publish(recipe, tmp_path, a_dataset)
    assert card.training["validation"]["step"] == recipe.iterations
    verify_model(card)
    trained, loaded = trained_network(recipe, tmp_path, a_dataset), load_model(card).network
    image = torch.rand(2, 1, 24, 20, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = trained(image)
        torch.testing.assert_close(loaded(image), expected, rtol=0, atol=3e-3 * float(expected.abs().max()))
    buffers = dict(loaded.named_buffers())
    assert all(torch.equal(buffers[name], buffer) for name, buffer in trained.named_buffers())
    assert any(name.endswith("running_var") for name in buffers)


def test_running_statistics_become_those_of_the_data_however_it_is_shared_out():
    torch.manual_seed(0)
    images = 3 + 2 * torch.randn(6, 4, 10, 10)
    expected = nn.BatchNorm2d(4, momentum=1.0)
    expected(images)
    teams = [nn.BatchNorm2d(4, momentum=1.0) for _ in range(2)]
    members = [RunningStatistics(layer) for layer in teams]
    teams[0](images[:1]), teams[0](images[1:4]), teams[1](images[4:])
    for one, other in zip(members[0].sums, members[1].sums, strict=True):
        total = one + other
        one.copy_(total), other.copy_(total)
    for member, layer in zip(members, teams, strict=True):
        member.move()
        torch.testing.assert_close(layer.running_mean, expected.running_mean)
        # BatchNorm's own is the unbiased one.
        torch.testing.assert_close(layer.running_var, expected.running_var * 599 / 600, rtol=1e-4, atol=0)
        member.clear()
        assert not any(sums.any() for sums in member.sums)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"parameterization": "residual"}, "needs the parameterization regression"),
        ({"adversarial": -1.0}, "not be negative"),
        ({"adversarial": 0.0}, "a discriminator is described"),
    ],
)  # fmt: skip
def test_impossible_adversaries_are_refused(changes, reason):
    with pytest.raises(InputError, match=reason):
        a_recipe(**changes)


def test_an_unknown_argument_of_the_discriminator_is_refused():
    with pytest.raises(InputError, match="cannot be built"):
        build_discriminator({"width": 3})
