"""Tables of fits: groups, mirrored faces, the file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rdr_core.data.sample import FaceSample
from rdr_core.errors import DataError
from rdr_core.face_model.blendshape_names import MIRROR_EXPRESSION
from rdr_core.landmarks import MIRROR
from rdr_core.training.fit_faces import fit_samples
from rdr_core.training.targets import TargetTable, mirror_points


def test_mirroring_twice_changes_nothing() -> None:
    points = np.random.default_rng(0).normal(size=(3, 68, 2)).astype(np.float32)
    np.testing.assert_array_equal(mirror_points(mirror_points(points)), points)
    assert mirror_points(points)[1, 36, 0] == -points[1, 45, 0]


def test_both_ways_round(drawn_faces: Any) -> None:
    """The fit of a mirrored face is nearly the mirrored fit: the model is nearly symmetric."""
    fits = drawn_faces.fits
    assert len(fits) == 16
    for name in set(fits.names):
        (row,), (flipped,) = (np.flatnonzero((fits.names == name) & (fits.mirrored == f)) for f in (False, True))
        np.testing.assert_array_equal(fits.shape[flipped], mirror_points(fits.shape[row]))
        signs = [1, -1, -1]  # yaw and roll change their signs
        np.testing.assert_allclose(fits.euler_rad[flipped], fits.euler_rad[row] * signs, atol=0.06)
        np.testing.assert_allclose(fits.translation_px[flipped, :2], fits.translation_px[row, :2] * [-1, 1], atol=2)
        assert fits.scale_px_per_cm[flipped] == pytest.approx(fits.scale_px_per_cm[row], rel=0.03)
        np.testing.assert_allclose(fits.alpha_exp[flipped], fits.alpha_exp[row][MIRROR_EXPRESSION], atol=0.12)
        mirrored = fits.landmarks_3d[row][MIRROR] * [-1, 1, 1]
        assert np.abs(fits.landmarks_3d[flipped, :, :2] - mirrored[:, :2]).max() < 4
    assert fits.error.max() < 0.02


def test_fits_are_close_to_what_was_drawn(drawn_faces: Any) -> None:
    fits, exact = drawn_faces.fits.where(~drawn_faces.fits.mirrored), drawn_faces.exact
    assert fits.names.tolist() == exact.names.tolist()
    assert np.degrees(np.abs(fits.euler_rad - exact.euler_rad)).max() < 6
    assert np.linalg.norm(fits.landmarks_3d[..., :2] - exact.landmarks_3d[..., :2], axis=-1).mean() < 1


def test_faces_of_one_person_share_their_identity(drawn_faces: Any) -> None:
    samples = [replace(s, person=p) for s, p in zip(drawn_faces.samples[:4], ("a", "b", "a", None), strict=True)]
    counted: list[int] = []
    table = fit_samples(samples, jobs=1, progress=counted.append)
    row = {name: number for number, name in enumerate(table.names.tolist())}
    alpha = [table.alpha_id[row[sample.name]] for sample in samples]
    np.testing.assert_array_equal(alpha[0], alpha[2])
    assert np.abs(alpha[0] - alpha[1]).max() > 1e-3
    assert np.abs(alpha[3] - alpha[1]).max() > 1e-3
    assert sum(counted) == 4


def test_two_processes_give_the_same_table(drawn_faces: Any) -> None:
    table = fit_samples(drawn_faces.samples, mirror=True, jobs=2)
    np.testing.assert_array_equal(table.names, drawn_faces.fits.names)
    np.testing.assert_allclose(table.euler_rad, drawn_faces.fits.euler_rad, atol=1e-4)


def test_samples_of_the_heads_own_points(drawn_faces: Any) -> None:
    """Without a visible contour (AFLW2000-3D) the jaw is fitted at its own vertices."""
    exact = drawn_faces.exact
    samples = [
        replace(sample, shape=None, landmarks_3d=exact.landmarks_3d[row])
        for row, sample in enumerate(drawn_faces.samples[:3])
    ]
    table = fit_samples(samples, jobs=1)
    assert table.error.max() < 0.02
    np.testing.assert_array_equal(table.shape, exact.landmarks_3d[:3, :, :2])


def test_samples_without_landmarks() -> None:
    with pytest.raises(DataError, match=r"a\.jpg: has no landmarks to fit"):
        fit_samples([FaceSample("a.jpg", Path("a.jpg"))], jobs=1)


def test_table_round_trip(drawn_faces: Any, tmp_path: Path) -> None:
    path = tmp_path / "new" / "fits.npz"
    drawn_faces.fits.save(path)
    again = TargetTable.load(path)
    for name in TargetTable.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(again, name), getattr(drawn_faces.fits, name))
    assert [p.name for p in path.parent.iterdir()] == ["fits.npz"]


def test_rows_of_a_mask(drawn_faces: Any) -> None:
    some = drawn_faces.fits.where(drawn_faces.fits.mirrored)
    assert len(some) == 8
    assert some.mirrored.all()


def test_faces_within_a_limit(drawn_faces: Any) -> None:
    """A face counts both ways round; what is not a number is over every limit."""
    fits = drawn_faces.fits
    errors = np.full(16, 0.1, np.float32)
    errors[np.flatnonzero((fits.names == "3.png") & fits.mirrored)] = 0.3
    errors[np.flatnonzero((fits.names == "6.png") & ~fits.mirrored)] = np.nan
    kept = replace(fits, error=errors).within(0.1)
    assert sorted(set(kept.names)) == ["0.png", "1.png", "2.png", "4.png", "5.png", "7.png"]
    assert len(kept) == 12


def test_broken_tables(drawn_faces: Any, tmp_path: Path) -> None:
    path = tmp_path / "fits.npz"
    with pytest.raises(DataError, match="no such table of fits; make it with rdr fit"):
        TargetTable.load(path)
    drawn_faces.fits.save(path)
    whole = path.read_bytes()
    for content in (whole[:-30], whole[:100], b"", b"no table"):
        path.write_bytes(content)
        with pytest.raises(DataError, match="not a table of fits") as caught:
            TargetTable.load(path)
        assert "\n" not in str(caught.value)
    np.savez(path, names=np.array(["a"]))
    with pytest.raises(DataError, match="not a table of fits"):
        TargetTable.load(path)
