"""Runs as they happen: killed and resumed, shared by processes, short of memory, diverging, without progress."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch.distributed import HashStore

from pdm_core import Volume, read_volume, write_volume
from pdm_core.cli.main import main
from pdm_core.errors import InputError, MemoryShortageError, PdmError
from pdm_core.publishing.acceptance import accept
from pdm_core.publishing.export import publish
from pdm_core.training import TrainingLimits, finished, restoration, train
from pdm_core.training.batches import BatchStream, draw_batch
from pdm_core.training.course import score
from pdm_core.training.dataset import SelectionRules, prepare
from pdm_core.training.degradations import KspaceDegradation
from pdm_core.training.loop import HISTORY
from pdm_core.training.pairs import PairSampler
from pdm_core.training.recipe import Recipe
from pdm_core.training.slices import SliceStack
from pdm_core.training.team import password
from pdm_core.training.validation import validation_factors
from pdm_core.zoo import find_model, list_models

SETTINGS = {
    "name": "small", "network": {"preset": "fast", "channels": [16, 32], "blocks": 1, "detail": 8}, "crop": 48, "batch": 4,
    "iterations": 24, "learning_rate": 3e-3, "warmup": 5, "ema": 0.9, "validate_every": 8,
    "card": {"title": "t", "purpose": "p", "licence": "l", "data": [{"name": "n"}], "contrasts": ["c"]},
}  # fmt: skip
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def discs(seed, size=136):
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size]
    array = np.zeros((4, size, size), np.float32)
    for image in array:
        for _ in range(8):
            row, column, radius = random.uniform(0, size, 3) * (1, 1, 0.25)
            image[(rows - row) ** 2 + (columns - column) ** 2 < radius**2] += random.uniform(50, 200)
    return array


@pytest.fixture(scope="module")
def a_dataset(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    for number in range(3):
        (root / f"p{number}").mkdir()
        write_volume(Volume(discs(number), np.eye(4)), root / f"p{number}" / "v.nii.gz")
    return prepare(root, tmp_path_factory.mktemp("dataset"), SelectionRules(min_matrix=48))


@pytest.fixture
def a_recipe_file(tmp_path):
    def write(**changes):
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump({**SETTINGS, **changes}))
        return path

    return write


def command(recipe, folder, dataset, *more):
    return ["-m", "pdm_core", "train", str(recipe), "-o", str(folder), "--data", str(dataset.folder), *more]


def environment():
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def history_of(folder):
    return json.loads((folder / HISTORY).read_text())


def test_a_run_killed_at_any_moment_goes_on_to_the_same_curve(a_dataset, a_recipe_file, tmp_path):
    recipe = a_recipe_file()
    whole = [sys.executable, *command(recipe, tmp_path / "whole", a_dataset, "--threads", "1")]
    subprocess.run(whole, check=True, env=environment(), capture_output=True)
    broken = [
        sys.executable,
        *command(recipe, tmp_path / "broken", a_dataset, "--threads", "1", "--checkpoint-minutes", "1e-6"),
    ]
    kills = 0
    for delay in (0.3, 0.1, 0.5):
        process = subprocess.Popen(broken, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        before = stamp(tmp_path / "broken")
        while stamp(tmp_path / "broken") == before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(delay)
        kills += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert kills
    subprocess.run(broken, check=True, env=environment(), capture_output=True)
    assert history_of(tmp_path / "broken") == history_of(tmp_path / "whole")
    first, second = ((tmp_path / name / "small.safetensors").read_bytes() for name in ("whole", "broken"))
    assert first == second
    page = (tmp_path / "whole" / "curves.html").read_text()
    assert page.count("<figure>") == 3 and "psnr_gain_x4" in page


def stamp(folder):
    path = folder / "checkpoint.pt"
    return path.stat().st_mtime_ns if path.exists() else None


def test_two_processes_give_the_curve_of_one(a_dataset, a_recipe_file, tmp_path):
    recipe = a_recipe_file(iterations=8, validate_every=4)
    subprocess.run([sys.executable, *command(recipe, tmp_path / "one", a_dataset)], check=True, env=environment())
    done = subprocess.run(
        [*TORCHRUN, *command(recipe, tmp_path / "two", a_dataset)], env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("trained. Use it") == 1
    for alone, shared in zip(history_of(tmp_path / "one"), history_of(tmp_path / "two"), strict=True):
        assert alone.keys() == shared.keys()
        for key, value in alone.items():
            assert shared[key] == pytest.approx(value, rel=1e-3, abs=1e-3), key


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds the ranks among the processes by /proc")
def test_torchrun_starts_a_team_that_has_lost_its_leader_again_and_the_curve_stays_the_same(
    a_dataset, a_recipe_file, tmp_path
):
    recipe, often = a_recipe_file(iterations=12, validate_every=4), ["--checkpoint-minutes", "1e-6", "--progress", "json"]
    whole = [*TORCHRUN, *command(recipe, tmp_path / "whole", a_dataset)]
    subprocess.run(whole, check=True, env=environment(), capture_output=True)
    broken = [*TORCHRUN, "--max-restarts", "1", *command(recipe, tmp_path / "broken", a_dataset, *often)]
    with (tmp_path / "log").open("w") as log:
        torchrun = subprocess.Popen(broken, env=environment(), stdout=subprocess.PIPE, stderr=log, text=True)
        while json.loads(torchrun.stdout.readline()).get("step", 0) < 6:
            pass
        first = ranks_of(torchrun.pid)
        os.kill(first[0], signal.SIGKILL)
        later = [json.loads(line) for line in torchrun.stdout]
        torchrun.wait()
    assert torchrun.returncode == 0, (tmp_path / "log").read_text()[-2000:]
    assert "have lost each other" in (tmp_path / "log").read_text()
    # Step 6 is told of before its checkpoint is written.
    assert min(event["step"] for event in later if "step" in event) >= 5
    assert history_of(tmp_path / "broken") == history_of(tmp_path / "whole")


def ranks_of(torchrun):
    """Process ids of the team that `torchrun` has started, by rank."""
    children = Path(f"/proc/{torchrun}/task/{torchrun}/children").read_text().split()
    settings = {int(child): Path(f"/proc/{child}/environ").read_bytes().split(b"\0") for child in children}
    return {int(entry[5:]): child for child, entries in settings.items() for entry in entries if entry.startswith(b"RANK=")}


def test_a_team_started_again_in_the_same_store_does_not_mistake_the_words_of_the_dead():
    store, words = HashStore(), []
    for _ in range(2):
        with ThreadPoolExecutor(3) as pool:
            leader = pool.submit(password, store, 0, 3)
            # Long enough to read what those before have left.
            time.sleep(0.1)
            assert not leader.done()
            others = [pool.submit(password, store, rank, 3) for rank in (1, 2)]
            words.append({member.result(timeout=20) for member in (leader, *others)})
    first, second = words
    assert len(first) == len(second) == 1 and first != second


def test_the_shares_of_a_batch_make_up_the_batch():
    recipe = Recipe(**{**SETTINGS, "batch": 7})
    stack = SliceStack("a", torch.from_numpy(discs(0)) / 100, (0, 1, 2, 3))
    sampler = PairSampler([stack], (1.5, 4.0), 48, 0.3)
    whole = draw_batch(sampler, recipe, 3, 0, 1)
    shares = [draw_batch(sampler, recipe, 3, rank, 3) for rank in range(3)]
    assert [len(share) for share in shares] == [3, 2, 2] and len(whole) == 7
    for rank, share in enumerate(shares):
        numbers = sampler.share(7, rank, 3)
        torch.testing.assert_close(share.pairs.x_hr, whole.pairs.x_hr[numbers], rtol=0, atol=0)
        torch.testing.assert_close(share.noise, whole.noise[numbers], rtol=0, atol=0)
        np.testing.assert_array_equal(share.times, whole.times[numbers])
        assert share.pairs.factor == tuple(whole.pairs.factor[number] for number in numbers)
    assert len({float(noise.mean()) for noise in whole.noise}) == 7


@pytest.mark.parametrize("threads", [1, 3])
def test_batches_come_in_order_and_an_error_in_drawing_reaches_the_loop(threads):
    with BatchStream(lambda step: time.sleep(0.01 * (step % 2)) or step, 5, threads) as stream:
        assert [stream.take() for _ in range(10)] == list(range(5, 15))

    def draw(step):
        if step == 2:
            raise InputError("broken")
        return step

    with BatchStream(draw, 0, threads) as stream:
        assert [stream.take(), stream.take()] == [0, 1]
        with pytest.raises(InputError, match="broken"):
            stream.take()


def test_drawing_shares_nothing_out_and_leaves_the_network_its_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with BatchStream(lambda step: torch.get_num_threads(), 0, 2) as stream:
            assert [stream.take() for _ in range(4)] == [1, 1, 1, 1]
            with ThreadPoolExecutor(1) as pool:
                assert (torch.get_num_threads(), pool.submit(torch.get_num_threads).result()) == (2, 2)
    finally:
        torch.set_num_threads(before)


def test_short_memory_cuts_the_batch_and_changes_nothing_else(a_dataset, tmp_path, monkeypatch):
    recipe = Recipe(**{**SETTINGS, "iterations": 6, "validate_every": 6})
    train(recipe, tmp_path / "enough", dataset=a_dataset)
    loss, heard = restoration.denoising_loss, []

    def with_little_memory(denoiser, pairs, *rest):
        if len(pairs.x_hr) > 1:
            raise torch.OutOfMemoryError("out of memory")
        return loss(denoiser, pairs, *rest)

    monkeypatch.setattr(restoration, "denoising_loss", with_little_memory)
    train(recipe, tmp_path / "short", dataset=a_dataset, warn=heard.append)
    cuts = [message for message in heard if "memory" in message]
    assert len(cuts) == 2 and "1 crops at a time" in cuts[-1]
    (enough,), (short,) = history_of(tmp_path / "enough"), history_of(tmp_path / "short")
    assert short == pytest.approx(enough, rel=1e-3, abs=1e-3)

    def without_memory(*rest):
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(restoration, "denoising_loss", without_memory)
    with pytest.raises(MemoryShortageError, match="Not even one crop"):
        train(recipe, tmp_path / "none", dataset=a_dataset)


class InfiniteGradient(torch.autograd.Function):
    """A finite value whose gradient is not."""

    @staticmethod
    def forward(context, value):
        return value.clone()

    @staticmethod
    def backward(context, gradient):
        return gradient * float("inf")


@pytest.mark.parametrize("spoil", [lambda loss: loss * float("nan"), InfiniteGradient.apply])
def test_what_is_no_number_stops_the_run_and_keeps_the_last_checkpoint(a_dataset, tmp_path, monkeypatch, spoil):
    recipe = Recipe(**SETTINGS)
    loss, count = restoration.denoising_loss, []

    def diverging(*arguments):
        count.append(1)
        value = loss(*arguments)
        # At the eleventh step alone: a checkpoint right behind it must not be written.
        return spoil(value) if len(count) == 11 else value

    monkeypatch.setattr(restoration, "denoising_loss", diverging)
    with pytest.raises(PdmError, match=r"The loss became nan .* lower the learning rate"):
        train(recipe, tmp_path, dataset=a_dataset, limits=TrainingLimits(checkpoint_minutes=1e-9))
    content = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert content["step"] == 10 and all(bool(tensor.isfinite().all()) for tensor in content["network"].values())


def test_a_run_without_progress_stops_and_the_best_weights_are_kept(a_dataset, tmp_path):
    recipe = Recipe(**{**SETTINGS, "learning_rate": 1e-12, "validate_every": 2, "patience": 3, "iterations": 100})
    train(recipe, tmp_path, dataset=a_dataset)
    records = history_of(tmp_path)
    assert len(records) < 50 and finished(recipe, tmp_path)
    best = max(range(len(records)), key=lambda index: score(records[index]))
    assert len(records) - 1 - best >= 3
    assert not finished(Recipe(**{**SETTINGS, "iterations": 100}), tmp_path)


def test_a_second_process_is_kept_out_of_the_folder_of_a_run_until_the_first_has_ended(a_dataset, tmp_path):
    recipe, folder = Recipe(**{**SETTINGS, "iterations": 2}), tmp_path / "run"
    folder.mkdir()
    holding = f"""
import sys
from pathlib import Path
from pdm_core.training.run_lock import alone_in
with alone_in(Path({str(folder)!r}), print):
    print("holds", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen([sys.executable, "-c", holding], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "holds\n"
        with pytest.raises(InputError, match=r"Another process is training in .*run"):
            train(recipe, folder, dataset=a_dataset)
        other.kill()
    assert finished(recipe, train(recipe, folder, dataset=a_dataset).parent)


def test_a_time_limit_stops_with_a_checkpoint(a_dataset, tmp_path):
    recipe = Recipe(**{**SETTINGS, "iterations": 100_000, "validate_every": 100_000})
    train(recipe, tmp_path, dataset=a_dataset, limits=TrainingLimits(minutes=0.01))
    assert (tmp_path / "checkpoint.pt").is_file() and not finished(recipe, tmp_path)


def test_ctrl_c_leaves_a_checkpoint(a_dataset, a_recipe_file, tmp_path):
    recipe = a_recipe_file(iterations=100_000, validate_every=100_000)
    process = subprocess.Popen(
        [sys.executable, *command(recipe, tmp_path / "run", a_dataset, "--progress", "json")],
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while json.loads(process.stdout.readline()).get("step", 0) < 2:
        pass
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and "go on from step" in errors
    assert (tmp_path / "run" / "checkpoint.pt").is_file()
    assert any(json.loads(line)["event"] == "warning" for line in rest.splitlines())


def test_validation_is_at_the_factors_that_a_model_serves():
    assert validation_factors((1.5, 4.0), KspaceDegradation()) == (2.0, 4.0)
    assert validation_factors((1.5, 3.0), KspaceDegradation()) == (2.0,)
    assert validation_factors((5.0, 6.0), KspaceDegradation()) == (6.0,)


def test_tensorboard_files_hold_the_history(a_dataset, tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    recipe = Recipe(**{**SETTINGS, "iterations": 4, "validate_every": 2})
    train(recipe, tmp_path, dataset=a_dataset)
    events = accumulator.EventAccumulator(str(Path(tmp_path) / "tensorboard"))
    events.Reload()
    assert [(event.step, pytest.approx(event.value)) for event in events.Scalars("loss")] == [
        (record["step"], record["loss"]) for record in history_of(tmp_path)
    ]
    assert "restored" in events.Tags()["images"]


def test_a_finished_run_is_measured_and_offered(a_dataset, a_recipe_file, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PDM_ZOO", str(tmp_path / "zoo"))
    recipe = a_recipe_file(iterations=60, validate_every=30, bridge={"steps": 100, "start": 25, "alignment": "cosine"})
    words = ["train", str(recipe), "-o", str(tmp_path / "run"), "--data", str(a_dataset.folder)]
    assert main(words) == 0
    assert "models add" in capsys.readouterr().out
    assert main(["models", "add", str(tmp_path / "run"), "--data", str(a_dataset.folder)]) == 0
    assert "| mean | x4 | small, 1 step |" in capsys.readouterr().out
    card = find_model("small")
    assert card.training["dataset"] == a_dataset.digest and card.spacing_mm == (1.5, 4.0)
    assert {row["method"] for row in card.quality["in_plane"]} == {"bicubic", "zero filling", "small, 1 step"}
    scan = tmp_path / "scan.nii.gz"
    write_volume(Volume(discs(9), np.eye(4)), scan)
    assert main(["upsample", str(scan), "-o", str(tmp_path / "sharp.nii.gz"), "--model", "small"]) == 0
    # By the path of its card a model can be tried before it is added.
    path = str(tmp_path / "run" / "small.json")
    assert main(["upsample", str(scan), "-o", str(tmp_path / "same.nii.gz"), "--model", path]) == 0
    np.testing.assert_array_equal(read_volume(tmp_path / "sharp.nii.gz").array, read_volume(tmp_path / "same.nii.gz").array)


def test_what_does_no_good_or_was_trained_elsewhere_is_not_added(a_dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("PDM_ZOO", str(tmp_path / "zoo"))
    with pytest.raises(InputError, match="holds 0 finished models"):
        accept(tmp_path, a_dataset)
    recipe = Recipe(**{**SETTINGS, "iterations": 2, "validate_every": 2, "learning_rate": 1e-9})
    train(recipe, tmp_path / "run", dataset=a_dataset)
    publish(recipe, tmp_path / "run", a_dataset)
    with pytest.raises(InputError, match="no better than zero filling"):
        accept(tmp_path / "run", a_dataset)
    other = replace(a_dataset, volumes=a_dataset.volumes[1:])
    with pytest.raises(InputError, match="trained on another dataset"):
        accept(tmp_path / "run", other)
    with pytest.raises(InputError, match="different: dataset"):
        train(recipe, tmp_path / "run", dataset=other)
    assert "small" not in {card.name for card in list_models()}


def test_test_volumes_too_small_to_be_reduced_are_left_out(tmp_path):
    rows = ["image,patient,split"]
    for name, split, size in (("a", "train", 136), ("b", "val", 136), ("c", "test", 100), ("d", "test", 136)):
        write_volume(Volume(discs(len(rows), size), np.eye(4)), tmp_path / f"{name}.nii.gz")
        rows.append(f"{name}.nii.gz,{name},{split}")
    (tmp_path / "table.csv").write_text("\n".join(rows))
    dataset = prepare(tmp_path / "table.csv", tmp_path / "dataset")
    recipe, heard = Recipe(**{**SETTINGS, "iterations": 1, "learning_rate": 1e-9}), []
    train(recipe, tmp_path / "run", dataset=dataset)
    publish(recipe, tmp_path / "run", dataset)
    with pytest.raises(InputError, match="no better than zero filling"):
        accept(tmp_path / "run", dataset, warn=heard.append)
    assert heard == ["1 of 2 test volumes have less than 128 x 128 pixels: left out."]


def test_a_recipe_without_words_for_its_card_is_refused_before_the_training(a_dataset, a_recipe_file, tmp_path, capsys):
    recipe = a_recipe_file(card={"title": "t"})
    assert main(["train", str(recipe), "-o", str(tmp_path / "run"), "--data", str(a_dataset.folder)]) == 2
    assert "no card entries purpose, licence, data, contrasts" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
