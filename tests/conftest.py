"""What every test may use: the data folder, a check for headless OpenGL; one thread, repeatable random examples."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

# Before numpy, torch and OpenCV are imported: many small tests are faster on one thread, and sums are repeatable.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):
    os.environ.setdefault(_name, "1")
if sys.platform == "linux":
    os.environ.setdefault("PYOPENGL_PLATFORM", "egl")  # OpenGL without a window; read when OpenGL is imported

import pytest
from hypothesis import settings

settings.register_profile("rdr", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("rdr")

GL_HINT = "no headless OpenGL (EGL) here; on Debian or Ubuntu: apt install libegl1 libgl1 libgles2"
_GL_PROBE = "import moderngl; moderngl.create_context(standalone=True, backend='egl').release()"


@pytest.fixture(scope="session")
def rdr_data() -> Path:
    """Return the folder of faces, videos and face models that RDR_DATA names (docs/datasets_and_licences.md)."""
    value = os.environ.get("RDR_DATA")
    if not value:
        pytest.skip("RDR_DATA is not set: this test reads the data folder")
    folder = Path(value)
    if not folder.is_dir():
        pytest.skip(f"RDR_DATA is {value}, which is no folder")
    return folder


@pytest.fixture(scope="session")
def headless_gl() -> None:
    """Skip where no picture can be rendered without a display; the probe's own process keeps this one's GL state."""
    probe = subprocess.run([sys.executable, "-c", _GL_PROBE], capture_output=True, text=True, timeout=60, check=False)
    if probe.returncode != 0:
        pytest.skip(GL_HINT)
