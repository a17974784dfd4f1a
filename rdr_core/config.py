"""Where the program finds things on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from rdr_core.errors import ConfigError


def data_folder() -> Path:
    """Return the research data folder that RDR_DATA names."""
    value = os.environ.get("RDR_DATA")
    if not value:
        raise ConfigError("RDR_DATA is not set: set it to the data folder (see docs/datasets_and_licences.md)")
    folder = Path(value).expanduser()
    if not folder.is_dir():
        raise ConfigError(f"RDR_DATA is {value!r}, which is no folder: set it to the data folder")
    return folder
