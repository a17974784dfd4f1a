from __future__ import annotations

import numpy as np
import pytest

from calibration.eyeballs import eyeballs_of
from rdr_core.face_model.dynamic_expression_model import default_face_model
from rdr_core.fitting.pose import Camera


def test_a_person_has_two_eyes() -> None:
    model = default_face_model()
    eyes = eyeballs_of(model, model.identity_mean)
    assert sorted(eye.side for eye in eyes) == ["L", "R"]
    for eye in eyes:
        assert 1.0 < eye.radius_cm < 1.5
        assert (eye.center_cm[0] > 0) == (eye.side == "L")


@pytest.mark.parametrize("turn_deg", [(0, 0, 0), (5, 18, 8)])
def test_a_camera_sees_the_centre_where_it_projects_it(turn_deg: tuple[float, float, float]) -> None:
    model = default_face_model()
    camera = Camera(np.radians(np.array(turn_deg, float)), np.array([320.0, 240.0]), 30.0)
    points = camera.project(model.face()[model.topology.landmarks])
    for eye in eyeballs_of(model, model.identity_mean):
        expected = camera.project(eye.center_cm[None])[0][:2]
        np.testing.assert_allclose(eye.center_px(camera, eye.lids_of(points)), expected, atol=1.0)
