"""People who talk and move their heads, from the data folder, through the whole pipeline."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from avatar_bridge.capture import open_source
from avatar_bridge.pipeline import track_pictures
from avatar_bridge.run_statistics import RunStatistics
from avatar_bridge.smoothing import FaceSmoother
from rdr_core.inference.detector import FaceDetector
from rdr_core.inference.tracker import FaceTracker
from rdr_core.inference.weights import load_predictor

FRAMES = 150


@pytest.mark.parametrize("name", ["grid/bbaf2n.mpg", "liveportrait/d9.mp4"])
def test_a_face_is_followed_to_the_end(rdr_data: Path, name: str) -> None:
    path = rdr_data / "videos" / name
    if not path.is_file():
        pytest.skip(f"{name} is not in the data folder")
    tracker = FaceTracker(load_predictor("live"), FaceDetector())
    statistics, ids, seen = RunStatistics(), set(), []
    with open_source(path) as video:
        for picture in track_pictures(islice(iter(video), FRAMES), tracker, FaceSmoother(), "clip"):
            statistics.add(picture)
            ids |= {face.face_id for face in picture.faces}
            seen += picture.frames
            for frame in picture.frames:
                width, height = frame.source_size_px
                assert (frame.landmarks_px > -0.1 * height).all()
                assert (frame.landmarks_px < np.array([1.1 * width, 1.1 * height])).all()
    numbers = statistics.summary()
    assert numbers["pictures"] >= 70
    assert numbers["found_percent"] >= 98
    assert ids == {0}  # never lost and found as another
    assert tracker.statistics.detections_run <= 1 + 0.02 * numbers["pictures"]
    mouth = [frame.landmarks_px[66, 1] - frame.landmarks_px[62, 1] for frame in seen]
    assert np.std(mouth) > 0.2  # px: they speak
