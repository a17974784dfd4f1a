"""How long a drawn frame takes, by stage: `python -m benchmarks.preview [--json FILE]`.

The default avatar, acting (`rdr fake`), drawn off screen as `rdr preview --out` does, with and without anti-aliasing;
the video encoder beside it. Stages are timed inside of the renderer; the GPU, or its software, is waited for after
drawing, so that drawing and reading back are told apart.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from avatar_bridge.avatar import Part, default_avatar
from avatar_bridge.fake import FakeFace
from avatar_bridge.preview import renderer as renderer_module
from avatar_bridge.preview.opengl import OffscreenContext, import_pyrender
from avatar_bridge.preview.renderer import AvatarRenderer
from avatar_bridge.video_writer import VideoWriter
from benchmarks.machine import machine
from benchmarks.report import report

_WARM_UP = 20
_RATE_HZ = 30.0
STAGES = ("morph", "normals", "upload", "draw", "read back", "compose", "encode", "frame")
"""frame: all but encode."""


class Stages:
    """Times functions while they do their work."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)
        """Stage -> of each frame."""
        self._now: dict[str, float] = defaultdict(float)

    def timed(self, stage: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """Return the same function, whose time is counted."""

        def counted(*arguments: Any, **named: Any) -> Any:
            start = time.perf_counter()
            try:
                return work(*arguments, **named)
            finally:
                self._now[stage] += time.perf_counter() - start

        return counted

    def end_frame(self) -> None:
        """Count what was timed since the last one as one frame."""
        for stage in STAGES:
            self.seconds[stage].append(self._now[stage])
        self._now.clear()

    def percentiles(self) -> dict[str, dict[str, float]]:
        """Milliseconds of each stage."""
        kept = {stage: 1e3 * np.array(values[_WARM_UP:]) for stage, values in self.seconds.items()}
        return {
            stage: {f"p{p}": round(float(np.percentile(values, p)), 2) for p in (50, 95)}
            for stage, values in kept.items()
        }


def watch(stages: Stages) -> None:
    """Time the renderer's own functions; call it once, before a renderer is made."""
    import_pyrender()
    from OpenGL import GL

    from avatar_bridge.preview.scene_renderer import SceneRenderer

    read = stages.timed("read back", SceneRenderer._read_main_framebuffer)

    def wait_and_read(self: Any, scene: Any, flags: int) -> Any:
        stages.timed("wait", GL.glFinish)()
        return read(self, scene, flags)

    Part.vertices = stages.timed("morph", Part.vertices)  # type: ignore[method-assign]
    Part.normals = stages.timed("normals", Part.normals)  # type: ignore[method-assign]
    OffscreenContext.upload = stages.timed("upload", OffscreenContext.upload)  # type: ignore[method-assign]
    OffscreenContext.draw = stages.timed("draw", OffscreenContext.draw)  # type: ignore[method-assign]
    SceneRenderer._read_main_framebuffer = wait_and_read  # type: ignore[method-assign]
    renderer_module._compose = stages.timed("compose", renderer_module._compose)


def measure(stages: Stages, size: int, samples: int, frames: int) -> dict[str, dict[str, float]]:
    """Draw and encode; return milliseconds by stage."""
    face = FakeFace()
    stages.seconds.clear()
    with (
        tempfile.TemporaryDirectory() as folder,
        AvatarRenderer(default_avatar(), size, size, samples) as renderer,
        VideoWriter(Path(folder) / "avatar.mp4", _RATE_HZ) as video,
    ):
        for number in range(frames + _WARM_UP):
            frame = face.frame("bench", number, 0, number / _RATE_HZ)
            picture = stages.timed("frame", renderer.render)(frame.alpha_exp, frame.euler_rad)
            stages.timed("encode", video.write)(picture, round(1e9 * number / _RATE_HZ))
            stages.end_frame()
    times = stages.percentiles()
    times["draw"] = {name: round(ms - times["read back"][name], 2) for name, ms in times["draw"].items()}
    return times


def main() -> None:
    """Parse the command line and print, or write, what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--samples", type=int, nargs="+", default=[0, 4])
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    options = parser.parse_args()
    result: dict[str, Any] = {"machine": machine(), "size_px": options.size, "frames": options.frames}
    stages = Stages()
    watch(stages)
    for samples in options.samples:
        result[f"samples_{samples}_ms"] = measure(stages, options.size, samples, options.frames)
    report(result, options.json)


if __name__ == "__main__":
    main()
