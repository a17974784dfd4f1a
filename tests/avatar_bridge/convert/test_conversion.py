from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avatar_bridge.convert.conversion import ConvertOptions, as_facewarehouse, convert
from avatar_bridge.convert.formats import FORMATS, format_of
from avatar_bridge.convert.json_file import read_json
from avatar_bridge.convert.livelink_csv import read_livelink_csv
from avatar_bridge.convert.npz import read_npz, write_npz
from avatar_bridge.convert.take_file import write_take
from avatar_bridge.errors import BridgeError, ConvertError, MappingError
from avatar_bridge.mapping_file import load_preset
from avatar_bridge.messages import FaceFrame
from avatar_bridge.recording import Recorder
from avatar_bridge.resample import resample
from avatar_bridge.tracks import FaceTrack, read_tracks
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES

MakeTrack = Callable[..., FaceTrack]
MakeFrame = Callable[..., FaceFrame]


@pytest.fixture
def take(make_track: MakeTrack, tmp_path: Path) -> Path:
    write_take(tmp_path / "take.mcap", make_track())
    return tmp_path / "take.mcap"


@pytest.fixture
def two_faces(make_frame: MakeFrame, tmp_path: Path) -> Path:
    with Recorder(tmp_path / "two.mcap", session="test") as take:
        for seq in range(60):
            take.write(make_frame(seq, face_id=7 if seq % 3 == 2 else 2))
    return tmp_path / "two.mcap"


def run(source: Path, out: Path, **options: object) -> FaceTrack:
    (written,), _ = convert(source, out, ConvertOptions(**options))  # type: ignore[arg-type]
    assert written.path == out
    assert out.exists()
    return written.track


def test_endings_name_formats() -> None:
    for known in FORMATS:
        for suffix in known.suffixes:
            assert format_of(Path(f"a.b{suffix.upper()}")) is known
    assert format_of(Path("a.txt"), "livelink").name == "livelink"
    with pytest.raises(ConvertError, match=r"no format is known for a\.fbx: its name must end in \.mcap, "):
        format_of(Path("a.fbx"))


@pytest.mark.parametrize("ending", ["npz", "json"])
def test_a_take_goes_there_and_back(take: Path, tmp_path: Path, ending: str) -> None:
    run(take, tmp_path / f"a.{ending}")
    run(tmp_path / f"a.{ending}", tmp_path / "back.mcap")
    before, after = read_tracks(take)[0], read_tracks(tmp_path / "back.mcap")[0]
    np.testing.assert_array_equal(after.time_ns, before.time_ns)
    np.testing.assert_allclose(after.weights, before.weights, atol=1e-6)
    np.testing.assert_allclose(after.euler_rad, before.euler_rad, atol=1e-6)
    np.testing.assert_allclose(after.translation_px, before.translation_px, atol=1e-3)
    np.testing.assert_allclose(after.scale_px_per_cm, before.scale_px_per_cm, atol=1e-5)


def test_live_link_face_and_back(take: Path, tmp_path: Path) -> None:
    """Coefficients come back, but for LipLowerDown, which has no twin and adds to those that stand for it."""
    run(take, tmp_path / "a.csv")
    run(tmp_path / "a.csv", tmp_path / "back.mcap")
    before, after = read_tracks(take)[0], read_tracks(tmp_path / "back.mcap")[0]
    touched = ["LipLowerDown", "MouthLowerDown", "MouthFunnel"]
    kept = [index for index, name in enumerate(BLENDSHAPE_NAMES) if name not in touched]
    np.testing.assert_allclose(after.weights[:, kept], before.weights[:, kept], atol=1e-6)
    np.testing.assert_allclose(after.euler_rad, before.euler_rad, atol=1e-6)
    np.testing.assert_allclose(
        np.diff(after.time_ns), np.diff(before.time_ns), atol=17_000
    )  # ns: timecodes are rounded
    assert not after.weights[:, BLENDSHAPE_NAMES.index("LipLowerDown")].any()


def test_a_csv_is_in_arkits_names_and_others_are_when_asked(take: Path, tmp_path: Path) -> None:
    csv = read_livelink_csv(tmp_path / "a.csv") if run(take, tmp_path / "a.csv") else None
    asked = run(take, tmp_path / "a.npz", names="arkit")
    assert csv is not None
    assert csv.names == asked.names == load_preset("arkit").targets
    np.testing.assert_allclose(csv.weights, asked.weights, atol=1e-6)
    assert run(take, tmp_path / "b.npz").names == BLENDSHAPE_NAMES
    assert run(tmp_path / "a.npz", tmp_path / "c.json", names="arkit").names == asked.names
    np.testing.assert_allclose(read_json(tmp_path / "c.json").weights, asked.weights, atol=1e-6)
    assert run(tmp_path / "a.npz", tmp_path / "d.npz", names="vrm1").names == load_preset("vrm1").targets
    with pytest.raises(ConvertError, match="shapes such as 'neutral' cannot be turned into others"):
        run(tmp_path / "d.npz", tmp_path / "e.mcap")


def test_frames_keep_their_times_or_are_resampled_by_them(take: Path, tmp_path: Path) -> None:
    before = read_tracks(take)[0]
    np.testing.assert_array_equal(run(take, tmp_path / "a.npz").time_ns, before.time_ns)
    even = run(take, tmp_path / "b.npz", fps=24)
    expected = resample(before, 24)
    np.testing.assert_array_equal(even.time_ns, expected.time_ns)
    np.testing.assert_array_equal(read_npz(tmp_path / "b.npz").weights, expected.weights)
    assert even.seconds[-1] == pytest.approx(before.seconds[-1], abs=1 / 24)


def test_parts_and_mirrors(take: Path, tmp_path: Path) -> None:
    before = read_tracks(take)[0]
    part = run(take, tmp_path / "a.npz", start_s=0.5, end_s=1.2, mirror=True, fps=30)
    assert part.seconds[0] < 1 / 30
    assert part.seconds[-1] <= 0.7
    expected = resample(before.cut(0.5, 1.2).mirrored(), 30)
    np.testing.assert_array_equal(part.weights, expected.weights)


def test_faces_are_chosen(two_faces: Path, tmp_path: Path) -> None:
    assert run(two_faces, tmp_path / "a.npz").face_id == 2
    assert run(two_faces, tmp_path / "a.npz", face=7).face_id == 7
    written, found = convert(two_faces, tmp_path / "b.npz", ConvertOptions(face="all"))
    assert [item.path.name for item in written] == ["b_face2.npz", "b_face7.npz"]
    assert [(track.face_id, len(track)) for track in found] == [(2, 40), (7, 20)]
    assert read_npz(tmp_path / "b_face7.npz").seconds[0] == pytest.approx(0.08)  # of the take, not of the face
    with pytest.raises(ConvertError, match="there is no face 1; there are 2, 7"):
        run(two_faces, tmp_path / "a.npz", face=1)


def test_a_mapping_of_ones_own(take: Path, tmp_path: Path) -> None:
    mapping = {
        "format": "rdr-retarget",
        "version": 1,
        "targets": ["Mund_auf", "Zwinkern"],
        "entries": [{"source": "JawOpen", "target": "Mund_auf", "gain": 0.5}],
    }
    path = tmp_path / "my.json"
    path.write_text(json.dumps(mapping), encoding="utf-8")
    track = run(take, tmp_path / "a.json", mapping=path)
    assert track.names == ("Mund_auf", "Zwinkern")
    jaw = read_tracks(take)[0].weights[:, BLENDSHAPE_NAMES.index("JawOpen")]
    np.testing.assert_allclose(read_json(tmp_path / "a.json").weights[:, 0], jaw / 2, atol=1e-6)
    with pytest.raises(ConvertError, match="'Mund_auf' is none of them"):
        run(take, tmp_path / "a.csv", mapping=path)
    path.write_text(json.dumps(mapping | {"entries": [{"source": "Jaw", "target": "Mund_auf"}]}), encoding="utf-8")
    with pytest.raises(MappingError, match="there is no 'Jaw'"):
        run(take, tmp_path / "a.npz", mapping=path)


@pytest.mark.parametrize("ending", ["csv", "npz", "json", "bvh", "glb"])
def test_a_failed_write_leaves_what_was_there(
    take: Path, tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / f"a.{ending}"
    out.write_text("precious")

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space left"):
        run(take, out)
    assert out.read_text() == "precious"
    assert sorted(item.name for item in tmp_path.iterdir()) == [out.name, "take.mcap"]


def test_impossible_wishes_are_one_line(take: Path, tmp_path: Path) -> None:
    for options, says in (
        ({"fps": 0}, "frame rate"),
        ({"names": "arkit", "mapping": take}, "exclude each other"),
        ({"start_s": 3, "end_s": 1}, "from --start to a later --end"),
        ({"start_s": float("nan")}, "from --start"),
    ):
        with pytest.raises(ConvertError, match=says):
            ConvertOptions(**options)  # type: ignore[arg-type]
    for out, options, says in (
        (take, {}, "is the file that is read"),
        (tmp_path / "a.txt", {"format": "usd"}, r"must end in \.usd, \.usda, \.usdc"),
        (tmp_path / "a.glb", {"names": "vrm0"}, "take --names facewarehouse or arkit"),
        (tmp_path / "a.mcap", {"names": "arkit"}, "leave --names and --mapping away"),
        (tmp_path / "a.csv", {"names": "facewarehouse"}, "none of them"),
        (tmp_path / "a.csv", {"start_s": 99}, "has no frame from 99"),
        (tmp_path / "a.xyz", {}, "no format is known"),
    ):
        with pytest.raises(BridgeError, match=says) as caught:
            run(take, out, **options)
        assert "\n" not in str(caught.value)
    assert [item.name for item in tmp_path.iterdir()] == ["take.mcap"]
    (tmp_path / "a.bvh").write_text("HIERARCHY")
    with pytest.raises(ConvertError, match=r"a\.bvh cannot be read back, only \.mcap, "):
        run(tmp_path / "a.bvh", tmp_path / "b.npz")


def test_what_a_crash_left_can_be_converted(make_frame: MakeFrame, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "t.mcap", session="test")
    for seq in range(30):
        recorder.write(make_frame(seq))
    recorder._file.flush()
    recorder._writer.flush()
    assert len(run(tmp_path / "t.mcap.partial", tmp_path / "a.npz")) == 30
    recorder.close()


def test_arkit_names_in_another_order_are_known(make_track: MakeTrack, tmp_path: Path) -> None:
    weights = np.random.default_rng(1).random((5, 52), np.float32)  # tongueOut, too
    track = make_track(5, names=load_preset("arkit").targets, weights=weights)
    order = np.random.default_rng(0).permutation(52)
    shuffled = replace(track, names=tuple(track.names[i] for i in order), weights=track.weights[:, order])
    np.testing.assert_array_equal(as_facewarehouse(shuffled).weights, as_facewarehouse(track).weights)
    write_npz(tmp_path / "a.npz", shuffled)
    np.testing.assert_array_equal(run(tmp_path / "a.npz", tmp_path / "a.csv").weights, track.weights)
