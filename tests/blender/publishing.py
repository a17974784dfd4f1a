"""tests/blender/publisher.py in a process of its own, and how it is told what to do."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


class PublisherProcess:
    """tests/blender/publisher.py under the tracker's own Python."""

    def __init__(self, keys: Path | None = None) -> None:
        python = os.environ["RDR_PYTHON"]
        self._process = subprocess.Popen(
            [python, str(Path(__file__).with_name("publisher.py")), *([str(keys)] if keys else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.endpoint, self.control = self._process.stdout.readline().split()

    def tell(self, command: str) -> None:
        """Have something done, and wait until it is."""
        self.begin(command)
        self.wait()

    def begin(self, command: str) -> None:
        """Have something done."""
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()

    def wait(self) -> None:
        """Wait for what was begun."""
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "done\n"

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        if self._process.stdout is not None:
            self._process.stdout.close()
