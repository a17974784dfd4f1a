"""The user whose face is tracked, or anybody."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from avatar_bridge.errors import BridgeError
from calibration.store import UserStore
from rdr_core.inference.tracker import Predictor

if TYPE_CHECKING:
    from avatar_bridge.avatar import Avatar
    from calibration.user_model import UserModel
    from rdr_core.face_model.eyes import Rgb

logger = logging.getLogger(__name__)

_IRIS_SHADES: Final = (1.2, 0.75)
"""Of an iris about the pupil and at its rim, over its usual colour."""


Gaze = Literal["network", "picture"]
"""Who reads gaze without a user: the network of the whole face, or the eye network from the picture."""


def of_user(
    predictor: Predictor, user: str | None, max_faces: int = 1, online: bool = False, gaze: Gaze = "network"
) -> Predictor:
    """Return the network with a user's face taken for known, gaze read by the eye network; without a user the
    network, with gaze as told. `online`: refine the face meanwhile.

    Raises:
        BridgeError: several faces cannot all be this user's.
        UserModelError: no such user, or their model cannot be used.
    """
    from rdr_core.inference.eyes import EyePredictor

    if user is None:
        if online:
            raise BridgeError("--online refines a user's face: say whose with --user")
        return EyePredictor(predictor) if gaze == "picture" else predictor
    if max_faces != 1:
        raise BridgeError(
            f"--user {user} is one person, but {max_faces} faces would be followed: leave out --max-faces"
        )
    from calibration.online import OnlineIdentity
    from calibration.tracking import UserFace, UserPredictor
    from rdr_core.face_model.dynamic_expression_model import default_face_model

    model, known = default_face_model(), UserStore().load(user)
    eyes = EyePredictor(predictor)
    return UserPredictor(eyes, UserFace(known, model), OnlineIdentity(known, model) if online else None)


def network_of_user(user: str | None, preset: str, weights: Path | None, adapted: bool = False) -> Path | None:
    """Return the network that was adapted to a user where there is one to be used, else `weights`.

    One that was made of another calibration or from another network is left alone, and why is logged.
    """
    if user is None or not adapted or preset != "live":
        return weights
    from calibration.adapted import find_adapted
    from rdr_core.inference.weights import find_network, network_sha256

    store = UserStore()
    found = find_adapted(store, user)
    if found is None:
        return weights
    problem = found.problem(store, user, network_sha256(find_network(preset, weights)))
    if problem:
        logger.warning("%s's adapted network is not used: %s", user, problem)
        return weights
    return found.network


def save_refined(predictor: Predictor) -> Path | None:
    """Save what `online` has learned, in the place of the user's model; None where there is nothing new."""
    online = getattr(predictor, "online", None)
    return UserStore().save(online.whole()) if online is not None and online.steps else None


def user_sha256(user: str) -> str:
    """Return the SHA-256, as hexadecimal text, of a user's model. UserModelError: no such user."""
    return hashlib.sha256(UserStore().read(user)).hexdigest()


def user_avatar(user: UserModel) -> Avatar:
    """Return the avatar with a user's face, and with their skin and eyes where they are known.

    UserModelError where it is of another face model.
    """
    from avatar_bridge.avatar import Avatar, load_skin
    from rdr_core.face_model.dynamic_expression_model import default_face_model
    from rdr_core.face_model.eyes import eye_texture

    user.check_face_model(default_face_model())
    skin = user.skin()
    avatar = Avatar.of_model(default_face_model(), load_skin() if skin is None else skin, user.alpha_id)
    if user.iris_rgb is None:
        return avatar
    inner, outer = (_shade(user.iris_rgb, shade) for shade in _IRIS_SHADES)
    eyes = eye_texture(inner, outer)
    return Avatar(tuple(part if part.gaze is None else replace(part, texture=eyes) for part in avatar.parts))


def _shade(rgb: Rgb, shade: float) -> Rgb:
    red, green, blue = (min(255, round(shade * channel)) for channel in rgb)
    return red, green, blue
