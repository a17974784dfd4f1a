"""A real publisher in a process of its own, with the tracker's program; it does what it is told on its standard input.

wait COUNT                             until so many listen
send FIRST COUNT [face_id] [lost]      frames of the made-up face, at once
live RATE SECONDS                      frames in real time, with real capture times
session NAME                           begin anew under another name

An argument is a folder of keys (rdr keys): the stream is encrypted then.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import made_up_face as face

from avatar_bridge.control_messages import Done, Request
from avatar_bridge.control_server import ControlServer
from avatar_bridge.keys import KeyStore
from avatar_bridge.messages import FaceFrame
from avatar_bridge.publisher import Publisher
from rdr_core.geometry.rotation import quaternion_from_euler


def frame_of(session: str, seq: int, face_id: int = 0, tracked: bool = True, time_ns: int | None = None) -> FaceFrame:
    """Return a frame of the made-up face."""
    angles = np.array(face.euler_rad(seq))
    return FaceFrame(
        session=session,
        seq=seq,
        face_id=face_id,
        capture_time_ns=face.START_NS + seq * face.FRAME_NS if time_ns is None else time_ns,
        publish_time_ns=0,
        source_size_px=face.SIZE_PX,
        tracked=tracked,
        confidence=1.0 if tracked else 0.0,
        alpha_exp=np.array(face.alpha_exp(seq)),
        quaternion=quaternion_from_euler(angles),
        euler_rad=angles,
        translation_px=np.array(face.translation_px(seq)),
        scale_px_per_cm=face.scale_px_per_cm(seq),
    )


def answer(request: Request) -> Done:
    """Say what was asked."""
    return Done(what=f"asked for {request.command}, {request.seconds:g} s")


def main() -> None:
    """Publish until standard input ends."""
    free = "tcp://127.0.0.1:*"
    curve = KeyStore(Path(sys.argv[1])).server() if len(sys.argv) > 1 else None
    publisher = Publisher(free, curve=curve)
    session = publisher.session
    control = ControlServer(answer, free, curve=curve)
    print(publisher.endpoint, control.endpoint, flush=True)
    for line in sys.stdin:
        command, *words = line.split()
        if command == "wait":
            while publisher.subscribers != int(words[0]):
                time.sleep(0.005)
        elif command == "send":
            first, count = int(words[0]), int(words[1])
            face_id, tracked = int(words[2]) if len(words) > 2 else 0, words[-1] != "lost"
            for seq in range(first, first + count):
                publisher.publish(frame_of(session, seq, face_id, tracked))
        elif command == "live":
            interval_s, count = 1 / float(words[0]), int(float(words[0]) * float(words[1]))
            start_s = time.monotonic()
            for seq in range(count):
                time.sleep(max(0.0, start_s + seq * interval_s - time.monotonic()))
                publisher.publish(frame_of(session, seq, time_ns=time.time_ns()))
        elif command == "session":
            session = words[0]
        print("done", flush=True)
    publisher.close()
    control.close()


if __name__ == "__main__":
    main()
