from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_bridge.convert import npz, reading
from avatar_bridge.convert.npz import read_npz, write_npz
from avatar_bridge.errors import ConvertError
from avatar_bridge.tracks import FaceTrack

MakeTrack = Callable[..., FaceTrack]


@pytest.mark.parametrize("change", [{}, {"landmarks_px": None, "user": "anna"}, {"names": ("a", "b")}])
def test_every_bit_comes_back(make_track: MakeTrack, tmp_path: Path, change: dict[str, Any]) -> None:
    if "names" in change:
        change = change | {"weights": np.random.default_rng(0).random((60, 2), np.float32)}
    track = replace(make_track(**change), origin_ns=1_700_000_000_000_000_001)
    write_npz(tmp_path / "new" / "a.npz", track)
    back = read_npz(tmp_path / "new" / "a.npz")
    for field in fields(FaceTrack):
        before, after = getattr(track, field.name), getattr(back, field.name)
        np.testing.assert_array_equal(after, before, err_msg=field.name)
        assert getattr(after, "dtype", None) == getattr(before, "dtype", None)


def test_numpy_alone_reads_it(make_track: MakeTrack, tmp_path: Path) -> None:
    track = make_track()
    write_npz(tmp_path / "a.npz", track)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        assert file["names"][0] == "EyeClose_L"
        np.testing.assert_array_equal(file["seconds"], track.seconds)
        np.testing.assert_array_equal(file["weights"], track.weights)
        assert str(file["format"]) == "rdr-track"


def content(make_track: MakeTrack) -> dict[str, Any]:
    track = make_track(3)
    names = ("time_ns", "weights", "euler_rad", "quaternion", "translation_px", "scale_px_per_cm", "source_size_px")
    arrays = {name: getattr(track, name) for name in (*names, "tracked", "confidence")}
    return {"format": "rdr-track", "version": 1, "names": np.array(track.names), **arrays}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": "other"}, "lacks format 'rdr-track'"),
        ({"version": 9}, "version must be 1, got 9"),
        ({"version": [1, 1]}, "version must be one value"),
        ({"names": np.arange(46)}, "names must be a list"),
        ({"weights": None}, "lacks weights"),
        ({"weights": np.zeros((3, 2))}, "weights of a track must have shape"),
        ({"weights": np.float32(1)}, "an entry for each frame"),
        ({"time_ns": np.array([2, 1, 3])}, "times of a track must rise"),
        ({"user": np.zeros(3)}, "user must be one value"),
        ({"face_id": np.array([{}], object)}, "no npz file that can be read"),
    ],
)
def test_other_content_is_one_clear_line(
    make_track: MakeTrack, tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    arrays = {name: value for name, value in (content(make_track) | change).items() if value is not None}
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ConvertError, match=says) as caught:
        read_npz(tmp_path / "a.npz")
    assert "\n" not in str(caught.value)


@given(data=st.data())
def test_damage_is_an_error_or_nothing(
    make_track: MakeTrack, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    write_npz(path, make_track(3, landmarks_px=None))
    damaged = bytearray(path.read_bytes())
    for _ in range(3):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(damaged[: data.draw(st.integers(1, len(damaged)))])
    said = ""
    try:
        read_npz(path)
    except ConvertError as error:
        said = str(error)
    assert "\n" not in said


def test_what_would_fill_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weights.npy", bytes(10_000_000))
    monkeypatch.setattr(npz, "MAX_FILE_BYTES", 5_000_000)
    with pytest.raises(ConvertError, match="unpacks to over"):
        read_npz(tmp_path / "a.npz")
    monkeypatch.setattr(reading, "MAX_FILE_BYTES", 5_000)
    with pytest.raises(ConvertError, match="is this another file"):
        read_npz(tmp_path / "a.npz")
    with pytest.raises(ConvertError, match="cannot open"):
        read_npz(tmp_path / "missing.npz")
    with pytest.raises(ConvertError, match="is no file"):
        read_npz(tmp_path)
