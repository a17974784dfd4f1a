"""What goes over the control socket: one Request, answered by one of Pong, Hello, Status, Picture, Done and Refused.

The same rules as on the stream: a msgpack map each, checked field by field, so that a message that exists is valid.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from avatar_bridge.errors import WireError
from avatar_bridge.messages import MAX_FACES, Hello
from avatar_bridge.wire_checks import MAX_TIME_NS, MAX_UINT64, check_bool, check_integer, check_real, check_text

Command = Literal[
    "ping", "hello", "status", "picture",
    "start", "stop", "record", "stop_recording", "neutral", "clear_neutral", "quit",
]  # fmt: skip
COMMANDS: Final[tuple[str, ...]] = get_args(Command)
State = Literal["tracking", "stopped", "waiting"]
STATES: Final[tuple[str, ...]] = get_args(State)

MAX_NEUTRAL_S: Final = 10.0
MAX_PICTURE_BYTES: Final = 48 * 1024
_JPEG: Final = b"\xff\xd8\xff"
_TAKE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def check_take_name(name: Any) -> str:
    """Return the name if it can be a take's: letters, digits, - and _, so that it is no path whatever the system."""
    if not isinstance(name, str) or not _TAKE.fullmatch(name):
        raise WireError(f"a take's name must be 1 to 64 letters, digits, - or _, got {name!r:.80}")
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the tracker is asked to do."""

    command: Command
    """ping: tell your clock; hello, status: tell about yourself; picture: show what the camera sees; start, stop:
    track, or let go of the camera; record, stop_recording: a take; neutral, clear_neutral: what is seen now is the face
    at rest; quit: end the program."""
    take: str | None = None
    """record: name of the take, without folder and ending; None: named after the time."""
    seconds: float = 1.0
    """neutral: how long to look, over 0 up to 10."""

    def __post_init__(self) -> None:
        if self.command not in COMMANDS:
            raise WireError(f"command must be one of {', '.join(COMMANDS)}, got {self.command!r:.40}")
        if self.take is not None:
            check_take_name(self.take)
        object.__setattr__(self, "seconds", check_real("seconds", self.seconds, 0.05, MAX_NEUTRAL_S))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong:
    """The tracker's clock, twice."""

    received_time_ns: int
    """When the request came, ns since the epoch."""
    reply_time_ns: int
    """When this was sent."""

    def __post_init__(self) -> None:
        check_integer("received_time_ns", self.received_time_ns, 0, MAX_TIME_NS)
        check_integer("reply_time_ns", self.reply_time_ns, 0, MAX_TIME_NS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How the tracker is."""

    state: State
    """stopped: by command; waiting: the source is gone and is tried again and again."""
    session: str
    source: str
    """What it looks at, for people."""
    trouble: str | None = None
    """What is wrong, for people; None: nothing."""
    uptime_s: float
    pictures: int
    """Since it was started."""
    faces: int
    """In the last picture."""
    fps: float
    """Pictures a second, of late."""
    ms_per_picture_p50: float
    ms_per_picture_p95: float
    subscribers: int
    take: str | None = None
    """Name of the take that is being recorded; None: none is."""
    take_messages: int = 0
    """In it so far."""
    neutral: bool = False
    """Whether a face at rest was taken."""
    user: str | None = None

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise WireError(f"state must be one of {', '.join(STATES)}, got {self.state!r:.40}")
        checked: dict[str, Any] = {
            "session": check_text("session", self.session, 64),
            "source": check_text("source", self.source, 512, min_length=0),
            "uptime_s": check_real("uptime_s", self.uptime_s, 0, 1e9),
            "pictures": check_integer("pictures", self.pictures, 0, MAX_UINT64),
            "faces": check_integer("faces", self.faces, 0, MAX_FACES),
            "fps": check_real("fps", self.fps, 0, 1e5),
            "ms_per_picture_p50": check_real("ms_per_picture_p50", self.ms_per_picture_p50, 0, 1e7),
            "ms_per_picture_p95": check_real("ms_per_picture_p95", self.ms_per_picture_p95, 0, 1e7),
            "subscribers": check_integer("subscribers", self.subscribers, 0, MAX_TIME_NS),
            "take_messages": check_integer("take_messages", self.take_messages, 0, MAX_UINT64),
            "neutral": check_bool("neutral", self.neutral),
        }
        for name, most in (("trouble", 1024), ("take", 64), ("user", 128)):
            value = getattr(self, name)
            checked[name] = None if value is None else check_text(name, value, most)
        for name, value in checked.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What the camera saw last, small."""

    jpeg: bytes
    capture_time_ns: int
    """When, ns since the epoch."""

    def __post_init__(self) -> None:
        if not isinstance(self.jpeg, bytes) or not self.jpeg.startswith(_JPEG) or len(self.jpeg) > MAX_PICTURE_BYTES:
            raise WireError(f"jpeg must be a JPEG of at most {MAX_PICTURE_BYTES} bytes, got {self.jpeg!r:.20}")
        check_integer("capture_time_ns", self.capture_time_ns, 0, MAX_TIME_NS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The tracker did, or is about to do, what it was asked for."""

    what: str
    """For people."""

    def __post_init__(self) -> None:
        check_text("what", self.what, 1024)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The tracker did not."""

    why: str
    """For people: what is wrong, and what to do."""

    def __post_init__(self) -> None:
        check_text("why", self.why, 1024)


Reply = Pong | Hello | Status | Picture | Done | Refused


def readable(text: str) -> str:
    """Make any text fit for `Done.what` and `Refused.why`."""
    return "".join(letter if letter.isprintable() else " " for letter in text)[:1024] or "no reason was given"
