"""The contact sheet: every expression shows, and on the side that its name says."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from avatar_bridge.cli.avatar import avatar
from avatar_bridge.errors import AvatarError
from avatar_bridge.preview.sheet import LABELS, draw_sheet
from rdr_core.types import UInt8

SIZE = 120
LABEL_PX, GAP_PX = 14, 4


def cells(sheet: UInt8, identities: int) -> dict[str, UInt8]:
    """Label -> (identities, SIZE, SIZE, 3)."""
    height, width = SIZE + LABEL_PX + GAP_PX, identities * SIZE + GAP_PX
    columns = sheet.shape[1] // width
    found = {}
    for n, label in enumerate(LABELS):
        y, x = n // columns * height + LABEL_PX, n % columns * width
        block = sheet[y : y + SIZE, x : x + identities * SIZE]
        found[label] = block.reshape(SIZE, identities, SIZE, 3).swapaxes(0, 1)
    return found


@pytest.fixture(scope="module")
def sheet(headless_gl: None) -> UInt8:
    return draw_sheet(2, SIZE)


def test_every_expression_shows_on_every_identity(sheet: UInt8) -> None:
    drawn = cells(sheet, 2)
    assert len(drawn) == 47
    neutral = drawn["Neutral"].astype(int)
    assert np.abs(neutral[0] - neutral[1]).max() > 60  # other people
    for label in LABELS[1:]:
        changed = np.abs(drawn[label].astype(int) - neutral).max(axis=(1, 2, 3))
        assert (changed > 20).all(), label


def test_left_is_the_subjects_left(sheet: UInt8) -> None:
    """And so right in the picture."""
    drawn = cells(sheet, 2)
    neutral = drawn["Neutral"].astype(int)
    for label in LABELS:
        if label.endswith(("_L", "_R")):
            changed = np.abs(drawn[label].astype(int) - neutral).sum(axis=(0, 1, 3))
            left, right = changed[: SIZE // 2].sum(), changed[SIZE // 2 :].sum()
            assert (right > 2 * left) if label.endswith("_L") else (left > 2 * right), label


def test_regions(sheet: UInt8) -> None:
    """Eyes and brows change above the nose, jaw and lips below the eyes."""
    drawn = cells(sheet, 2)
    neutral = drawn["Neutral"].astype(int)
    for label in LABELS[1:]:
        rows = np.abs(drawn[label].astype(int) - neutral).sum(axis=(0, 2, 3)).astype(float)
        middle = float((rows * np.arange(SIZE)).sum() / rows.sum()) / SIZE
        if label.startswith(("Eye", "Brow")):
            assert middle < 0.45, label
        if label.startswith(("Jaw", "Lip", "Mouth")):
            assert middle > 0.5, label


def test_eyes_close(sheet: UInt8) -> None:
    """No white of the eye is left between the lids."""
    drawn = cells(sheet, 2)

    def whites(label: str, half: slice) -> int:
        cell = drawn[label][:, SIZE // 5 : SIZE // 2, half].astype(int)
        return int(((cell.min(axis=3) > 120) & (np.ptp(cell, axis=3) < 40)).sum())

    left, right = slice(SIZE // 2, int(0.8 * SIZE)), slice(int(0.2 * SIZE), SIZE // 2)
    assert whites("Neutral", left) > 10
    assert whites("Neutral", right) > 10
    assert whites("EyeClose_L", left) <= 0.1 * whites("Neutral", left)
    assert whites("EyeClose_R", right) <= 0.1 * whites("Neutral", right)


def test_command(tmp_path: Path, headless_gl: None, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new" / "sheet.png"
    avatar(sheet=path, identities=1, size=64, yaw=-30)
    picture = cv2.imread(str(path))
    assert [p.name for p in path.parent.iterdir()] == ["sheet.png"]
    assert f"wrote {path}: {picture.shape[1]} x {picture.shape[0]} px" in capsys.readouterr().out
    assert 0.6 < picture.shape[1] / picture.shape[0] < 1.6


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sheet": Path("a.jpg")}, "must end in .png"),
        ({"identities": 0}, "1 to 12 identities"),
        ({"size": 4000}, "64 to 512 px"),
        ({"yaw": 200.0}, "-90 to 90"),
        ({"yaw": float("nan")}, "-90 to 90"),
    ],
)
def test_wrong_wishes(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    options: dict[str, object] = {"sheet": tmp_path / "s.png"} | changes
    with pytest.raises(AvatarError, match=said):
        avatar(**options)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
