"""`python -m benchmarks.peers CLIP ... [--json FILE]`: ours and what users would pick instead, alternating.

Each program runs in a process and an environment of its own, which the first run makes under build/peers. All get the
same frames, half a second each in turn and each time in another order, so that whatever else the machine does hits all
alike: it is the ratios that count. With --accuracy they also find the faces of 300-W common and AFLW2000-3D.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.energy import joules, used
from benchmarks.machine import machine
from benchmarks.peers.programs import MEDIAPIPE, OURS, PROGRAMS, Program
from benchmarks.report import report
from rdr_core.inference.detector import FaceDetector

WORKER = Path(__file__).with_name("worker.py")
_WARM_UP = 20
_TURN = 15
"""Frames in a row, half a second of a camera: one alone would find another program's data in the caches."""


def read_frames(clips: list[Path], count: int) -> np.ndarray:
    """Return the first frames of clips, (n, H, W, 3) BGR, scaled to the size of the first one."""
    frames: list[np.ndarray] = []
    for clip in clips:
        video = cv2.VideoCapture(str(clip))
        for _ in range(count // len(clips)):
            read, frame = video.read()
            if not read:
                break
            size = (frames[0].shape[1], frames[0].shape[0]) if frames else (frame.shape[1], frame.shape[0])
            frames.append(cv2.resize(frame, size))
    if not frames:
        raise SystemExit(f"no frames in {', '.join(map(str, clips))}")
    return np.stack(frames)


def boxes_of(frames: Any) -> np.ndarray:
    """Return our detector's box in each frame, (n, 4), NaN where it finds nothing."""
    detector, boxes = FaceDetector(), []
    for frame in frames:
        found = detector.detect(frame)
        boxes.append(found[0].box_xyxy if found else np.full(4, np.nan))
    return np.array(boxes, np.float32)


class Peer:
    """A program that is running."""

    def __init__(self, program: Program, folder: Path, threads: int) -> None:
        command = [program.python(), WORKER, program.tracker, "live"]
        command += [folder / "frames.npy", folder / "boxes.npy", str(threads)]
        self.program, self.times_ms, self.found, self.memory_mb = program, list[float](), 0, 0.0
        self.joules: list[float] = []
        """Of each turn that the machine told it of."""
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        while self._say().strip() != "ready":
            if self._process.poll() is not None:
                raise SystemExit(f"{program.name} does not start: {' '.join(map(str, command))}")

    def track(self, number: int) -> None:
        """Give it a frame and remember how long it took."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{number}\n")
        self._process.stdin.flush()
        took, face, memory = self._say().split()
        self.times_ms.append(float(took))
        self.found += face == "face"
        self.memory_mb = max(self.memory_mb, float(memory))

    def result(self) -> dict[str, Any]:
        """End it; return what was measured."""
        self._process.communicate()
        times = np.array(self.times_ms[_WARM_UP:])
        return {
            "ms": {f"p{p}": round(float(np.percentile(times, p)), 2) for p in (50, 95, 99)},
            "found_percent": round(100 * self.found / len(self.times_ms), 1),
            "memory_mb": self.memory_mb,
            "joules_a_frame": round(float(np.mean(self.joules)) / _TURN, 4) if self.joules else None,
        }

    def _say(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def race(frames: np.ndarray, threads: int) -> dict[str, Any]:
    """Let all track the same frames in turn."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "frames.npy", frames)
        np.save(folder / "boxes.npy", boxes_of(frames))
        peers = [Peer(program, folder, threads) for program in PROGRAMS]
        order = np.random.default_rng(0)
        for start in range(0, len(frames), _TURN):
            for place in order.permutation(len(peers)):
                before = joules()
                for number in range(start, min(start + _TURN, len(frames))):
                    peers[place].track(number)
                spent = used(before, joules())
                peers[place].joules += [] if spent is None else [spent]
        results = {peer.program.name: peer.result() for peer in peers}
    ratio = results[MEDIAPIPE.name]["ms"]["p50"] / results[OURS.name]["ms"]["p50"]
    return {"threads": threads, "mediapipe_over_live": round(ratio, 2), "programs": results}


def accuracy() -> dict[str, Any]:
    """Return NME in percent of the faces that each program finds by itself, and how many it finds."""
    from rdr_core.config import data_folder
    from rdr_core.data.aflw2000 import read_aflw2000
    from rdr_core.data.w300 import read_w300

    photographs, heads = read_w300(data_folder(), "common"), read_aflw2000(data_folder())
    shapes = np.stack([sample.shape for sample in photographs if sample.shape is not None])
    eyes = np.linalg.norm(shapes[:, 36] - shapes[:, 45], axis=1)
    truth = np.stack([head.reannotated for head in heads])
    boxes = np.stack([head.sample.landmarks_3d[:, :2] for head in heads if head.sample.landmarks_3d is not None])
    size = np.sqrt(np.prod(boxes.max(axis=1) - boxes.min(axis=1), axis=1))
    yaw = np.abs(np.degrees([head.sample.euler_rad[1] for head in heads if head.sample.euler_rad is not None]))
    results = {}
    for program in PROGRAMS:
        common = _errors(program, [sample.image_path for sample in photographs], shapes, eyes, "seen")
        turned = _errors(program, [head.sample.image_path for head in heads], truth, size, "own")
        bins = [turned[(low <= yaw) & (yaw < high)] for low, high in ((0, 30), (30, 60), (60, 91))]
        results[program.name] = {
            "300w_common": _mean(common),
            "300w_common_found_percent": _found(common),
            "aflw2000_reannotated_bins": [_mean(errors) for errors in bins],
            "aflw2000_found_percent_bins": [_found(errors) for errors in bins],
        }
    return results


def _errors(program: Program, paths: list[Path], truth: np.ndarray, size: np.ndarray, points: str) -> np.ndarray:
    """Return the error of each picture; NaN where the face is not found, or another one is."""
    with tempfile.TemporaryDirectory() as name:
        pictures, boxes, out = (Path(name) / file for file in ("paths.json", "boxes.npy", "out.npy"))
        pictures.write_text(json.dumps([str(path) for path in paths]))
        np.save(boxes, boxes_of(cv2.imread(str(path)) for path in paths))
        command = [program.python(), WORKER, program.tracker, "pictures", pictures, boxes, out, points]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        found = np.load(out)
    errors = np.linalg.norm(found - truth, axis=2).mean(axis=1) / size
    return np.where(errors < 0.5, errors, np.nan)


def _mean(errors: np.ndarray) -> float:
    return round(100 * float(np.nanmean(errors)), 2)


def _found(errors: np.ndarray) -> float:
    return round(100 * float(np.isfinite(errors).mean()), 1)


def main() -> None:
    """Parse the command line and print, or write, what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--frames", type=int, default=600, help="of all clips together")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--accuracy", action="store_true", help="also find the faces of the development sets")
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    options = parser.parse_args()
    frames = read_frames(options.clips, options.frames)
    facts = {"machine": machine(), "clips": [clip.name for clip in options.clips], "frames": len(frames)}
    result: dict[str, Any] = facts | {"size_px": [frames.shape[2], frames.shape[1]]}
    result["runs"] = [race(frames, threads) for threads in options.threads]
    result["mediapipe_over_live"] = result["runs"][0]["mediapipe_over_live"]
    if options.accuracy:
        result["accuracy"] = accuracy()
    report(result, options.json)


if __name__ == "__main__":
    main()
