from __future__ import annotations

from pathlib import Path

import pytest

from avatar_bridge.cli import status
from avatar_bridge.cli.several import share_of


def test_each_source_has_ports_and_files_of_its_own() -> None:
    given = {
        "sources": ("front=0", "left=1"),
        "endpoint": "tcp://127.0.0.1:5570",
        "control": None,
        "record": Path("out/take.mcap"),
        "overlay": None,
        "takes": Path("takes"),
        "smoothing": "strong",
    }
    assert share_of(given, 0, "front", "0") == given | {
        "sources": ("front=0",),
        "record": Path("out/take_front.mcap"),
        "takes": Path("takes/front"),
    }
    assert share_of(given | {"control": "tcp://127.0.0.1:6000"}, 1, "left", "1") == given | {
        "sources": ("left=1",),
        "endpoint": "tcp://127.0.0.1:5572",
        "control": "tcp://127.0.0.1:6002",
        "record": Path("out/take_left.mcap"),
        "takes": Path("takes/left"),
    }


def test_status_may_be_shown_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(status, "_elsewhere", None)
    status.show_status_elsewhere(said.append)
    with status.status_line(None) as show:
        show(1, "30 fps")
        show(0, "31 fps")
    assert said == ["30 fps", "31 fps"]
