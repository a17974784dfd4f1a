from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_bridge.convert.livelink_csv import (
    arkit_names,
    gaze_of,
    header,
    read_livelink_csv,
    timecode,
    timecode_rate,
    write_livelink_csv,
)
from avatar_bridge.errors import ConvertError
from avatar_bridge.tracks import FaceTrack
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.geometry.rotation import matrix_from_euler

MakeTrack = Callable[..., FaceTrack]
GOLDEN = Path(__file__).parents[2] / "golden" / "livelink.csv"
SECOND = 10**9


def arkit_track(make_track: MakeTrack, count: int = 60, **changes: object) -> FaceTrack:
    weights = np.random.default_rng(5).random((count, 52), np.float32)
    return make_track(count, names=arkit_names(), weights=weights, **changes)


def test_the_header_is_the_apps() -> None:
    with GOLDEN.open(encoding="ascii") as file:
        assert ",".join(header()) + "\n" == file.readline()


def test_golden_file_is_read() -> None:
    track = read_livelink_csv(GOLDEN)
    shape = {name: track.weights[:, column] for column, name in enumerate(track.names)}
    assert len(track) == 5
    np.testing.assert_allclose(np.diff(track.time_ns), SECOND / 30, atol=1)  # through midnight
    assert track.time_ns[0] == 86_399 * SECOND + round(54.5 / 60 * SECOND)
    np.testing.assert_allclose(shape["eyeBlinkLeft"], [0.25, 0.5, 0.5, 0, 0])
    np.testing.assert_allclose(shape["jawRight"], [0, 0.75, 0.75, 0, 0])
    assert track.tracked.tolist() == [True, True, False, True, True]
    np.testing.assert_allclose(track.euler_rad[0], [0.2, -0.1, 0.3], atol=1e-6)  # ours: pitch up, yaw to the left
    assert track.session == "livelink"


def test_written_and_read_is_the_same(make_track: MakeTrack, tmp_path: Path) -> None:
    track = arkit_track(make_track)
    path = tmp_path / "shot.csv"
    write_livelink_csv(path, track)
    back = read_livelink_csv(path)
    assert back.names == track.names
    np.testing.assert_allclose(back.weights, track.weights, atol=1e-7)
    np.testing.assert_allclose(back.euler_rad, track.euler_rad, atol=1e-6)
    np.testing.assert_allclose(back.quaternion, track.quaternion, atol=1e-6)
    day = track.time_ns % (86_400 * SECOND)
    assert abs(back.time_ns - day).max() <= SECOND / 60 / 1000 / 2 + 1
    write_livelink_csv(tmp_path / "again.csv", back)
    assert (tmp_path / "again.csv").read_bytes() == path.read_bytes()


def test_other_readers_read_it(make_track: MakeTrack, tmp_path: Path) -> None:
    """Python's csv by column names, as the importers of other programs do."""
    track = arkit_track(make_track)
    write_livelink_csv(tmp_path / "shot.csv", track, gaze=np.full((60, 6), 0.25))
    with (tmp_path / "shot.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 60
    assert {row["BlendShapeCount"] for row in rows} == {"61"}
    jaw = track.weights[:, track.names.index("jawOpen")]
    np.testing.assert_allclose([float(row["JawOpen"]) for row in rows], jaw, atol=1e-9)
    np.testing.assert_allclose([float(row["HeadYaw"]) for row in rows], -track.euler_rad[:, 1], atol=1e-9)
    assert {row["RightEyeRoll"] for row in rows} == {"0.2500000000"}


def test_eyes_turn_as_in_the_apps_files(make_track: MakeTrack) -> None:
    """Looking down is a pitch over 0; looking to the left, EyeLookOutLeft and EyeLookInRight, a yaw below 0."""
    weights = np.zeros((2, 46), np.float32)
    weights[0, [BLENDSHAPE_NAMES.index(f"EyeLookDown_{side}") for side in "LR"]] = 1
    weights[1, [BLENDSHAPE_NAMES.index(name) for name in ("EyeLookOut_L", "EyeLookIn_R")]] = 1
    gaze = gaze_of(make_track(2, weights=weights))
    np.testing.assert_allclose(gaze[0], np.radians([0, 30, 0, 0, 30, 0]), atol=1e-6)
    np.testing.assert_allclose(gaze[1], np.radians([-35, 0, 0, -35, 0, 0]), atol=1e-6)


def test_a_head_turns_to_the_side_that_its_eyes_would(make_track: MakeTrack, tmp_path: Path) -> None:
    """Our yaw > 0 is the subject's left, where eyes have a yaw below 0 in this format; pitch > 0 is up, there down."""
    euler = np.array([[0.0, 0.4, 0], [0.3, 0, 0], [0, 0, 0.2]], np.float32)
    track = arkit_track(make_track, 3, euler_rad=euler)
    write_livelink_csv(tmp_path / "a.csv", track)
    with (tmp_path / "a.csv").open(newline="") as file:
        angles = [[float(row[name]) for name in ("HeadYaw", "HeadPitch", "HeadRoll")] for row in csv.DictReader(file)]
    np.testing.assert_allclose(angles, [[-0.4, 0, 0], [0, -0.3, 0], [0, 0, 0.2]], atol=1e-7)
    # in a frame whose x is the side called Right, these are right angles about y, x and z in the same order
    mirror = np.diag([-1.0, 1, 1])
    for ours, (yaw, pitch, roll) in zip(euler.astype(float), angles, strict=True):
        turned = mirror @ matrix_from_euler(ours) @ mirror
        np.testing.assert_allclose(turned, matrix_from_euler(np.array([-pitch, yaw, -roll])), atol=1e-7)


@given(st.integers(0, 2**62))
def test_timecodes_are_right_to_half_a_thousandth(time_ns: int) -> None:
    hours, minutes, seconds, frames = timecode(time_ns).split(":")
    assert len(timecode(time_ns)) == 15
    assert 0 <= float(frames) < 60
    second = (int(hours) * 60 + int(minutes)) * 60 + int(seconds)
    off = second + float(frames) / 60 - (time_ns % (86_400 * SECOND)) / SECOND
    assert min(abs(off), 86_400 - abs(off)) <= 0.5 / 60_000 + 1e-9


@given(
    st.sampled_from([24, 25, 30, 48, 50, 60, 120]),
    st.integers(0, 86_000 * SECOND),
    st.sampled_from([24.0, 25.0, 29.97, 30.0, 59.94, 60.0]),
    st.integers(2, 5),
)
def test_the_rate_of_timecodes_is_found(rate: int, start_ns: int, fps: float, length_s: int) -> None:
    times = start_ns / SECOND + np.arange(int(length_s * fps)) / fps
    seconds = np.floor(times).astype(np.int64)
    frames = np.floor((times - seconds) * rate * 1000) / 1000
    assert timecode_rate(seconds, frames) == rate


def test_within_one_second_the_apps_rate_is_taken() -> None:
    seconds = np.zeros(10, np.int64)
    assert timecode_rate(seconds, 2.0 * np.arange(10)) == 60
    assert timecode_rate(seconds, 10.0 * np.arange(10)) == 100


def test_columns_are_found_by_name_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("\ufefftimecode,jawOpen,Extra,eyeBlinkLeft\n00:00:01:00,0.5,x,0.25\n\n00:00:01:30,0.75,y,\n")
    track = read_livelink_csv(path)
    assert len(track) == 2
    assert track.time_ns.tolist() == [SECOND, 3 * SECOND // 2]
    np.testing.assert_allclose(track.weights[:, track.names.index("jawOpen")], [0.5, 0.75])
    np.testing.assert_allclose(track.weights[:, track.names.index("eyeBlinkLeft")], [0.25, 0])
    assert not track.euler_rad.any()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is no CSV of Live Link Face"),
        (b"a,b\n1,2\n", "is no CSV of Live Link Face"),
        (b"Timecode,JawOpen\n", "no row with a face"),
        (b"Timecode,BlendShapeCount,JawOpen\n00:00:00:00,0\n", "no row with a face"),
        (b"Timecode,JawOpen\n00:00:00,1\n", "line 2: a timecode must be"),
        (b"Timecode,JawOpen\n25:00:00:00,1\n", "line 2: a timecode must be"),
        (b"Timecode,JawOpen\n00:00:00:00,1\n00:00:00:01,x\n", "line 3: a value must be a number"),
        (b"Timecode,JawOpen\n00:00:00:00,nan\n", "line 2: a value must be a number"),
        (b"Timecode,JawOpen\n00:00:00:00,1e300\n", "line 2: a value must be a number"),
        (b"Timecode,JawOpen\n00:00:00:00,\xff\n", "no CSV that can be read"),
        (b"Timecode,JawOpen\n00:00:00:00," + b"1" * 200_000 + b"\n", "no CSV that can be read"),
        (b"PK\x03\x04\0\0\0", "no CSV"),
    ],
)
def test_other_files_are_one_clear_line(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "shot.csv"
    path.write_bytes(content)
    with pytest.raises(ConvertError, match=says) as caught:
        read_livelink_csv(path)
    assert "\n" not in str(caught.value)
    assert "shot.csv" in str(caught.value)


def test_foreign_shapes_cannot_be_written(make_track: MakeTrack, tmp_path: Path) -> None:
    with pytest.raises(ConvertError, match="'EyeClose_L' is none of them"):
        write_livelink_csv(tmp_path / "a.csv", make_track())
    assert not list(tmp_path.iterdir())
    fewer = make_track(3, names=("jawOpen",), weights=np.full((3, 1), 0.5, np.float32))
    write_livelink_csv(tmp_path / "a.csv", fewer)
    np.testing.assert_allclose(read_livelink_csv(tmp_path / "a.csv").weights.sum(axis=1), 0.5)


@given(st.binary(max_size=300))
def test_any_rows_are_a_track_or_an_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(b"Timecode,BlendShapeCount,JawOpen\n00:00:00:00,1,0.5\n" + content)
    said = ""
    try:
        read_livelink_csv(path)
    except ConvertError as error:
        said = str(error)
    assert "\n" not in said
