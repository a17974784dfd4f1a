"""From capture to receive: `python -m benchmarks.end_to_end CLIP`. A real tracker process, a receiver in this one.

The clip plays at its own pace, so that each picture has an instant at which a camera would have given it; what is
measured is from then until its frame has come over the socket. Smoothing is what `rdr track` does by default. With
--faces N the clip is laid side by side N times, each further on in time, at 30 pictures a second; with --cameras N it
is N sources of one `rdr track`, a process and a receiver each.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from array import array
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from avatar_bridge.messages import FaceFrame
from avatar_bridge.source_names import endpoint_of
from avatar_bridge.subscriber import Subscriber
from benchmarks.machine import machine
from benchmarks.stream import percentiles, resident_mb


def measure(clip: Path, faces: int, threads: int, cameras: int) -> dict[str, Any]:
    """Track a clip to its end; return latencies and what it cost."""
    endpoint = "tcp://127.0.0.1:5640"
    sources = [str(clip)] if cameras == 1 else [f"camera{n}={clip}" for n in range(cameras)]
    tracker = [sys.executable, "-m", "avatar_bridge.cli", "track", *sources, "--endpoint", endpoint]
    tracker += ["--max-faces", str(faces), "--threads", str(threads)]
    received_ms = [array("f") for _ in sources]
    began, first_s, memory_mb = time.monotonic(), 0.0, 0.0
    with ExitStack() as stack:
        streams = [stack.enter_context(Subscriber(endpoint_of(endpoint, n))) for n in range(cameras)]
        process = stack.enter_context(subprocess.Popen(tracker, stdout=subprocess.PIPE, text=True))
        while process.poll() is None:
            for times_ms, stream in zip(received_ms, streams, strict=True):
                ages = [_age_ms(frame) for frame in stream.poll(100 / cameras**2) if isinstance(frame, FaceFrame)]
                times_ms.extend(ages)
                first_s = first_s or bool(ages) * (time.monotonic() - began)
            memory_mb = max(memory_mb, sum(map(_memory_mb, [process.pid, *_children(process.pid)])))
        stats = [stream.stats() for stream in streams]
        said = process.stdout.read() if process.stdout else ""
    # the first pictures wait for the detector and for cold caches
    settled = array("f", [age for times_ms in received_ms for age in times_ms[len(times_ms) // 10 :]])
    return {
        "clip": clip.name,
        "cameras": cameras,
        "frames": [one.frames for one in stats],
        "missed": [one.missed for one in stats],
        "start_to_first_frame_s": round(first_s, 2),
        "tracker_memory_mb": round(memory_mb),
        "capture_to_receive_ms": percentiles(settled),
        "within_a_frame_of_30_fps_percent": round(100 * float((np.array(settled) < 1000 / 30).mean()), 2),
        "tracker_said": said.splitlines(),
    }


def side_by_side(clip: Path, faces: int, out: Path) -> None:
    """Write a video, 30 pictures a second, of a clip beside itself, each a second further on."""
    import cv2

    frames, video = [], cv2.VideoCapture(str(clip))
    while (read := video.read())[0]:
        frames.append(read[1])
    across = math.ceil(math.sqrt(faces))
    rows = math.ceil(faces / across)
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(out), cv2.VideoWriter.fourcc(*"mp4v"), 30, (across * width, rows * height))
    for number in range(len(frames)):
        picture = np.zeros((rows * height, across * width, 3), np.uint8)
        for face in range(faces):
            y, x = divmod(face, across)
            place = (slice(y * height, (y + 1) * height), slice(x * width, (x + 1) * width))
            picture[place] = frames[(number + 30 * face) % len(frames)]
        writer.write(picture)
    writer.release()


def _memory_mb(process: int) -> float:
    try:
        return resident_mb(process)
    except (OSError, IndexError):  # it has ended
        return 0.0


def _children(process: int) -> list[int]:
    """Return the processes that a process has started, one of each camera (Linux)."""
    try:
        return [int(n) for n in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []


def _age_ms(frame: FaceFrame) -> float:
    return (time.time_ns() - frame.capture_time_ns) / 1e6


def main() -> None:
    """Parse the command line and print, or write, what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--faces", type=int, default=1)
    parser.add_argument("--cameras", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clip = options.clip
        if options.faces > 1:
            clip = Path(folder) / f"{options.faces}_{options.clip.stem}.mp4"
            side_by_side(options.clip, options.faces, clip)
        result = {"machine": machine()} | measure(clip, options.faces, options.threads, options.cameras)
    print(json.dumps(result, indent=1))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
