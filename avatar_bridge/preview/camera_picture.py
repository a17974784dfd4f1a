"""What the tracker's camera sees, asked for now and then beside the stream, which brings no pictures."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Final

import cv2
import numpy as np

from avatar_bridge.control_client import ControlClient
from avatar_bridge.curve import CurveClient
from avatar_bridge.errors import BridgeError
from rdr_core.types import UInt8

_INTERVAL_S: Final = 0.1
_LATER_S: Final = 1.0
"""After a refusal or no answer."""
_LARGEST_PX: Final = 4096


class CameraPicture:
    """Asks a tracker's control socket in a thread of its own while it is wanted."""

    def __init__(self, control: str, curve: CurveClient | None = None) -> None:
        self._control, self._curve = control, curve
        self._wanted, self._stop = threading.Event(), threading.Event()
        self.newest: UInt8 | None = None
        """(H, W, 3) BGR; None: none has come."""
        self.trouble = ""
        """Why not, for people."""
        self._thread = threading.Thread(target=self._run, name="camera picture", daemon=True)
        self._thread.start()

    def want(self, wanted: bool) -> None:
        """Begin to ask, or stop."""
        (self._wanted.set if wanted else self._wanted.clear)()
        self.newest, self.trouble = None, "asking for the camera's picture"

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        self._wanted.set()
        self._thread.join()

    def __enter__(self) -> CameraPicture:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        while self._wanted.wait() and not self._stop.is_set():
            with ControlClient(self._control, 1.0, self._curve) as client:
                while self._wanted.is_set() and not self._stop.is_set():
                    self._stop.wait(_INTERVAL_S if self._ask(client) else _LATER_S)

    def _ask(self, client: ControlClient) -> bool:
        try:
            picture = read_picture(client.picture().jpeg)
        except BridgeError as error:
            picture, self.trouble = None, str(error)
        if self._wanted.is_set():
            self.newest = picture
        return picture is not None


def read_picture(jpeg: bytes) -> UInt8 | None:
    """Decode what came over the network, (H, W, 3) BGR; None where it is no picture."""
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    return None if image is None or max(image.shape) > _LARGEST_PX else np.asarray(image, np.uint8)
