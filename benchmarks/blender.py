"""The add-on in real Blenders: `python -m benchmarks.blender`. What a tick and a bake cost, whether memory grows.

Needs the environments of `make test-blender`. A publisher in a process of its own sends a frame for each tick; the mesh
has 11,510 vertices and 46 shape keys. Applying is from the decoded frame to the values in the scene; what Blender then
does with them, moving the vertices, is measured apart. A bake is from the file in memory to keys on curves.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
VERTICES, FRAMES, TICKS, RATE_HZ = 11_510, 1000, 10_000, 400
INSIDE = "--inside-blender"


def main() -> None:
    """Measure in every Blender that is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT / "tests" / "blender"))
    import run

    from benchmarks.machine import machine

    results: dict[str, Any] = {"machine": machine(), "vertices": VERTICES}
    for blender in run.BLENDERS:
        if problem := run.prepare(blender):
            print(f"Blender {blender.version} is left out: {problem}", file=sys.stderr)
            continue
        added = {"RDR_ADDON_ZIP": str(run.build()), "RDR_PYTHON": sys.executable}
        command = [str(blender.executable), __file__, INSIDE]
        done = subprocess.run(command, env=run.environment() | added, check=True, stdout=subprocess.PIPE, text=True)
        results[blender.version] = json.loads(done.stdout.splitlines()[-1])
        print(blender.version, json.dumps(results[blender.version], indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def inside() -> dict[str, Any]:
    """Measure in this Blender."""
    sys.path.insert(0, str(ROOT / "tests" / "blender"))
    import installed
    from publishing import PublisherProcess
    from scenes import add_character, empty_scene, face_mesh

    empty_scene()
    item = face_mesh("face", list(installed.part("core.shapes").SHAPE_NAMES), vertices=VERTICES)
    add_character(item)
    publisher = PublisherProcess()
    try:
        return {"apply": apply(publisher, item), "bake": bake(publisher, item), "memory": memory(publisher)}
    finally:
        publisher.close()


def apply(publisher: Any, item: Any) -> dict[str, Any]:
    """Return what a tick with a frame costs, ms."""
    import bpy
    import installed

    session = installed.connect(publisher)
    live = installed.part("bl.live")
    publisher.begin(f"live {RATE_HZ} {FRAMES / RATE_HZ}")
    apply_ms, evaluate_ms = [], []
    while live.stats().frames < FRAMES:
        frames = live.stats().frames
        live.tick()
        if live.stats().frames == frames:
            time.sleep(0.0002)
            continue
        apply_ms.append(session.apply_ms)
        started = time.perf_counter()
        item.evaluated_get(bpy.context.evaluated_depsgraph_get())
        evaluate_ms.append(1e3 * (time.perf_counter() - started))
    publisher.wait()
    return {"apply_ms": percentiles(apply_ms), "evaluate_ms": percentiles(evaluate_ms), "ticks": len(apply_ms)}


def bake(publisher: Any, item: Any) -> dict[str, Any]:
    """Return what baking 46 curves of 1000 keys costs, ms."""
    import tempfile

    import bpy
    import installed

    live, scene = installed.part("bl.live"), bpy.context.scene.rdr_live
    with tempfile.TemporaryDirectory() as folder:
        installed.preferences().takes_folder = folder
        scene.countdown_s = scene.pre_roll_s = 0
        bpy.ops.rdr_live.record()
        installed.tick_until(lambda: live.session().recording.state == "recording")
        before = live.stats().frames
        publisher.tell(f"send 0 {FRAMES}")
        installed.tick_until(lambda: live.stats().frames == before + FRAMES)
        bpy.ops.rdr_live.disconnect()
        take = scene.takes[0]
        (track,) = installed.part("bl.takes").tracks_of(take)
        take.anchor_ns = str(int(track.time_ns[0]))
        times_ms = []
        for _ in range(7):
            started = time.perf_counter()
            assert bpy.ops.rdr_live.bake_take() == {"FINISHED"}
            times_ms.append(1e3 * (time.perf_counter() - started))
        writing_ms = write_keys(item)
    return {"whole_ms": percentiles(times_ms), "keys_alone_ms": percentiles(writing_ms), "frames": len(track)}


def write_keys(item: Any) -> list[float]:
    """Return what writing 46 curves of 1000 keys alone costs, ms."""
    import installed

    compat = installed.part("bl.anim_compat")
    keys = item.data.shape_keys
    frames, values = np.arange(FRAMES, dtype=float), np.random.default_rng(1).uniform(0, 1, FRAMES)
    times_ms = []
    for number in range(7):
        started = time.perf_counter()
        curves = compat.Animation(f"measured {number}").curves_of(keys)
        for block in keys.key_blocks[1:]:
            curves.write(f'key_blocks["{block.name}"].value', 0, frames, values, "RDR Live")
        times_ms.append(1e3 * (time.perf_counter() - started))
    return times_ms


def memory(publisher: Any) -> dict[str, Any]:
    """Return resident memory after the first 1000 and after further ticks with frames, MB."""
    import installed

    installed.connect(publisher)
    live = installed.part("bl.live")
    publisher.begin(f"live {RATE_HZ} {(TICKS + 3000) / RATE_HZ}")
    ticks, resident = 0, {}
    while ticks < TICKS + 1000:
        frames = live.stats().frames
        live.tick()
        if live.stats().frames == frames:
            time.sleep(0.0002)
            continue
        ticks += 1
        if ticks in (1000, TICKS // 2, TICKS + 1000):
            resident[ticks] = round(resident_mb(), 1)
        if live.stats().frames >= TICKS + 2990:
            break
    resident[ticks] = round(resident_mb(), 1)
    frames = live.stats().frames
    publisher.wait()
    live.disconnect()
    return {"resident_mb": resident, "ticks": ticks, "frames": frames}


def resident_mb() -> float:
    """Return the resident memory of this process (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def percentiles(values: list[float]) -> dict[str, float]:
    """Return median and 95th percentile."""
    return {"p50": round(float(np.median(values)), 2), "p95": round(float(np.percentile(values, 95)), 2)}


if __name__ == "__main__":
    if INSIDE in sys.argv:
        print(json.dumps(inside()))
    else:
        main()
