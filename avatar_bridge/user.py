"""The user whose face is tracked."""

from __future__ import annotations

from avatar_bridge.errors import BridgeError
from calibration.store import UserStore
from rdr_core.inference.tracker import Predictor


def of_user(predictor: Predictor, user: str | None, max_faces: int = 1) -> Predictor:
    """Return the network with a user's face taken for known; as it is without a user.

    Raises:
        BridgeError: several faces cannot all be this user's.
        UserModelError: no such user, or their model cannot be used.
    """
    if user is None:
        return predictor
    if max_faces != 1:
        raise BridgeError(
            f"--user {user} is one person, but {max_faces} faces would be followed: leave out --max-faces"
        )
    from calibration.tracking import UserFace, UserPredictor
    from rdr_core.face_model.dynamic_expression_model import default_face_model

    return UserPredictor(predictor, UserFace(UserStore().load(user), default_face_model()))
