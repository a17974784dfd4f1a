from __future__ import annotations

from pathlib import Path

import pytest

from avatar_bridge.cli import main


def test_from_new_to_revoked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = ["--folder", str(tmp_path)]
    assert main(["keys", *folder]) == 1
    assert "rdr keys new" in capsys.readouterr().err
    assert main(["keys", "new", *folder]) == 0
    public = capsys.readouterr().out.split()[2]
    assert main(["keys", "allow", "laptop", public, *folder]) == 0
    capsys.readouterr()
    assert main(["keys", *folder]) == 0
    assert f"may connect: laptop  {public}" in capsys.readouterr().out
    assert main(["keys", "revoke", "laptop", *folder]) == 0
    assert main(["keys", "revoke", *folder]) == 1
    assert "needs NAME" in capsys.readouterr().err
