"""The tracker as a service: pictures in; frames published and recorded; what is asked is done between two pictures."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import assert_never

from avatar_bridge.capture.frames import CapturedFrame, FrameSource
from avatar_bridge.capture.lasting import LastingSource
from avatar_bridge.control_messages import Done, Reply, Request, State, Status, readable
from avatar_bridge.errors import ControlError
from avatar_bridge.last_picture import LastPicture
from avatar_bridge.mailbox import Mailbox
from avatar_bridge.messages import FaceFrame, Hello
from avatar_bridge.pipeline import Pipeline, TrackedPicture
from avatar_bridge.publisher import Publisher
from avatar_bridge.recording.run_takes import RunTakes
from avatar_bridge.run_statistics import RunStatistics


class TrackService:
    """Runs in one thread, the caller's; `answer` may be called from any other."""

    def __init__(
        self,
        source: FrameSource,
        pipeline: Pipeline,
        takes: RunTakes,
        hello: Hello,
        publisher: Publisher | None = None,
        share_picture: bool = False,
    ) -> None:
        """`hello`: what the run is, also where nothing is published; share_picture: whoever may ask is shown what the
        camera sees."""
        self._source, self._pipeline, self._takes = source, pipeline, takes
        self._hello, self._publisher = hello, publisher
        self._shown = LastPicture() if share_picture else None
        self._mailbox = Mailbox()
        self._ends = False
        self.statistics = RunStatistics()

    def run(self, pictures: Iterable[CapturedFrame | None]) -> Iterator[TrackedPicture | None]:
        """Track the source's pictures until they end or somebody asks to quit.

        Yields each picture once its frames are on their way, and None for a moment without one, as the source does.
        """
        for captured in pictures:
            self._mailbox.work(self._do)
            if self._ends:
                return
            if captured is None:
                lost = self._pipeline.lose(time.time_ns())
                self._hand_on(lost, lost)
                yield None
                continue
            if self._shown:
                self._shown.captured = captured
            picture = self._pipeline.track(captured)
            self._hand_on(picture.frames, picture.raw)
            self.statistics.add(picture)
            yield picture

    def quit(self) -> None:
        """End `run` before its next picture; from any thread, and from a signal handler."""
        self._ends = True

    def answer(self, request: Request) -> Reply:
        """Have a request done between two pictures and return the reply. Raises BridgeError where it is refused.

        What only asks is answered at once, also while a camera takes its time.
        """
        match request.command:
            case "hello":
                return self._hello
            case "status":
                return self.status()
            case "picture":
                return self._picture()
            case _:
                return self._mailbox.ask(request)

    @property
    def trouble(self) -> str | None:
        """What is wrong, for people."""
        lost = self._source.trouble if isinstance(self._source, LastingSource) else None
        return lost or self._takes.trouble

    def status(self) -> Status:
        """Return how the run is."""
        p50, p95 = self.statistics.late_milliseconds()
        trouble = self.trouble
        return Status(
            state=self._state(),
            session=self._hello.session,
            source=readable(self._source.name),
            trouble=readable(trouble) if trouble else None,
            uptime_s=self.statistics.seconds,
            pictures=self.statistics.pictures,
            faces=self._pipeline.tracked,
            fps=self.statistics.late_fps(),
            ms_per_picture_p50=p50,
            ms_per_picture_p95=p95,
            subscribers=self._publisher.subscribers if self._publisher else 0,
            take=self._takes.name,
            take_messages=self._takes.messages,
            neutral=self._pipeline.neutral.set,
            user=self._hello.user,
        )

    def _picture(self) -> Reply:
        if self._shown is None:
            raise ControlError("the camera's picture is not shared: start the tracker with rdr track --share-picture")
        return self._shown.small()

    def _hand_on(self, frames: list[FaceFrame], raw: list[FaceFrame]) -> None:
        sent = [self._publisher.publish(frame) for frame in frames] if self._publisher else frames
        self._takes.write(sent, raw)

    def _state(self) -> State:
        if not isinstance(self._source, LastingSource):
            return "tracking"
        if self._source.paused:
            return "stopped"
        return "waiting" if self._source.trouble else "tracking"

    def _do(self, request: Request) -> Reply:
        match request.command:
            case "start":
                self._live_source().resume()
                return Done(what=f"tracking {self._source.name}")
            case "stop":
                self._live_source().pause()
                return Done(what=f"stopped: {self._source.name} is free for other programs; start goes on")
            case "record":
                path = self._takes.start_named(request.take)
                return Done(what=f"recording {path}")
            case "stop_recording":
                path, messages = self._takes.stop()
                return Done(what=f"wrote {path}: {messages} messages")
            case "neutral":
                return self._take_neutral(request.seconds)
            case "clear_neutral":
                self._pipeline.neutral.clear()
                return Done(what="coefficients are as the network gives them")
            case "quit":
                self.quit()
                return Done(what="the tracker ends")
            case "ping" | "hello" | "status" | "picture":  # answered before they come here
                raise ControlError(f"{request.command} is no work")
            case _:
                assert_never(request.command)

    def _live_source(self) -> LastingSource:
        if not isinstance(self._source, LastingSource):
            raise ControlError(f"{self._source.name} is a file, which is tracked to its end: quit ends it")
        return self._source

    def _take_neutral(self, seconds: float) -> Reply:
        if not self._pipeline.tracked:
            raise ControlError("no face is seen that could be at rest: look into the camera and ask again")
        self._pipeline.neutral.take(seconds)
        return Done(what=f"looking for {seconds:g} s: keep the face at rest")
