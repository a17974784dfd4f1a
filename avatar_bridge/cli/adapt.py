"""`rdr adapt`."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avatar_bridge.cli.status import status_line
from avatar_bridge.errors import BridgeError

if TYPE_CHECKING:
    from calibration.adapt import AdaptReport
    from calibration.sitting import Sitting


def adapt(
    user: str,
    source: tuple[str, ...],
    minutes: float = 4.0,
    frames: int = 240,
    seconds: float | None = None,
    replay: Path | None = None,
    folder: Path | None = None,
    weights: Path | None = None,
    threads: int = 1,
) -> None:
    """Fit the live network to one calibrated person, with videos of them; tracking with --user then uses it.

    The network teaches itself: what it says of many crops of a frame, of the frames around it and of the user's own
    face together is better than what it says at once. A quarter of the time is held out; where the adapted network is
    not better there, or worse for other people, the former one stays. Ctrl-C keeps the best so far.

    Examples:
        rdr adapt --user anna --source anna.mp4
        rdr adapt --user anna --source monday.mp4 tuesday.mp4 --minutes 8
        rdr track 0 --user anna --adapted

    Args:
        user: Who it is, as calibrated with rdr calibrate.
        source: Videos or folders of pictures that show this person alone; with --seconds also a camera's number.
        minutes: Time to train, after the frames were looked at.
        frames: How many frames are learned from at most, evenly over all of them.
        seconds: Look at so much of each source.
        replay: Shards of other people's faces against forgetting; default: rendered here once (needs RDR_DATA).
        folder: Where user models are; default: the user's data folder.
        weights: research or open: which of the shipped networks to adapt.
        threads: CPU threads.
    """
    from calibration.adapt import fine_tune, labelled, need_torch
    from calibration.adapted import save_adapted
    from calibration.replay import replay_pictures
    from calibration.sitting import Sitting
    from calibration.store import UserStore
    from calibration.teacher import TeacherConfig
    from rdr_core.face_model.dynamic_expression_model import default_face_model
    from rdr_core.inference.weights import LICENCES, find_network, load_predictor, network_sha256
    from rdr_core.interrupt import on_interrupt

    need_torch()
    if weights is not None and str(weights) not in LICENCES:
        raise BridgeError(f"--weights is {' or '.join(LICENCES)} here, got {weights}: a shipped network is adapted")
    if minutes <= 0 or not 20 <= frames <= 2000:
        raise BridgeError(f"--minutes must be positive and --frames 20 to 2000, got {minutes} and {frames}")
    store, model, network = UserStore(folder), default_face_model(), find_network("live", weights)
    known, made_of = store.load(user), _sha256(store.read(user))
    known.check_face_model(model)
    pictures = replay_pictures(replay, say=_say)
    sitting = Sitting(frames)
    _gather(sitting, source, load_predictor("live", weights, threads), seconds, threads)
    base, stop = network.with_suffix(".safetensors"), threading.Event()
    _set_threads(threads)
    with status_line(100) as show, on_interrupt(stop.set):
        show_share = _percent(show)
        learn, held = labelled(
            sitting, load_predictor("live", weights, threads), known, model, TeacherConfig(), show_share
        )
        if stop.is_set():
            raise KeyboardInterrupt
        tuning, report = fine_tune(base, learn, held, pictures, None, 60 * minutes, show_share, stop.is_set)
    _tell(report, user)
    if not report.better:
        _say(f"{user}: the adapted network is not better on frames that were held out: everything stays as it was")
        return
    facts = _facts(network, report)

    def write(out: Path) -> None:
        from rdr_core.inference.export import export

        with tempfile.TemporaryDirectory() as temporary:
            tuning.save(Path(temporary) / "best.safetensors", base, {"adapted_to": user, "licence": facts["licence"]})
            export(Path(temporary) / "best.safetensors", out)

    with on_interrupt(lambda: None):  # what was learned is written, a second Ctrl-C ends it anyway
        adapted = save_adapted(store, user, write, made_of, network_sha256(network), facts)
    _say(f"wrote {adapted.network} ({facts['licence']}); rdr track --user {user} --adapted uses it")


def _gather(sitting: Sitting, sources: tuple[str, ...], predictor: Any, seconds: float | None, threads: int) -> None:
    from avatar_bridge.capture import open_source
    from avatar_bridge.cli.calibrate import _limited
    from rdr_core.inference.detector import FaceDetector
    from rdr_core.inference.tracker import FaceTracker

    for number, source in enumerate(sources):
        with open_source(source) as video, status_line(video.frame_count) as show:
            if video.is_live and seconds is None:
                raise BridgeError(f"{source} is a camera: say how long to look with --seconds 60")
            tracker = FaceTracker(predictor, FaceDetector(threads))
            for captured in _limited(video, seconds):
                faces = tracker.update(captured.image_bgr, captured.capture_time_ns)
                for face in [face for face in faces if face.tracked][:1]:
                    sitting.add(captured.image_bgr, captured.capture_time_ns, face.prediction, number)
                show(1, f"{captured.name}: {len(sitting.seen)} frames with a face")


def _percent(show: Callable[[int, str], None]) -> Callable[[float, str], None]:
    """Return progress(share, text) of a bar of 100, which goes back where another part begins."""
    done = 0

    def progress(share: float, text: str) -> None:
        nonlocal done
        now = round(100 * share)
        show(now - done, text)
        done = now

    return progress


def _tell(report: AdaptReport, user: str) -> None:
    _say(
        f"{user}: {report.frames} frames, {report.held_out} held out. Landmarks there, against the teacher's, "
        f"{report.user_before:.2f} % of "
        f"the face box before, {report.user_after:.2f} % after; other people {report.replay_before:.2f} %, "
        f"{report.replay_after:.2f} %"
    )


def _facts(network: Path, report: AdaptReport) -> dict[str, Any]:
    licence = "open" if network.stem.endswith("_open") else "research-only"
    return {
        "licence": licence,
        "model_card": f"{network.stem}.md of the program, adapted to one person's own frames",
        "created_unix_ns": time.time_ns(),
        "report": report.as_dict(),
    }


def _set_threads(threads: int) -> None:
    from rdr_core.training.fine_tune import use_threads

    use_threads(threads)


def _sha256(content: bytes) -> str:
    import hashlib

    return hashlib.sha256(content).hexdigest()


def _say(text: str) -> None:
    print(text, flush=True)
