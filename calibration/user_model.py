"""UserModel: everything that tracking knows of one person, in one file.

The file is an npz without pickles that also holds about.json and, where there is one, the person's skin, skin.jpg, so
that all are replaced together. Programs of before the skin leave it unread; files of before it have none.

N: vertices of the mesh.  n: vertices of the landmark subset.  I: identity dimensions.  E: expressions (46).
"""

from __future__ import annotations

import json
import os
import re
import time
import zipfile
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from calibration.errors import CalibrationError, UserModelError
from calibration.quality import QualityReport
from calibration.ranges import Ranges
from rdr_core.atomic import whole_file
from rdr_core.errors import RdrError
from rdr_core.face_model.blendshape_names import N_EXPRESSIONS
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.face_model.fingerprint import fingerprint
from rdr_core.types import Float32, UInt8

SCHEMA_VERSION: Final = 1
"""Of the file; a newer one is refused, not guessed at."""
ABOUT: Final = "about.json"
SKIN: Final = "skin.jpg"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_MAX_BYTES: Final = 256 << 20
_MAX_MEMBER_BYTES: Final = 64 << 20
_BROKEN: Final = (OSError, ValueError, KeyError, TypeError, EOFError, RecursionError, zipfile.BadZipFile, zlib.error)


def check_name(name: str) -> str:
    """Return a user's name; UserModelError where it cannot be one."""
    if not _NAME.fullmatch(name):
        raise UserModelError(f"a user's name must be 1 to 64 letters, digits, - or _, got {name!r:.80}")
    return name


@dataclass(frozen=True, eq=False, kw_only=True)
class UserModel:
    """One person's face."""

    name: str
    """1 to 64 letters, digits, - or _."""
    face_model: str
    """`fingerprint` of the face model that alpha_id belongs to."""
    alpha_id: Float32
    """(I,) identity."""
    subset_neutral: Float32
    """(n, 3) neutral face, vertices of the landmark subset, cm; slice 0 of B, Eq. (2)."""
    subset_offsets: Float32
    """(E, n, 3) offsets of the expressions from it, cm."""
    mesh_neutral: Float32
    """(N, 3) the same of the whole mesh, cm."""
    mesh_offsets: Float32
    """(E, N, 3) cm, kept as half floats."""
    ranges: Ranges
    """Rest and full strength of the coefficients."""
    quality: QualityReport
    created_unix_ns: int = field(default_factory=time.time_ns)
    """When it was calibrated, ns since the epoch."""
    skin_jpeg: bytes | None = None
    """The person's own skin on the face model's texture, a JPEG file; None: the default one is to be used."""
    iris_rgb: tuple[int, int, int] | None = None
    """Colour of the irises, sRGB, 0..255; None: not known."""

    def __post_init__(self) -> None:
        check_name(self.name)
        n_exp, n = N_EXPRESSIONS, self.subset_neutral.shape[0]
        mesh = self.mesh_neutral.shape[0]
        shapes = {
            "subset_neutral": (n, 3),
            "subset_offsets": (n_exp, n, 3),
            "mesh_neutral": (mesh, 3),
            "mesh_offsets": (n_exp, mesh, 3),
        }
        for name, expected in shapes.items():
            if getattr(self, name).shape != expected:
                raise UserModelError(f"{self.name}: {name} must be {expected}, got {getattr(self, name).shape}")
        if self.alpha_id.ndim != 1 or not all(np.isfinite(getattr(self, name)).all() for name in ("alpha_id", *shapes)):
            raise UserModelError(f"{self.name}: identity and blendshapes must be finite numbers")
        if self.iris_rgb is not None and (len(self.iris_rgb) != 3 or not all(0 <= c <= 255 for c in self.iris_rgb)):
            raise UserModelError(f"{self.name}: iris_rgb must be three numbers of 0 to 255, got {self.iris_rgb!r:.60}")

    @classmethod
    def of_identity(
        cls, name: str, model: DynamicExpressionModel, alpha_id: Float32, ranges: Ranges, quality: QualityReport
    ) -> UserModel:
        """Make the user model of an identity (I,): B by Eq. (2), once and for all."""
        alpha_id = np.asarray(alpha_id, np.float32)
        if alpha_id.shape != (model.n_identity,):
            raise UserModelError(f"{name}: alpha_id must have {model.n_identity} entries, got {alpha_id.shape}")
        neutral, offsets = model.landmark_tensor.contract_identity(alpha_id)
        mesh_neutral, mesh_offsets = model.blendshapes(alpha_id)
        return cls(
            name=name,
            face_model=fingerprint(model),
            alpha_id=alpha_id,
            subset_neutral=neutral.astype(np.float32),
            subset_offsets=offsets.astype(np.float32),
            mesh_neutral=mesh_neutral.astype(np.float32),
            mesh_offsets=mesh_offsets.astype(np.float16),
            ranges=ranges,
            quality=quality,
        )

    def check_face_model(self, model: DynamicExpressionModel) -> None:
        """UserModelError unless it was made with this face model."""
        if self.face_model != fingerprint(model):
            raise UserModelError(
                f"{self.name} was calibrated with another face model: calibrate again with rdr calibrate "
                f"--user {self.name}"
            )

    def with_skin(self, rgb: UInt8) -> UserModel:
        """Return it with a skin (s, s, 3) RGB."""
        encoded = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])[1]
        return replace(self, skin_jpeg=encoded.tobytes())

    def skin(self) -> UInt8 | None:
        """Return the skin, (s, s, 3) RGB. UserModelError where it cannot be read."""
        if self.skin_jpeg is None:
            return None
        image = cv2.imdecode(np.frombuffer(self.skin_jpeg, np.uint8), cv2.IMREAD_COLOR) if self.skin_jpeg else None
        if image is None or image.shape[0] != image.shape[1]:
            raise UserModelError(f"{self.name}: the skin in the user model is no square picture; calibrate again")
        return np.ascontiguousarray(image[..., ::-1])

    def save(self, path: Path) -> None:
        """Write the file; it appears, in place of the old one, only when it is whole and on the disk."""
        about = {
            "schema_version": SCHEMA_VERSION,
            "name": self.name,
            "created_unix_ns": self.created_unix_ns,
            "face_model": self.face_model,
            "quality": self.quality.as_dict(),
            "iris_rgb": self.iris_rgb,
        }
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        arrays |= {name: getattr(self.ranges, name) for name in _RANGES}
        with whole_file(path) as temporary:
            with temporary.open("wb") as file:
                np.savez_compressed(file, **arrays)
            with zipfile.ZipFile(temporary, "a") as archive:
                archive.writestr(ABOUT, json.dumps(about, indent=1))
                if self.skin_jpeg is not None:
                    archive.writestr(SKIN, self.skin_jpeg)
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())


_ARRAYS: Final = ("alpha_id", "subset_neutral", "subset_offsets", "mesh_neutral", "mesh_offsets")
_RANGES: Final = ("rest", "full", "by_turn")
_DTYPES: Final[dict[str, type]] = {"mesh_offsets": np.float16}


def load_user_model(path: Path) -> UserModel:
    """Read what `UserModel.save` wrote.

    Raises:
        UserModelError: it is not there, damaged, or of a newer program.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"{path.stat().st_size} bytes are too many")
        about, arrays, skin = _read(path)
        version = about["schema_version"]
        if type(version) is not int or version < 1:
            raise ValueError(f"version {version!r:.20}")
        if version > SCHEMA_VERSION:
            raise UserModelError(
                f"{path}: user model of version {version}, this program reads up to {SCHEMA_VERSION}: install a newer "
                "program, or calibrate again"
            )
        user = _from(about, arrays, skin)
        user.skin()  # a damaged one is said now, not when a stream is running
        return user
    except FileNotFoundError:
        raise UserModelError(f"{path}: no such user model; make one with rdr calibrate --user NAME") from None
    except UserModelError:
        raise
    except (*_BROKEN, CalibrationError, RdrError) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise UserModelError(
            f"{path}: not a whole user model ({reason}); delete it and calibrate again, or bring back a copy"
        ) from error


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray], bytes | None]:
    with zipfile.ZipFile(path) as archive:
        if any(member.file_size > _MAX_MEMBER_BYTES for member in archive.infolist()):
            raise ValueError("a part is too large")
        about = json.loads(archive.read(ABOUT))
        if not isinstance(about, dict):
            raise ValueError(f"{ABOUT} is no object")
        skin = archive.read(SKIN) if SKIN in archive.namelist() else None
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in (*_ARRAYS, *_RANGES) if name in archive.files}
    return about, arrays, skin


def _from(about: dict[str, Any], arrays: dict[str, np.ndarray], skin: bytes | None) -> UserModel:
    for name, values in arrays.items():
        if values.dtype != _DTYPES.get(name, np.float32):
            raise ValueError(f"{name} is {values.dtype}")
    return UserModel(
        name=str(about["name"]),
        face_model=str(about["face_model"]),
        created_unix_ns=int(about["created_unix_ns"]),
        ranges=Ranges(**{name: arrays[name] for name in _RANGES}),
        quality=QualityReport.from_dict(about["quality"]),
        skin_jpeg=skin,
        iris_rgb=_color(about.get("iris_rgb")),
        **{name: arrays[name] for name in _ARRAYS},
    )


def _color(values: Any) -> tuple[int, int, int] | None:
    if values is None:
        return None
    red, green, blue = map(int, values)
    return red, green, blue
