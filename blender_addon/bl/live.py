"""The live part: one connection, one timer. A tick drains the socket and applies the newest frame of each face.

Nothing of Blender is kept from one tick to the next: characters are found anew in their scenes each time. Writing is
no undo step. Timers do not run in background mode, so `tick` is a plain function that anybody may call.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import Any, Final

import bpy

from ..core.address import DEFAULT_CONTROL_ADDRESS, CurveKeys, check_address
from ..core.control import TrackerControl
from ..core.errors import AddonError, StreamError
from ..core.health import Health, health_of
from ..core.mapping import ShapeMapping
from ..core.performance import Performer
from ..core.protocol import FaceFrame
from ..core.receiver import Received, Receiver
from ..core.recording import Recorded, Recording
from ..core.stream_stats import StreamStats
from .apply import Writer, to_rest
from .changes import revision
from .config import config_of
from .sampling import Sampling, place_head
from .takes import add_recorded

_log = logging.getLogger(__name__)

STALE_S: Final = 0.5
"""A face of which nothing came for so long is lost."""
_REDRAW_S: Final = 0.25
_LOCAL: Final = ("tcp://127.", "tcp://localhost:", "tcp://[::1]:", "ipc://")


@dataclass(slots=True)
class _Running:
    """What is derived from a character, and what it remembers of its face."""

    revision: int
    performer: Performer | None = None
    writer: Writer | None = None
    problem: str = ""
    frame: FaceFrame | None = None
    heard_s: float = 0.0


@dataclass(slots=True)
class Session:
    """A connection and everything that hangs on it."""

    receiver: Receiver
    encrypted: bool
    rate_hz: float
    control: TrackerControl
    recording: Recording = field(default_factory=Recording)
    recording_scene: str = ""
    sampling: Sampling = field(default_factory=Sampling)
    running: dict[tuple[str, str], _Running] = field(default_factory=dict)
    frame_change: tuple[int, int] | None = None
    """Frame that playback came to last, and when, ns since the epoch."""
    redraw_s: float = 0.0
    error: str = ""
    """What went wrong in a tick, for people."""
    apply_ms: float = 0.0
    """How long applying took in the last tick that did."""
    ticks: int = 0


_session: Session | None = None


def session() -> Session | None:
    """Return the connection; None: there is none."""
    return _session


def connect(
    address: str,
    keys: CurveKeys | None = None,
    rate_hz: float = 60.0,
    control_address: str = DEFAULT_CONTROL_ADDRESS,
) -> Session:
    """Begin to listen and to tick; an earlier connection ends. Raises StreamError."""
    global _session
    address, control_address = check_address(address), check_address(control_address)
    for remote in (address, control_address):
        if not remote.startswith(_LOCAL) and not getattr(bpy.app, "online_access", True):
            raise StreamError(
                f"{remote} is another machine, and Blender may not go online: "
                "Preferences > System > Allow Online Access"
            )
    disconnect()
    for scene in bpy.data.scenes:
        for character in scene.rdr_live.characters:
            if not character.calibrated:
                character.head_rest_scale = 0.0  # wherever the head is seen first, it is at rest
    control = TrackerControl(control_address, keys)
    try:
        _session = Session(Receiver(address, keys), keys is not None, rate_hz, control)
    except AddonError:
        control.close()
        raise
    if not bpy.app.timers.is_registered(tick):
        bpy.app.timers.register(tick, persistent=True)
    return _session


def disconnect() -> Recorded | None:
    """Stop listening and ticking; return the take that this ends, if one was being recorded."""
    global _session
    ending, _session = _session, None
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)
    if ending is None:
        return None
    try:
        return ending.recording.stop()
    finally:
        ending.receiver.close()
        ending.control.close()
        redraw()


def stats() -> StreamStats:
    """Return how the stream runs."""
    return _session.receiver.stats() if _session else StreamStats()


def health() -> Health:
    """Return how the stream is, in plain words."""
    if _session is None:
        return Health("wait", "Not connected.", "Start the tracker with rdr track 0, then press Connect.")
    if _session.error:
        return Health("bad", _session.error, "See the console for more.")
    return health_of(_session.receiver.stats(), _session.receiver.address, _session.encrypted)


def problem_of(scene: Any, character: Any) -> str:
    """Return why a character cannot be driven; "" where nothing is wrong."""
    running = _session.running.get((scene.name, character.uid)) if _session else None
    return running.problem if running else ""


def lag_ms_of(scene: Any, character: Any) -> dict[str, float]:
    """Return what smoothing costs a character now, by region; empty where it is not running."""
    running = _session.running.get((scene.name, character.uid)) if _session else None
    return running.performer.lag_ms() if running and running.performer else {}


def tick() -> float | None:
    """Take what came, record it, apply the newest; return seconds until the next time, None to stop."""
    current = _session
    if current is None:
        return None
    try:
        step(current, time.monotonic())
    except AddonError as error:
        current.error = str(error)
    except Exception as error:  # a timer that raises would be gone for good, and with it the stream
        _log.exception("a tick failed")
        current.error = f"{type(error).__name__}: {error}"
    return 1.0 / current.rate_hz


def step(current: Session, now_s: float) -> None:
    """Do the work of one tick at an instant of the monotonic clock."""
    current.ticks += 1
    current.control.poll(now_s)
    received = current.receiver.poll()
    _record(current, received, now_s)
    if bpy.app.is_job_running("RENDER"):
        return  # a picture that is being rendered must not change
    frames = [item.message for item in received if isinstance(item.message, FaceFrame)]
    started = time.perf_counter()
    applied = False
    seen: set[tuple[str, str]] = set()
    for scene in bpy.data.scenes:
        for character in scene.rdr_live.characters:
            if character.enabled:
                seen.add((scene.name, character.uid))
                applied |= _drive(current, scene, character, frames, now_s)
    for gone in current.running.keys() - seen:
        del current.running[gone]
    if applied:
        current.apply_ms = 1e3 * (time.perf_counter() - started)
        redraw(everything=True)
    if now_s - current.redraw_s > _REDRAW_S:
        current.redraw_s = now_s
        redraw()


def note_frame(frame: int) -> None:
    """Note that playback has come to a frame; a handler calls this."""
    if _session is not None:
        _session.frame_change = frame, time.time_ns()


def redraw(everything: bool = False) -> None:
    """Draw the panels anew, or the whole views."""
    manager = bpy.context.window_manager
    for window in manager.windows if manager else ():
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if everything or region.type == "UI":
                        region.tag_redraw()


def _drive(current: Session, scene: Any, character: Any, frames: list[FaceFrame], now_s: float) -> bool:
    """Let one character follow its face; return whether it moved."""
    running = _up_to_date(current, scene, character)
    if running.performer is None or running.writer is None:
        return False
    mine = [frame for frame in frames if frame.face_id == face_of(character, current.receiver.newest)]
    for frame in mine:
        smooth = running.performer.take(frame)
        current.sampling.look(scene, character, smooth)
        if smooth.tracked and not character.head_rest_scale:
            place_head(character, smooth)
    if mine:
        running.frame, running.heard_s = mine[-1], now_s
    stale = running.frame is not None and now_s - running.heard_s > STALE_S
    if not mine and not stale:
        return False
    restless = running.performer.restless
    action = running.performer.act(now_s, tracked=not stale)
    if action is None or not (mine or restless or running.performer.restless):
        return False
    running.writer.write(character, action)
    return True


def face_of(character: Any, newest: dict[int, FaceFrame]) -> int | None:
    """Return the number of the face that drives a character; None: there is none."""
    if character.which_face == "ID":
        return int(character.face_id)
    tracked = [face_id for face_id, frame in newest.items() if frame.tracked]
    return min(tracked or newest, default=None)


def _up_to_date(current: Session, scene: Any, character: Any) -> _Running:
    key = (scene.name, character.uid)
    running = current.running.get(key)
    if running is not None and running.revision == revision():
        return running
    made = _Running(revision())
    try:
        config = config_of(character)
        made.performer, made.writer = Performer(config), Writer(config.mapping)
    except AddonError as error:
        made.problem = str(error)
    if running is not None:
        _carry_over(character, running, made)
    current.running[key] = made
    return made


def _carry_over(character: Any, before: _Running, after: _Running) -> None:
    """Go on where the settings of before left off; what is no longer driven goes to rest."""
    after.frame, after.heard_s = before.frame, before.heard_s
    if before.frame is not None and after.performer is not None:
        after.performer.take(before.frame)
    if before.writer is None or after.writer is None:
        return
    released = set(before.writer.mapping.driven()) - set(after.writer.mapping.driven())
    if released:
        entries = [entry for entry in before.writer.mapping.entries if entry.target in released]
        to_rest(character, ShapeMapping.of_entries(entries), head=False)


def _record(current: Session, received: list[Received], now_s: float) -> None:
    scene = bpy.data.scenes.get(current.recording_scene) or bpy.context.scene
    playing = is_playing()
    frame, now_ns = scene.frame_current, time.time_ns()
    if playing and current.frame_change is not None and current.frame_change[0] == frame:
        now_ns = current.frame_change[1]
    ended = current.recording.take_in(received, now_s, now_ns, frame, playing)
    if ended is not None:
        add_recorded(scene, ended)


def is_playing() -> bool:
    """Return whether an animation is played in any window."""
    manager = bpy.context.window_manager
    return any(window.screen.is_animation_playing for window in manager.windows) if manager else False
