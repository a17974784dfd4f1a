"""A person made up in FaceWarehouse's format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from blender_addon.core.errors import AvatarError
from blender_addon.core.person import read_person

N = 120


def write_person(folder: Path, count: int = 46, vertices: int = N) -> tuple[Path, np.ndarray]:
    """Write shape.bs and shape_0.obj; return the former, and its positions."""
    shapes = np.random.default_rng(3).normal(0, 0.4, (count + 1, vertices, 3)).astype("<f4")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "shape.bs"
    path.write_bytes(np.array([count, vertices, 30], "<i4").tobytes() + shapes.tobytes() + b"what follows")
    lines = ["# made up", *("v {} {} {}".format(*place) for place in shapes[0].tolist()), "vt 0 0"]
    (folder / "shape_0.obj").write_text("\n".join([*lines, "f 1/1 2/1 3/1 4/1", "f 5 6 7", ""]), encoding="ascii")
    return path, shapes


def test_shapes_and_polygons(tmp_path: Path) -> None:
    path, shapes = write_person(tmp_path / "Tester_1" / "Blendshape")
    for chosen in (path, path.parent, path.parent.parent):
        person = read_person(chosen)
        np.testing.assert_array_equal(person.shapes, shapes)
        assert person.polygons == [(0, 1, 2, 3), (4, 5, 6)]
    assert person.height == pytest.approx(float(np.ptp(shapes[0, :, 1])))


def test_what_is_no_person_is_said(tmp_path: Path) -> None:
    with pytest.raises(AvatarError, match=r"choose a shape\.bs of FaceWarehouse"):
        read_person(tmp_path / "none.bs")
    path, _ = write_person(tmp_path / "few", count=45)
    with pytest.raises(AvatarError, match="it counts 45 shapes, 120 vertices, 30 polygons; expected 46"):
        read_person(path)
    path, _ = write_person(tmp_path / "short")
    whole = path.read_bytes()
    for length in (5, 300, len(whole) - 40):
        path.write_bytes(whole[:length])
        with pytest.raises(AvatarError, match=f"truncated: it has {length} bytes"):
            read_person(path)
    path.write_bytes(whole[:12] + np.full(47 * N * 3, np.nan, "<f4").tobytes())
    with pytest.raises(AvatarError, match="not finite"):
        read_person(path)


@pytest.mark.parametrize("line", ["f 1 2 121", "f 1 2", "f 1 1 2", "f 1 2 3 4 5", "f a b c", "f 0 1 2"])
def test_a_damaged_polygon(tmp_path: Path, line: str) -> None:
    path, _ = write_person(tmp_path)
    mesh = path.with_name("shape_0.obj")
    mesh.write_text(mesh.read_text(encoding="ascii") + line + "\n", encoding="ascii")
    with pytest.raises(AvatarError, match=r"shape_0.obj, line 125: expected 3 or 4 corners from 1 to 120"):
        read_person(path)
    mesh.write_text("v 0 0 0\nf 1 1 1\n", encoding="ascii")
    with pytest.raises(AvatarError, match=r"has 1 vertices, shape\.bs beside it 120"):
        read_person(path)
    mesh.unlink()
    with pytest.raises(AvatarError, match="has the polygons"):
        read_person(path)
