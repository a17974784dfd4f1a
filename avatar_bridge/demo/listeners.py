"""The demo's receivers: each in its own thread, each on its own real socket."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from avatar_bridge.messages import FaceFrame
from avatar_bridge.recording import Recorder
from avatar_bridge.stream_stats import StreamStats
from avatar_bridge.subscriber import Subscriber
from rdr_core.types import UInt8


class Listener(threading.Thread):
    """Receives everything until it is told that no more will come; an error is raised again by `finish`."""

    def __init__(self, endpoint: str, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.endpoint = endpoint
        self.stats: StreamStats | None = None
        self.ready = threading.Event()
        self._no_more = threading.Event()
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self.listen()
        except BaseException as error:  # raised again in the thread that asks for the result
            self._error = error
        finally:
            self.ready.set()

    def listen(self) -> None:
        """Receive; overridden to do something with it."""
        raise NotImplementedError

    def receive(self, take: Callable[[FaceFrame], object]) -> None:
        """Hand every face frame to `take` until the stream is over and drained."""
        with Subscriber(self.endpoint) as stream:
            while True:
                over = self._no_more.is_set()
                messages = stream.poll(50)
                if stream.hello is not None:
                    self.ready.set()
                for message in messages:
                    if isinstance(message, FaceFrame):
                        take(message)
                if over and not messages:
                    break
            self.stats = stream.stats()

    def finish(self, timeout_s: float = 300.0) -> None:
        """Wait until everything sent so far is dealt with."""
        self._no_more.set()
        self.join(timeout_s)
        if self._error is not None:
            raise self._error


class RecordingListener(Listener):
    """Writes a take."""

    def __init__(self, endpoint: str, path: Path, session: str) -> None:
        super().__init__(endpoint, "demo recorder")
        self.path, self.session = path, session

    def listen(self) -> None:
        with Recorder(self.path, self.session, source="rdr demo", overwrite=True) as take:
            self.receive(take.write)


class AvatarListener(Listener):
    """Draws the avatar of every frame."""

    def __init__(self, endpoint: str, size: int) -> None:
        super().__init__(endpoint, "demo avatar")
        self.size = size
        self.pictures: dict[int, UInt8] = {}
        """capture_time_ns -> (size, size, 3) BGR."""

    def listen(self) -> None:
        from avatar_bridge.avatar import default_avatar
        from avatar_bridge.preview.renderer import AvatarRenderer

        with AvatarRenderer(default_avatar(), self.size, self.size) as renderer:

            def draw(frame: FaceFrame) -> None:
                self.pictures[frame.capture_time_ns] = renderer.render(frame.alpha_exp, frame.euler_rad)

            self.receive(draw)
