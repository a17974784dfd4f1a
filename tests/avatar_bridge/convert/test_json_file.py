from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_bridge.convert.json_file import read_json, write_json
from avatar_bridge.errors import ConvertError
from avatar_bridge.tracks import FaceTrack

MakeTrack = Callable[..., FaceTrack]


@pytest.mark.parametrize("landmarks", [True, False])
def test_written_and_read_is_the_same_to_the_stated_digits(
    make_track: MakeTrack, tmp_path: Path, landmarks: bool
) -> None:
    track = make_track(user="anna", **({} if landmarks else {"landmarks_px": None}))
    told: list[int] = []
    write_json(tmp_path / "a.json", track, told.append)
    back = read_json(tmp_path / "a.json")
    np.testing.assert_array_equal(back.time_ns, track.time_ns)
    assert (back.origin_ns, back.names, back.face_id) == (track.origin_ns, track.names, track.face_id)
    assert (back.session, back.user) == ("test", "anna")
    np.testing.assert_array_equal(back.tracked, track.tracked)
    np.testing.assert_array_equal(back.source_size_px, track.source_size_px)
    digits = {"weights": 1e-6, "confidence": 1e-6, "quaternion": 1e-7, "euler_rad": 1e-7, "scale_px_per_cm": 2e-6}
    for name, error in (digits | {"translation_px": 6e-4}).items():
        np.testing.assert_allclose(getattr(back, name), getattr(track, name), atol=error, err_msg=name)
    if landmarks:
        assert back.landmarks_px is not None
        np.testing.assert_allclose(back.landmarks_px, track.landmarks_px, atol=6e-4)
    else:
        assert back.landmarks_px is None
    assert told == [0]
    write_json(tmp_path / "again.json", back)
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "a.json").read_bytes()


def test_it_is_plain_json_with_a_frame_a_line(make_track: MakeTrack, tmp_path: Path) -> None:
    track = make_track(5)
    write_json(tmp_path / "a.json", track)
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert text.count("\n") == 7 + 1 + 1 + 5 + 2
    document = json.loads(text)
    assert document["origin_ns"] == str(track.origin_ns)
    assert [frame["time_s"] for frame in document["frames"]] == pytest.approx(track.seconds.tolist())
    assert len(document["frames"][0]["weights"]) == len(document["names"]) == 46


def changed(make_track: MakeTrack, tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    path = tmp_path / "a.json"
    write_json(path, make_track(3))
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: d.pop("format"), 'lacks "format"'),
        (lambda d: d.update(version=2), "version must be 1, got 2"),
        (lambda d: d.update(names="x"), "names must be a list"),
        (lambda d: d.update(frames=[]), "frames must be a list of objects"),
        (lambda d: d.update(origin_ns="-5"), "origin_ns must be a whole number"),
        (lambda d: d.update(face_id=1.5), "face_id must be a whole number"),
        (lambda d: d["frames"][1].pop("weights"), "weights of frame 1 must be 46 numbers, got None"),
        (lambda d: d["frames"][2]["weights"].append(1), "weights of frame 2 must be 46 numbers"),
        (lambda d: d["frames"][1].update(weights=[True] * 46), "weights of frame 1 must be 46 numbers"),
        (lambda d: d["frames"][1].update(time_s="1"), "time_s of frame 1 must be a number"),
        (lambda d: d["frames"][1].update(time_s=1e11), "time_s of a frame must be seconds"),
        (lambda d: d["frames"][1].update(time_s=9), "times of a track must rise"),
        (lambda d: d["frames"][1].update(quaternion=[1, 1, 1, 1]), "of length 1"),
        (lambda d: d["frames"][1].update(scale_px_per_cm=float("nan")), "scale_px_per_cm of frame 1 must be a number"),
        (lambda d: d["frames"][1].update(landmarks_px=[1, 2]), "landmarks_px of frame 1 must be 136 numbers"),
        (lambda d: d["frames"][1].update(source_size_px=[0, 5]), "source_size_px of a track"),
    ],
)
def test_other_content_is_one_clear_line(
    make_track: MakeTrack, tmp_path: Path, change: Callable[[dict[str, Any]], object], says: str
) -> None:
    with pytest.raises(ConvertError, match=says) as caught:
        read_json(changed(make_track, tmp_path, change))
    assert "\n" not in str(caught.value)
    assert "a.json" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"), [(b"", "no valid JSON"), (b"\xff", "no valid JSON"), (b"[" * 100_000, "nested too deeply")]
)
def test_other_files_are_one_clear_line(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ConvertError, match=says):
        read_json(tmp_path / "a.json")
    with pytest.raises(ConvertError, match="cannot open"):
        read_json(tmp_path / "missing.json")


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)


@given(
    st.sampled_from(["time_s", "tracked", "weights", "quaternion", "scale_px_per_cm", "landmarks_px", "confidence"]),
    scalars | st.lists(scalars, max_size=4) | st.lists(st.lists(scalars, max_size=2), max_size=3),
)
def test_any_frame_is_one_or_an_error(
    make_track: MakeTrack, tmp_path_factory: pytest.TempPathFactory, name: str, value: Any
) -> None:
    folder = tmp_path_factory.mktemp("json")
    said = ""
    try:
        read_json(changed(make_track, folder, lambda document: document["frames"][1].update({name: value})))
    except ConvertError as error:
        said = str(error)
    assert "\n" not in said
