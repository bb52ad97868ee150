"""Consistency distillation and runs that start from a model."""

import json
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
import yaml
from torch import nn

from pdm_core import SuperResolutionOptions, Volume, super_resolve, write_volume
from pdm_core.cli.main import main
from pdm_core.diffusion.bridges import Bridge
from pdm_core.diffusion.denoisers import ResidualDenoiser, columns, precondition
from pdm_core.diffusion.symmetric import FLIPS, SYMMETRIES, SymmetricDenoiser
from pdm_core.errors import InputError
from pdm_core.publishing.export import publish
from pdm_core.training import load_recipe, train
from pdm_core.training.batches import PairBatch
from pdm_core.training.course import score
from pdm_core.training.dataset import SelectionRules, prepare
from pdm_core.training.distillation import ConsistencyLoss
from pdm_core.training.loop import trained_denoiser
from pdm_core.training.pairs import Pairs, PairSampler
from pdm_core.training.recipe import Distillation
from pdm_core.zoo import find_model, load_model

SCALES, SIZE = 6, 136
RUN = {
    "name": "pupil", "crop": 48, "batch": 4, "iterations": 2, "learning_rate": 1e-3, "warmup": 2, "ema": 0.9,
    "validate_every": 2, "card": {"title": "t", "purpose": "p", "data": [{"name": "mine"}]},
}  # fmt: skip


@pytest.fixture(scope="module")
def a_dataset(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    rows, columns = np.mgrid[:SIZE, :SIZE]
    for number in range(3):
        random = np.random.default_rng(number)
        array = np.zeros((4, SIZE, SIZE), np.float32)
        for image in array:
            for _ in range(8):
                row, column, radius = random.uniform(0, SIZE, 3) * (1, 1, 0.25)
                image[(rows - row) ** 2 + (columns - column) ** 2 < radius**2] += random.uniform(50, 200)
        (root / f"p{number}").mkdir()
        write_volume(Volume(array, np.eye(4)), root / f"p{number}" / "v.nii.gz")
    return prepare(root, tmp_path_factory.mktemp("dataset"), SelectionRules(min_matrix=48))


@pytest.fixture
def a_recipe_file(tmp_path):
    def write(**changes):
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump({**RUN, **changes}))
        return path

    return write


@pytest.fixture
def a_batch(a_dataset):
    pairs = PairSampler(a_dataset.stacks("train"), (1.5, 4.0), 48, 0.0).draw(6, (0,))
    times = np.array([1.0, 0.99, 0.6, 0.5, 0.2, 0.01])
    return PairBatch(pairs, times, torch.randn(pairs.x_hr.shape, generator=torch.Generator().manual_seed(1)))


class Knowing:
    """Estimates the truth plus an error of its own, and keeps what it was shown."""

    bridge = Bridge(100, 25, "cosine")

    def __init__(self, x_hr, error=0.0):
        self.x_hr, self.error, self.shown = x_hr, error, None

    def spread(self, factor):
        return 0.1

    def estimate_each(self, x, x_lr, times, factors):
        self.shown = (x, times)
        return self.x_hr + self.error


def test_the_teacher_moves_along_the_trajectory_of_the_same_noise(a_batch):
    truth = a_batch.pairs.x_hr
    student, target = Knowing(truth), Knowing(truth)
    assert float(ConsistencyLoss(student, target, Knowing(truth), SCALES, "mse")(a_batch)) == 0.0
    now, before = student.shown[1], target.shown[1]
    np.testing.assert_allclose(now, [1.0, 1.0, 4 / 6, 3 / 6, 2 / 6, 1 / 6])
    np.testing.assert_allclose(now - before, 1 / SCALES)
    for x, times in (student.shown, target.shown):
        torch.testing.assert_close(x, latents(student.bridge, a_batch, times), rtol=0, atol=1e-5)


def test_the_loss_is_in_units_of_the_networks_output_and_teaches_the_student_alone(a_batch, a_tiny_model):
    truth = a_batch.pairs.x_hr
    loss = ConsistencyLoss(Knowing(truth, 0.05), Knowing(truth), Knowing(truth), SCALES, "mse")
    a, _, sigma = Knowing.bridge.curves(np.ceil(a_batch.times * SCALES) / SCALES)
    units = np.array([precondition(*numbers, 0.1)[2] for numbers in zip(a, sigma, strict=True)])
    assert float(loss(a_batch)) == pytest.approx(float(np.mean((0.05 / units) ** 2)), rel=1e-3)
    student, target, teacher = (load_model(a_tiny_model) for _ in range(3))
    with torch.no_grad():
        student.network.tail[2].bias += 0.1
    ConsistencyLoss(student, target, teacher, SCALES, "huber")(a_batch).backward()
    assert all(weight.grad is None for model in (target, teacher) for weight in model.network.parameters())
    assert any(weight.grad is not None and weight.grad.abs().max() > 0 for weight in student.network.parameters())


def latents(bridge, batch, times):
    a, b, sigma = columns(bridge, times, batch.noise)
    return a * batch.pairs.x_hr + b * batch.pairs.x_lr + sigma * batch.noise


def mean_of_views(teacher, x, batch, times, views):
    """By the pipeline's own wrapper, one image and one view after the other."""
    seen = [SymmetricDenoiser(teacher, number) for number in range(views)]
    images = zip(x.split(1), batch.pairs.x_lr.split(1), times.tolist(), batch.pairs.factor, strict=True)
    with torch.no_grad():
        return torch.cat([torch.stack([view.estimate(*image) for view in seen]).mean(dim=0) for image in images])


@pytest.mark.parametrize("views", [1, 3, SYMMETRIES])
def test_the_teacher_steps_by_the_mean_of_its_views(a_batch, a_tiny_model, views):
    teacher, x_lr = load_model(a_tiny_model), a_batch.pairs.x_lr
    student, target = (Knowing(a_batch.pairs.x_hr) for _ in range(2))
    ConsistencyLoss(student, target, teacher, SCALES, "mse", views)(a_batch)
    (x, now), (stepped, before) = student.shown, target.shown
    mean = mean_of_views(teacher, x, a_batch, now, views)
    (a, b, sigma), then = (columns(teacher.bridge, times, x) for times in (now, before))
    by_hand = then[0] * mean + then[1] * x_lr + then[2] / sigma * (x - a * mean - b * x_lr)
    torch.testing.assert_close(stepped, by_hand, rtol=0, atol=1e-5)
    other = mean_of_views(teacher, x, a_batch, now, views + 1 if views < SYMMETRIES else 1)
    assert float((then[0] * (other - mean)).abs().max()) > 1e-4


@pytest.mark.parametrize("views", [1, SYMMETRIES])
def test_with_one_interval_the_aim_is_the_teachers_mean_at_the_start(a_batch, a_tiny_model, views):
    teacher, start = load_model(a_tiny_model), np.ones(len(a_batch))
    mean = mean_of_views(teacher, latents(teacher.bridge, a_batch, start), a_batch, start, views)
    student, target = Knowing(mean), Knowing(a_batch.pairs.x_hr)
    assert float(ConsistencyLoss(student, target, teacher, 1, "mse", views)(a_batch)) == pytest.approx(0.0, abs=1e-9)
    # At whatever times the batch was drawn: all are taken up to the start. The moving average is not asked.
    assert student.shown[1].tolist() == start.tolist() and target.shown is None
    off = ConsistencyLoss(Knowing(mean, 0.05), target, teacher, 1, "mse", views)(a_batch)
    assert float(off) == pytest.approx((0.05 / student.spread(2.0)) ** 2, rel=1e-3)


class Pointwise(nn.Module):
    """Sees no neighbours, and so no orientation."""

    def forward(self, image, scalars):
        return image[:, 1:2].square()


def test_a_teacher_without_orientation_has_nothing_to_teach_its_own_copy(a_batch):
    student, teacher = (ResidualDenoiser(Pointwise(), Bridge(100, 25, "cosine"), [(2.0, 0.1)]) for _ in range(2))
    assert float(ConsistencyLoss(student, student, teacher, 1, "mse", SYMMETRIES)(a_batch)) < 1e-12


def test_estimates_of_each_image_are_those_of_one(a_batch, a_tiny_model):
    denoiser, pairs = load_model(a_tiny_model).eval(), a_batch.pairs
    with torch.no_grad():
        together = denoiser.estimate_each(a_batch.noise, pairs.x_lr, a_batch.times, pairs.factor)
        alone = [
            denoiser.estimate(a_batch.noise[k : k + 1], pairs.x_lr[k : k + 1], float(a_batch.times[k]), pairs.factor[k])
            for k in range(len(a_batch))
        ]
        clean = denoiser.estimate_each(pairs.x_hr, pairs.x_lr, np.zeros(6), pairs.factor)
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-5)
    # The boundary condition: at u = 0 the latent is the image.
    torch.testing.assert_close(clean, pairs.x_hr, rtol=0, atol=1e-5)


class Gain(nn.Module):
    """The scaled latent times a number of its own for each time of the grid, known by its noise level."""

    def __init__(self, levels):
        super().__init__()
        self.levels = torch.from_numpy(levels).float()
        self.gain = nn.Parameter(torch.zeros(len(levels)))

    def forward(self, image, scalars):
        nearest = (scalars[:, :1] - self.levels).abs().argmin(dim=1)
        return self.gain[nearest][:, None, None, None] * image[:, :1]


def test_a_student_learns_the_end_of_its_teachers_trajectory():
    """Residuals of independent Gaussian pixels: the exact denoiser is F = 0, and all that is to be learned is linear."""
    spread, bridge = 0.3, Bridge(100, 25, "cosine")
    grid = np.arange(SCALES + 1) / SCALES
    levels = bridge.curves(grid)[2]
    student, teacher = (ResidualDenoiser(Gain(levels), bridge, [(2.0, spread)]) for _ in range(2))
    loss = ConsistencyLoss(student, student, teacher, SCALES, "mse")
    optimizer = torch.optim.Adam(student.parameters(), lr=0.1)
    torch.manual_seed(0)
    for step in range(250):
        optimizer.param_groups[0]["lr"] = 0.1 * (1 - step / 250)
        x_lr = torch.randn(16, 1, 4, 4)
        pairs = Pairs(x_lr + spread * torch.randn(16, 1, 4, 4), x_lr, (2.0,) * 16)
        optimizer.zero_grad()
        loss(PairBatch(pairs, np.tile(grid[1:5], 4), torch.randn(16, 1, 4, 4))).backward()
        optimizer.step()
    with torch.no_grad():
        a, b, sigma = bridge.at(float(grid[4]))
        noise, x_lr = torch.randn(2, 16, 1, 4, 4)
        start = (a + b) * x_lr + (a**2 * spread**2 + sigma**2) ** 0.5 * noise
        jump, short = (model.estimate(start, x_lr, float(grid[4]), 2.0) for model in (student, teacher))
        walk = partial(teacher.estimate, x_lr=x_lr, factor=2.0)
        end = ddim_walk(walk, bridge, start, x_lr, grid[4::-1])
    assert float((short - end).abs().mean()) > 0.2 * float((end - x_lr).abs().mean())
    torch.testing.assert_close(jump, end, rtol=0, atol=0.02 * float((end - x_lr).abs().max()))


def ddim_walk(estimate, bridge, x, x_lr, times):
    for u, s in pairwise(times.tolist()):
        x_hr, now, then = estimate(x, u=u), bridge.at(u), bridge.at(s)
        x = then.a * x_hr + then.b * x_lr + then.sigma / now.sigma * (x - now.a * x_hr - now.b * x_lr)
    return x


def test_distil_from_the_command_line_gives_a_model_measured_beside_its_teacher(
    a_dataset, a_recipe_file, tiny_zoo, tmp_path, capsys, monkeypatch
):
    run = str(tmp_path / "run")
    recipe = str(a_recipe_file(distillation={"teacher": "tiny", "steps": 2, "scales": SCALES}))
    assert main(["distill", recipe, "-o", run, "--data", str(a_dataset.folder)]) == 0
    card = find_model(str(tmp_path / "run" / "pupil.json"))
    assert (card.method, card.sampler["sampler"], card.sampler["steps"]) == ("consistency", "consistency", 2)
    assert card.residual_std == tiny_zoo.residual_std and card.network == tiny_zoo.network
    # What the recipe leaves out is the teacher's; the data of both stand on the card.
    assert card.contrasts == tiny_zoo.contrasts and card.licence == tiny_zoo.licence and card.data == ({"name": "mine"},)
    monkeypatch.setattr("pdm_core.publishing.acceptance._refuse_useless", lambda *arguments: None)
    monkeypatch.setenv("PDM_ZOO", str(tmp_path / "zoo"))
    (tmp_path / "zoo").mkdir()
    for kind in (".json", ".safetensors"):
        (tmp_path / "zoo" / f"tiny{kind}").write_bytes(tiny_zoo.weights.with_suffix(kind).read_bytes())
    capsys.readouterr()
    assert main(["models", "add", run, "--data", str(a_dataset.folder)]) == 0
    printed = capsys.readouterr().out
    for method in ("pupil, 1 step", "pupil, 2 steps", "tiny, 1 step", "tiny, 2 steps"):
        assert f"| {method} |" in printed
    result = super_resolve(Volume(np.random.default_rng(0).random((1, 48, 48), np.float32), np.eye(4)),
                           SuperResolutionOptions(model="pupil"))  # fmt: skip
    assert result.provenance["sampling"]["sampler"] == "consistency" and result.provenance["sampling"]["steps"] == 2


@pytest.mark.parametrize(("teacher", "views"), [("tiny", SYMMETRIES), ("thin", FLIPS)])
def test_a_student_of_the_mean_keeps_the_best_weights(a_dataset, a_recipe_file, both_zoo, tmp_path, teacher, views):
    lesson = {"teacher": teacher, "steps": 1, "scales": 1, "views": views}
    recipe = load_recipe(a_recipe_file(distillation=lesson, validate_every=1, learning_rate=0.3, factors=[1.5, 2.0]))
    train(recipe, tmp_path / "run", dataset=a_dataset)
    card = publish(recipe, tmp_path / "run", a_dataset)
    first, last = json.loads((tmp_path / "run" / "history.json").read_text())
    # The rate is ruinous: the second step has made it worse.
    assert score(first) > score(last) and card.training["validation"] == first
    assert (card.method, card.sampler["sampler"], card.sampler["steps"]) == ("consistency", "consistency", 1)


def test_the_bundled_student_of_the_mean_learns_all_views():
    recipe = load_recipe("base-1step")
    assert recipe.distillation == Distillation("base", steps=1, scales=1, views=SYMMETRIES)
    assert recipe.initial == "base" and not recipe.keeps_last and load_recipe("base-2step").keeps_last


def test_a_run_starts_from_a_model_and_says_whose_data_it_saw(a_dataset, a_recipe_file, tiny_zoo, tmp_path):
    recipe = load_recipe(a_recipe_file(initial="tiny", learning_rate=1e-9))
    assert recipe.network == tiny_zoo.network and recipe.parameterization == "residual"
    train(recipe, tmp_path / "run", dataset=a_dataset)
    start, end = load_model(tiny_zoo).network, trained_denoiser(recipe, tmp_path / "run", a_dataset).network
    for name, value in start.state_dict().items():
        torch.testing.assert_close(end.state_dict()[name], value, rtol=0, atol=1e-6)
    history = json.loads((tmp_path / "run" / "history.json").read_text())
    assert history[-1]["step"] == 2


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"initial": "nobody"}, "no model 'nobody'"),
        ({"distillation": {"teacher": "tiny", "steps": 5}}, "5 steps is not possible"),
        ({"distillation": {"teacher": "tiny", "steps": 3, "scales": 2}}, "2 scales are too few"),
        ({"distillation": {"teacher": "tiny", "views": 0}}, "0 views"),
        ({"distillation": {"teacher": "tiny", "views": 9}}, "9 views"),
        ({"distillation": {"teacher": "thin", "views": 5}}, "5 views would transpose planes .* choose 1 to 4"),
        ({"distillation": {"teacher": "tiny"}, "initial": "fast"}, "must start from its teacher"),
        ({"distillation": {"teacher": "tiny"}, "network": {"preset": "fast"}, "parameterization": "epsilon"}, "residual"),
        ({"distillation": {"tutor": "tiny"}}, "malformed"),
    ],
)
def test_impossible_beginnings_are_refused(a_recipe_file, both_zoo, changes, complaint):
    with pytest.raises(InputError, match=complaint):
        load_recipe(a_recipe_file(**changes))


def test_another_network_than_the_models_is_refused_before_the_training(a_dataset, a_recipe_file, tiny_zoo, tmp_path):
    recipe = load_recipe(a_recipe_file(initial="tiny", network={"preset": "fast"}))
    with pytest.raises(InputError, match="their networks differ"):
        train(recipe, tmp_path, dataset=a_dataset)
