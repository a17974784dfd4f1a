"""three.js and a browser, or why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from avatar_bridge.errors import WebError
from avatar_bridge.web.three import three_folder

from .browser import find_browser


@pytest.fixture(scope="session")
def three() -> Path:
    try:
        return three_folder()
    except WebError as error:
        pytest.skip(f"no three.js: {error}")


@pytest.fixture(scope="session")
def browser() -> str:
    found = find_browser()
    if found is None:
        pytest.skip("no Chromium here: apt install chromium")
    return found
