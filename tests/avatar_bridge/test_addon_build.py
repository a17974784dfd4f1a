from __future__ import annotations

import tomllib
import zipfile
from pathlib import Path

import pytest

from avatar_bridge.addon_build import PLATFORMS, PYTHONS, REQUIREMENTS, build_addon, this_platform, validate
from avatar_bridge.errors import AddonError

NEVER_RUN = Path("no tool")


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """Return a folder in which every wheel is there already, so that nothing is fetched."""
    for platform in PLATFORMS:
        folder = tmp_path / "wheels" / platform
        folder.mkdir(parents=True)
        for name in ("msgpack-1.2.4-cp311-cp311-x.whl", "msgpack-1.2.4-cp313-cp313-x.whl"):
            (folder / name).write_bytes(name.encode())
        for name in (
            "msgpack-1.2.4-cp314-cp314-x.whl",
            "pyzmq-27.3.0-cp311-cp311-x.whl",
            "pyzmq-27.3.0-cp312-abi3-x.whl",
        ):
            (folder / name).write_bytes(name.encode())
        (folder / "pyzmq-26.0.0-cp311-cp311-x.whl").write_bytes(b"an older one")
    return tmp_path / "wheels"


@pytest.fixture
def no_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work where no bpy is beside."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("no_tool")
def test_a_zip_for_each_platform(tmp_path: Path, wheels: Path) -> None:
    built = build_addon(tmp_path / "dist", PLATFORMS, wheels)
    assert [item.path.name for item in built] == [f"rdr_live-0.1.0-{name}.zip" for name in PLATFORMS]
    assert not any(item.validated for item in built)
    for item in built:
        with zipfile.ZipFile(item.path) as archive:
            names = archive.namelist()
            manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
        assert manifest["platforms"] == [item.platform]
        assert len(manifest["wheels"]) == 5
        assert {name.removeprefix("./") for name in manifest["wheels"]} == {n for n in names if n.endswith(".whl")}
        assert manifest["permissions"].keys() == {"network", "files"}
        assert {"__init__.py", "core/protocol.py", "presets/arkit.json", "LICENSE"} <= set(names)
        assert not any("__pycache__" in name for name in names)


@pytest.mark.usefixtures("no_tool")
def test_the_same_sources_make_the_same_bytes(tmp_path: Path, wheels: Path) -> None:
    zips = [build_addon(tmp_path / out, ["linux-x64"], wheels)[0].path.read_bytes() for out in ("a", "b")]
    assert zips[0] == zips[1]


def test_another_platform_is_refused(tmp_path: Path, wheels: Path) -> None:
    with pytest.raises(AddonError, match="there is no platform 'amiga': there are linux-x64"):
        build_addon(tmp_path, ["amiga"], wheels)
    assert this_platform() in PLATFORMS


def test_what_blender_would_not_take_is_not_left(tmp_path: Path, wheels: Path) -> None:
    refusing = tmp_path / "tool.py"
    refusing.write_text("raise SystemExit('the tagline is too long')", encoding="utf-8")
    with pytest.raises(AddonError, match="the tagline is too long"):
        build_addon(tmp_path / "dist", ["linux-x64"], wheels, refusing)
    assert not list((tmp_path / "dist").iterdir())
    with pytest.raises(AddonError, match="Blender would not take"):
        validate(tmp_path / "none.zip", NEVER_RUN)


def test_versions_are_exact() -> None:
    assert all("==" in requirement for requirement in REQUIREMENTS)
    assert {"3.11", "3.13"} <= set(PYTHONS)
