"""Where the data folder is."""

from __future__ import annotations

from pathlib import Path

import pytest

from rdr_core.config import data_folder
from rdr_core.errors import ConfigError


def test_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RDR_DATA", str(tmp_path))
    assert data_folder() == tmp_path


def test_no_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RDR_DATA", str(tmp_path / "none"))
    with pytest.raises(ConfigError, match="is no folder"):
        data_folder()
    monkeypatch.delenv("RDR_DATA")
    with pytest.raises(ConfigError, match="RDR_DATA is not set"):
        data_folder()
