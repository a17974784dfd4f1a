"""The built zip, installed and enabled in a real Blender with a user folder of its own; a publisher.

Everything is skipped, without a word, where there is no bpy: `make test-blender` runs it where there is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from publishing import PublisherProcess

if find_spec("bpy") is None:
    collect_ignore_glob = ["test_*.py"]
else:
    import installed
    from scenes import empty_scene


@pytest.fixture
def addon() -> Iterator[Callable[[str], Any]]:
    """Return `installed.part`, in an empty scene; the stream ends with the test."""
    empty_scene()
    installed.preferences().takes_folder = ""
    yield installed.part
    installed.part("bl.live").disconnect()


@pytest.fixture(scope="session")
def publisher_process() -> Iterator[PublisherProcess]:
    """One publisher for all tests: starting one takes a second."""
    process = PublisherProcess()
    yield process
    process.close()


@pytest.fixture
def publisher(publisher_process: PublisherProcess, request: pytest.FixtureRequest) -> PublisherProcess:
    """Return the publisher, in a session of its own."""
    name = "".join(letter for letter in request.node.name if letter.isalnum())[:40]
    publisher_process.tell(f"session {name}")
    return publisher_process
