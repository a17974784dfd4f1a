"""The camera's picture beside the avatar, asked for at a real control socket."""

from __future__ import annotations

import time
from collections.abc import Callable

import cv2
import numpy as np

from avatar_bridge.control_messages import Picture, Refused, Reply, Request
from avatar_bridge.control_server import ControlServer
from avatar_bridge.messages import FaceFrame
from avatar_bridge.preview.camera_picture import CameraPicture, read_picture
from avatar_bridge.preview.window import draw_inset

PATIENCE_S = 20.0


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def jpeg(level: int) -> bytes:
    return bytes(cv2.imencode(".jpg", np.full((90, 160, 3), level, np.uint8))[1].tobytes())


def test_it_is_asked_for_while_it_is_wanted() -> None:
    asked: list[str] = []

    def answer(request: Request) -> Reply:
        asked.append(request.command)
        return Picture(jpeg=jpeg(100), capture_time_ns=1)

    with ControlServer(answer, "tcp://127.0.0.1:*") as server, CameraPicture(server.endpoint) as camera:
        time.sleep(0.3)
        assert not asked
        camera.want(True)
        wait_for(lambda: camera.newest is not None)
        assert camera.newest is not None
        assert camera.newest.shape == (90, 160, 3)
        assert set(asked) == {"picture"}
        camera.want(False)
        wait_for(lambda: camera.newest is None)
        time.sleep(0.3)
        count = len(asked)
        time.sleep(0.3)
        assert (len(asked), camera.newest) == (count, None)


def test_a_refusal_is_shown() -> None:
    with (
        ControlServer(lambda request: Refused(why="not shared"), "tcp://127.0.0.1:*") as server,
        CameraPicture(server.endpoint) as camera,
    ):
        camera.want(True)
        wait_for(lambda: camera.trouble == "not shared")
        assert camera.newest is None


def test_nobody_there() -> None:
    with CameraPicture("tcp://127.0.0.1:9") as camera:
        camera.want(True)
        wait_for(lambda: "is rdr track running" in camera.trouble)


def test_what_is_no_picture() -> None:
    assert read_picture(b"\xff\xd8\xff nothing") is None
    assert read_picture(jpeg(9)) is not None


def test_the_inset(make_frame: Callable[..., FaceFrame]) -> None:
    """In the shape of the camera's picture, turned as the avatar is, with the landmarks on it."""
    points = np.full((68, 2), 10.0, np.float32)
    frame = make_frame(landmarks_px=points, source_size_px=(160, 90))

    class Seen:
        newest = np.concatenate([np.full((90, 80, 3), 200, np.uint8), np.full((90, 80, 3), 50, np.uint8)], axis=1)
        trouble = ""

    plain, mirrored = (np.zeros((300, 300, 3), np.uint8) for _ in range(2))
    draw_inset(plain, frame, False, Seen(), between=True)  # type: ignore[arg-type]
    draw_inset(mirrored, frame, True, Seen(), between=True)  # type: ignore[arg-type]
    assert plain[-20, 120].tolist() == [200, 200, 200]
    assert plain[-20, 180].tolist() == [50, 50, 50]
    assert mirrored[-20, 120].tolist() == [50, 50, 50]
    assert not plain[: 300 - 52].any()
    left, right = plain[-51:, 105:150], plain[-51:, 150:195]
    assert (left[..., 1] != left[..., 0]).any(), "green landmarks where the picture is light"
    assert (right[..., 1] == right[..., 0]).all()
