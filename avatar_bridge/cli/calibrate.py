"""`rdr calibrate`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from avatar_bridge.cli.status import status_line

if TYPE_CHECKING:
    from avatar_bridge.capture.frames import CapturedFrame, FrameSource
    from avatar_bridge.preview.guide import GuideWindow
    from calibration.observation import Observation
    from calibration.session import CalibrationSession
    from rdr_core.inference.tracker import FaceTracker


def calibrate(
    user: str,
    source: str = "0",
    seconds: float | None = None,
    patience: float = 8.0,
    window: Literal["auto", "always", "never"] = "auto",
    camera: Literal["auto", "weak"] = "auto",
    skin: bool = True,
    folder: Path | None = None,
    preset: Literal["live", "paper"] = "live",
    weights: Path | None = None,
    threads: int = 1,
) -> None:
    """Learn a person's face: follow the prompts before a camera, or give a video of somebody who makes faces.

    The prompts ask for the face at rest, a smile, an open jaw, brows, closed eyes, a pucker and turns of the head, and
    say when each was held. Ended at any moment, also with Ctrl-C, it leaves the user's former model as it was.

    Examples:
        rdr calibrate --user anna
        rdr calibrate --user anna --source anna.mp4
        rdr calibrate --user anna --no-skin
        rdr track 0 --user anna

    Args:
        user: Name of the person: letters, digits, - and _.
        source: Camera number, video file, or folder of pictures.
        seconds: End the session after this long, with what was shown by then.
        patience: Seconds after which a pose that was not held is asked for again.
        window: Show the picture with the prompts in it; auto: where there is a display and the source is a camera.
        camera: auto: find the focal length where the face is so near that it matters; weak: assume that it is far.
        skin: Make the avatar's skin of the pictures. They are not kept, the skin is; --no-skin: neither.
        folder: Where user models are; default: the user's data folder.
        preset: Which of the shipped networks.
        weights: research or open (their licence), or a network of your own.
        threads: CPU threads of the network.
    """
    from avatar_bridge.avatar import load_skin
    from avatar_bridge.capture import open_source
    from avatar_bridge.preview.guide import GuideWindow
    from calibration.calibrate import calibrate as make_user
    from calibration.poses import POSES
    from calibration.session import CalibrationSession, SessionConfig
    from calibration.store import UserStore
    from rdr_core.face_model.dynamic_expression_model import default_face_model
    from rdr_core.inference.detector import FaceDetector
    from rdr_core.inference.eyes import EyePredictor
    from rdr_core.inference.tracker import FaceTracker
    from rdr_core.inference.weights import load_predictor

    store = UserStore(folder)
    store.path(user)  # a wrong name is said at once
    session = CalibrationSession(SessionConfig(patience_s=patience))
    tracker = FaceTracker(EyePredictor(load_predictor(preset, weights, threads)), FaceDetector(threads))
    with open_source(source) as video, GuideWindow(1 + len(POSES), _window_wanted(window, video)) as guide:
        _guide(session, _observations(video, tracker, seconds, skin), guide)
    model = make_user(user, default_face_model(), session, camera, say=_say, base_skin=load_skin() if skin else None)
    path = store.save(model)
    quality = model.quality
    _say(
        f"{user}: error {quality.error_percent:.2f} % of the face box with this face, "
        f"{quality.mean_face_error_percent:.2f} % with the mean face, {quality.held_out_error_percent:.2f} % on frames "
        f"held back, over {quality.frames} frames"
    )
    for advice in quality.advice:
        _say(f"better next time: {advice}")
    _say(f"wrote {path}; use it with rdr track --user {user}")


def _window_wanted(asked: str, video: FrameSource) -> bool:
    """Whether to open a window; AvatarError where it was asked for and there is no display."""
    from avatar_bridge.errors import AvatarError
    from avatar_bridge.preview.window import check_display

    if asked == "never" or (asked == "auto" and not video.is_live):
        return False
    try:
        check_display()
    except AvatarError:
        if asked == "always":
            raise
        return False
    return True


def _guide(
    session: CalibrationSession, observations: Iterator[tuple[CapturedFrame, Observation | None]], guide: GuideWindow
) -> None:
    """Feed the session and say what it asks for."""
    asked, step = "", None
    with status_line(None) as show:
        for captured, observation in observations:
            landmarks = None if observation is None else observation.landmarks_px
            if not guide.show(captured.image_bgr, landmarks, step, len(session.shown)):
                return
            if observation is None:
                show(1, f"{captured.name}: no face")
                continue
            step = session.add(observation)
            if step.notice:
                _say(step.notice)
            if step.prompt and (step.prompt != asked or "once more" in step.notice):
                asked = step.prompt
                _say(f"> {asked}")
            show(1, f"{captured.name}: {asked} {round(10 * step.progress) * '#':10}")
            if step.done:
                return


def _observations(
    video: FrameSource, tracker: FaceTracker, seconds: float | None, keep_pictures: bool
) -> Iterator[tuple[CapturedFrame, Observation | None]]:
    """Track the source's most prominent face; None where there is none."""
    from calibration.observation import observe

    for captured in _limited(video, seconds):
        faces = [face for face in tracker.update(captured.image_bgr, captured.capture_time_ns) if face.tracked]
        if not faces:
            yield captured, None
            continue
        yield captured, observe(faces[0].prediction, captured.image_bgr, captured.capture_time_ns, keep_pictures)


def _limited(video: FrameSource, seconds: float | None) -> Iterator[CapturedFrame]:
    """Pictures for at most so long: by the clock from a camera, by its own times from a file."""
    if seconds is None:
        return iter(video)
    if video.is_live:
        end = time.monotonic() + seconds
        return takewhile(lambda _: time.monotonic() < end, video)
    return takewhile(lambda captured: (captured.source_time_ns or 0) < 1e9 * seconds, video)


def _say(text: str) -> None:
    print(text, flush=True)
