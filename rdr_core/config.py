"""Where the program finds things on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from rdr_core.errors import ConfigError

FACE_MODEL: Final = "RDR_FACE_MODEL"
"""Environment variable: the face model to use instead of the shipped one; child processes take it over."""


def data_folder() -> Path:
    """Return the research data folder that RDR_DATA names."""
    value = os.environ.get("RDR_DATA")
    if not value:
        raise ConfigError("RDR_DATA is not set: set it to the data folder (see docs/datasets_and_licences.md)")
    folder = Path(value).expanduser()
    if not folder.is_dir():
        raise ConfigError(f"RDR_DATA is {value!r}, which is no folder: set it to the data folder")
    return folder


def chosen_face_model() -> Path | None:
    """Return the face model file that the user chose instead of the shipped one; None: the shipped one."""
    value = os.environ.get(FACE_MODEL)
    return Path(value).expanduser() if value else None
