"""Profiling as a whole: which turns are drawn, what a shard holds, and real faces through the command."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_bridge.cli.main import main
from rdr_core.data.shard import read_shard
from rdr_core.data.w300 import read_w300
from rdr_core.errors import ConfigError, DataError
from rdr_core.synthesis.profiling import (
    Profiler,
    ProfilingConfig,
    ProfilingJob,
    SourcePicture,
    Target,
    draw_targets,
    longest_jaw_step,
)
from rdr_core.synthesis.source_head import FittedFace
from rdr_core.training.fit_faces import fit_samples
from rdr_core.training.targets import TargetTable

N_FACES = 6


@given(st.integers(0, 10_000), st.floats(-1.5, 1.5))
def test_turns_go_outward_and_not_beyond_profile(seed: int, yaw_rad: float) -> None:
    config = ProfilingConfig()
    targets = draw_targets(np.random.default_rng(seed), yaw_rad, config)
    assert len(targets) <= config.turns
    for target in targets:
        outward = (target.yaw_rad - yaw_rad) * np.sign(target.yaw_rad)
        assert math.degrees(outward) >= config.smallest_turn_deg - 1e-6
        assert abs(math.degrees(target.yaw_rad)) <= config.largest_deg + 1e-6
        assert abs(math.degrees(target.nod_rad)) <= 2 * config.nod_std_deg + 1e-6
        if abs(yaw_rad) > math.radians(8):
            assert np.sign(target.yaw_rad) == np.sign(yaw_rad)
    assert targets or abs(yaw_rad) > 1.1


def test_frontal_faces_turn_either_way() -> None:
    sides = {
        np.sign(draw_targets(np.random.default_rng(seed), 0.02, ProfilingConfig())[0].yaw_rad) for seed in range(9)
    }
    assert sides == {-1, 1}


@pytest.mark.parametrize(
    "wrong",
    [{"yaw_deg": ()}, {"yaw_deg": (95.0,)}, {"turns": 0}, {"jitter_deg": -1}, {"max_torn": 0}, {"largest_deg": 120}],
)
def test_senseless_configurations_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        ProfilingConfig(**wrong)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def table(rdr_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fits of a few faces of 300-W, both ways round."""
    path = tmp_path_factory.mktemp("fits") / "fits.npz"
    fit_samples(read_w300(rdr_data, "train")[:N_FACES], mirror=True).save(path)
    return path


@pytest.fixture(scope="module")
def pictures(rdr_data: Path, table: Path) -> tuple[SourcePicture, ...]:
    paths = {sample.name: sample.image_path for sample in read_w300(rdr_data, "train")}
    fits = TargetTable.load(table)
    return tuple(
        SourcePicture(
            str(name),
            paths[str(name)],
            bool(fits.mirrored[row]),
            FittedFace(
                fits.shape[row],
                fits.euler_rad[row],
                fits.translation_px[row],
                float(fits.scale_px_per_cm[row]),
                fits.alpha_id[row],
                fits.alpha_exp[row],
            ),
            float(fits.error[row]),
        )
        for row, name in enumerate(fits.names)
    )


def test_a_flipped_picture_turns_as_the_picture_does(headless_gl: None, pictures: tuple[SourcePicture, ...]) -> None:
    profiler = Profiler(ProfilingConfig())
    plain = next(picture for picture in pictures if not picture.mirrored)
    flipped = next(picture for picture in pictures if picture.mirrored and picture.name == plain.name)
    results = []
    for picture, yaw in ((plain, 0.9), (flipped, -0.9)):
        head = profiler.prepare(picture)
        assert head is not None
        results.append(profiler.turn(picture, head, Target(yaw, 0.0)))
    profiler.close()
    first, second = (result.image for result in results)
    assert abs(len(first) - len(second)) <= 3
    second = cv2.resize(second[:, ::-1], first.shape[1::-1])
    blurred = [cv2.GaussianBlur(image, (0, 0), 3).astype(int) for image in (first, second)]
    assert np.abs(blurred[0] - blurred[1]).mean() < 12  # the two fits differ a little
    assert results[1].label.euler_rad[1] == pytest.approx(-results[0].label.euler_rad[1], abs=0.05)
    assert "flipped" in results[1].label.source


def test_a_shard_depends_on_seed_and_number_only(headless_gl: None, pictures: tuple[SourcePicture, ...]) -> None:
    job = ProfilingJob(pictures, ProfilingConfig(), seed=5, shard_size=6)
    first, again = ([(key, jpeg, label.to_json()) for key, jpeg, label in job(1) if label] for _ in range(2))
    assert len(first) == 6
    assert first == again
    other = [jpeg for _, jpeg, _ in job(2)]
    reseeded = [jpeg for _, jpeg, _ in replace(job, seed=6)(1)]
    assert not {jpeg for _, jpeg, _ in first} & {*other, *reseeded}
    assert job.fingerprint != replace(job, pictures=pictures[1:]).fingerprint


def test_fits_that_are_too_bad_are_left_out(pictures: tuple[SourcePicture, ...]) -> None:
    with pytest.raises(ConfigError, match="none of the"):
        ProfilingJob(pictures, ProfilingConfig(max_error=1e-6), 0, 4)


def test_pictures_of_other_faces_are_noticed(
    headless_gl: None, pictures: tuple[SourcePicture, ...], tmp_path: Path
) -> None:
    cv2.imwrite(str(tmp_path / "night.png"), np.zeros((260, 260, 3), np.uint8))
    dark = tuple(replace(picture, path=tmp_path / "night.png") for picture in pictures)
    with pytest.raises(DataError, match="could be turned"):
        list(ProfilingJob(dark, ProfilingConfig(), 0, 4)(0))


def test_the_command_writes_labelled_shards(headless_gl: None, rdr_data: Path, table: Path, tmp_path: Path) -> None:
    out, sheet = tmp_path / "profiled", tmp_path / "sheet.jpg"
    arguments = ["profile", "--fits", str(table), "--out", str(out), "--count", "10", "--shard-size", "5"]
    assert main([*arguments, "--jobs", "1", "--data", str(rdr_data), "--sheet", str(sheet)]) == 0
    manifest = json.loads((out / "profile.json").read_text())
    assert manifest["licence"] == "research-only"
    assert manifest["seed"] == 0
    assert cv2.imread(str(sheet)) is not None
    samples = [sample for tar in sorted(out.glob("*.tar")) for sample in read_shard(tar)]
    assert len(samples) == 10
    for sample in samples:
        image, label = sample.image(), sample.label
        assert label is not None
        assert image.shape[0] == image.shape[1] <= 200
        assert label.residual < 0.05
        assert abs(label.euler_rad[1]) > math.radians(20)
        assert 10 <= label.visible.sum() <= 68
        steps = np.linalg.norm(np.diff(label.shape[:17], axis=0), axis=1)
        assert steps.max() < 0.31 * np.ptp(label.shape, axis=0).max()
        assert image.std() > 5
    assert {len(sample.label.source) > 10 for sample in samples if sample.label} == {True}


def test_the_command_names_faces_without_a_picture(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    manifest = tmp_path / "other.json"
    manifest.write_text(json.dumps([{"image": "x.jpg"}]))
    arguments = ["profile", "--fits", str(table), "--out", str(tmp_path / "o"), "--manifest", str(manifest)]
    assert main(arguments) == 1
    assert "are not among the pictures" in capsys.readouterr().err


def test_contour_jumps_are_measured(headless_gl: None, pictures: tuple[SourcePicture, ...]) -> None:
    profiler = Profiler(ProfilingConfig())
    picture = pictures[0]
    head = profiler.prepare(picture)
    assert head is not None
    good = profiler.turn(picture, head, Target(0.9 * np.sign(picture.face.euler_rad[1]), 0.0))
    assert longest_jaw_step(good) < 0.3
    assert profiler.is_good(good)
    shape = good.label.shape.copy()
    shape[0] = shape[33]  # under the nose
    assert longest_jaw_step(replace(good, label=replace(good.label, shape=shape))) > 0.3
    assert not profiler.is_good(replace(good, label=replace(good.label, shape=shape)))
    profiler.close()
