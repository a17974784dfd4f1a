"""The work on one video: every frame tracked at the file's own time; take, sound and overlay put in their places."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from avatar_bridge.capture import CapturedFrame, VideoSource
from avatar_bridge.config import SmoothingConfig
from avatar_bridge.errors import BridgeError, RecordingError, VideoError
from avatar_bridge.offline.config import OfflineConfig
from avatar_bridge.offline.receipt import Receipt, read_receipt
from avatar_bridge.offline.sound import extract_sound
from avatar_bridge.offline.task import OVERLAY_SUFFIX, SOUND_SUFFIX, SUFFIXES, VideoTask
from avatar_bridge.pipeline import TrackedPicture, track_pictures
from avatar_bridge.preview.overlay import draw_faces
from avatar_bridge.recording import Recorder
from avatar_bridge.recording.facts import facts_of_run
from avatar_bridge.recording.recorder import TAKE_SUFFIX
from avatar_bridge.smoothing import FaceSmoother
from avatar_bridge.user import of_user
from avatar_bridge.video_writer import VideoWriter
from rdr_core.data.engines import report
from rdr_core.errors import AssetError, RdrError
from rdr_core.inference.detector import FaceDetector
from rdr_core.inference.tracker import Detector, FaceTracker, Predictor, TrackerConfig
from rdr_core.inference.weights import load_predictor

SESSION: Final = "file"
"""Of the frames of takes that no publisher made."""
_REPORT_EVERY: Final = 10
"""Frames between two reports of progress."""


def track_video(task: VideoTask, config: OfflineConfig, fingerprint: str) -> Receipt:
    """Track a video and leave what comes of it in its place; what is wrong with the video stands in the receipt.

    Args:
        task: the video.
        config: how.
        fingerprint: `config.fingerprint()` of who asks; AssetError where this process would do something else.
    """
    if fingerprint != _fingerprint(config):
        raise AssetError(
            "the machine that tracks has another version of the program, another network or another model of the user: "
            "install the same everywhere"
        )
    empty = Receipt(name=task.name, video=str(task.video), fingerprint=fingerprint)
    try:
        return _track(task, config, empty)
    except (BridgeError, RdrError, OSError) as error:
        return replace(empty, problem=_said(error, task))


def _track(task: VideoTask, config: OfflineConfig, empty: Receipt) -> Receipt:
    if task.is_under_way:
        raise VideoError(f"{task.video} is being tracked by another program already: leave it to that one")
    task.check_place()
    task.clear()
    stat = task.video.stat()
    source = VideoSource(task.video, base_time_ns=stat.st_mtime_ns)
    task.workshop.mkdir(parents=True)
    started = time.monotonic()
    try:
        receipt = _make(task, config, source, replace(empty, bytes=stat.st_size, mtime_ns=stat.st_mtime_ns))
        return _place(task, replace(receipt, seconds=round(time.monotonic() - started, 3)))
    finally:
        task.clear()


def _make(task: VideoTask, config: OfflineConfig, source: VideoSource, empty: Receipt) -> Receipt:
    """Make everything in the workshop; `files` of the receipt are what was made."""
    count, trouble, made = _Count(), list[str](), [TAKE_SUFFIX]
    sound_s = _sound_s(task, trouble) if config.sound else 0.0
    with ExitStack() as stack:
        take = stack.enter_context(_recorder(task, config, source))
        overlay = None
        if config.overlays:
            overlay = stack.enter_context(VideoWriter(_made(task, OVERLAY_SUFFIX), source.rate_hz))
        for picture in _tracked(source, config, trouble):
            for frame in picture.raw:
                take.write(frame, raw=True)
            for frame in picture.frames:
                take.write(frame)
            if overlay:
                image = draw_faces(picture.captured.image_bgr, picture.smoothed_faces())
                overlay.write(image, picture.captured.capture_time_ns)
            count.add(picture)
    made += ([SOUND_SUFFIX] if sound_s else []) + ([OVERLAY_SUFFIX] if overlay else [])
    return replace(
        count.on(empty),
        state="damaged" if trouble else "tracked",
        problem="; ".join(trouble),
        files=tuple(task.file(suffix).name for suffix in made),
        frames_said=source.frame_count or 0,
        width=source.size_px[0],
        height=source.size_px[1],
        sound_s=round(sound_s, 6),
    )


def _made(task: VideoTask, suffix: str) -> Path:
    """Return where a file is while it is being made."""
    return task.workshop / f"take{suffix}"


def _sound_s(task: VideoTask, trouble: list[str]) -> float:
    """Make the sound and return its length; 0 where there is none, or none that can be read."""
    try:
        return extract_sound(task.video, _made(task, SOUND_SUFFIX)) or 0.0
    except VideoError as error:
        trouble.append(str(error))
        return 0.0


def _recorder(task: VideoTask, config: OfflineConfig, source: VideoSource) -> Recorder:
    smoothing = SmoothingConfig.of(config.smoothing)
    facts = facts_of_run(source, config.network, config.smoothing, smoothing, config.user)
    return Recorder(_made(task, TAKE_SUFFIX), SESSION, source=source.name, facts=facts)


def _tracked(source: VideoSource, config: OfflineConfig, trouble: list[str]) -> Iterator[TrackedPicture]:
    """Yield every picture of a video, up to where it is damaged, with its faces."""
    predictor, detector = _network(config)
    tracker = FaceTracker(predictor, detector, TrackerConfig(max_faces=config.max_faces))
    smoother = FaceSmoother(SmoothingConfig.of(config.smoothing))
    return track_pictures(_readable(source, trouble), tracker, smoother, SESSION, config.user)


def _readable(source: VideoSource, trouble: list[str]) -> Iterator[CapturedFrame]:
    try:
        yield from source
    except VideoError as error:
        trouble.append(str(error))


def _place(task: VideoTask, receipt: Receipt) -> Receipt:
    """Put what was made in its place. Killed meanwhile, the next run finds what it may replace in the receipt."""
    before = read_receipt(task.receipt_path)
    old = set(before.files if before else ()) - set(receipt.files)
    replace(receipt, state="placing", files=(*receipt.files, *sorted(old))).write(task.receipt_path)
    for suffix in SUFFIXES:
        if task.file(suffix).name in receipt.files:
            os.replace(_made(task, suffix), task.file(suffix))
    for name in old:
        task.receipt_path.with_name(name).unlink(missing_ok=True)
    receipt.write(task.receipt_path)
    return receipt


class _Count:
    """Counts pictures and faces, and looks at the times between pictures."""

    def __init__(self) -> None:
        self._frames = self._with_face = 0
        self._faces: set[int] = set()
        self._times_ns: tuple[int, int] | None = None
        self._shortest_ns, self._longest_ns = 2**63, 0

    def add(self, picture: TrackedPicture) -> None:
        tracked = [face.face_id for face in picture.faces if face.tracked]
        self._frames += 1
        self._with_face += bool(tracked)
        self._faces.update(tracked)
        time_ns = picture.captured.source_time_ns or 0
        first_ns, last_ns = self._times_ns or (time_ns, time_ns)
        if self._times_ns:
            self._shortest_ns = min(self._shortest_ns, time_ns - last_ns)
            self._longest_ns = max(self._longest_ns, time_ns - last_ns)
        self._times_ns = first_ns, time_ns
        if self._frames % _REPORT_EVERY == 0:
            report(_REPORT_EVERY)

    def on(self, receipt: Receipt) -> Receipt:
        """Return the receipt with the counts on it."""
        report(self._frames % _REPORT_EVERY)
        first_ns, last_ns = self._times_ns or (0, 0)
        return replace(
            receipt,
            frames=self._frames,
            frames_with_face=self._with_face,
            faces=len(self._faces),
            start_s=first_ns / 1e9,
            duration_s=(last_ns - first_ns) / 1e9,
            fps_lowest=round(1e9 / self._longest_ns, 3) if self._longest_ns else 0.0,
            fps_highest=round(1e9 / self._shortest_ns, 3) if self._longest_ns else 0.0,
        )


def _said(error: Exception, task: VideoTask) -> str:
    """Return an error in one line for the receipt."""
    cause = error.__context__ if isinstance(error, RecordingError) else error  # which tells how to repair a live take
    if isinstance(cause, OSError):
        where = cause.filename or task.out
        return f"{where}: {cause.strerror or cause}; make room, or choose another place with --out"
    return str(error)


@lru_cache(maxsize=1)
def _network(config: OfflineConfig) -> tuple[Predictor, Detector]:
    """Load what every video of a process needs once."""
    predictor = load_predictor(config.preset, config.weights, config.threads, config.precision, config.device)
    known = of_user(predictor, config.user, config.max_faces, gaze=config.gaze)
    return known, FaceDetector(config.threads)


@lru_cache(maxsize=1)
def _fingerprint(config: OfflineConfig) -> str:
    return config.fingerprint()
