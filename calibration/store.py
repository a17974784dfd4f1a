"""The user models of this machine's user: one file each, FOLDER/NAME.npz."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from calibration.errors import UserModelError
from calibration.user_model import UserModel, check_name, load_user_model

SUFFIX: Final = ".npz"


def default_folder() -> Path:
    """Return where user models are; RDR_USERS overrides it."""
    given = os.environ.get("RDR_USERS")
    if given:
        return Path(given).expanduser()
    import platformdirs

    return platformdirs.user_data_path("rdr-live") / "users"


class UserStore:
    """The user models in a folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or default_folder()

    def path(self, name: str) -> Path:
        """Return where a user's model is, or would be. UserModelError where that is no name."""
        return self.folder / f"{check_name(name)}{SUFFIX}"

    def names(self) -> list[str]:
        """Return the users there are."""
        return sorted(path.stem for path in self.folder.glob(f"[!.]*{SUFFIX}"))

    def load(self, name: str) -> UserModel:
        """Read a user's model. UserModelError: no such user, or the file is damaged or newer than the program."""
        path = self.path(name)
        if not path.exists():
            raise self._missing(name)
        return load_user_model(path)

    def read(self, name: str) -> bytes:
        """Return a user's file as it is. UserModelError where there is none of that name."""
        try:
            return self.path(name).read_bytes()
        except FileNotFoundError:
            raise self._missing(name) from None

    def save(self, user: UserModel) -> Path:
        """Put a model in the place of the one of its name; whatever happens meanwhile, one of both is whole."""
        path = self.path(user.name)
        user.save(path)
        return path

    def delete(self, name: str) -> None:
        """Forget a user. UserModelError where there is none of that name."""
        path = self.path(name)
        if not path.exists():
            raise self._missing(name)
        path.unlink()

    def _missing(self, name: str) -> UserModelError:
        there = ", ".join(self.names()) or "none yet"
        return UserModelError(f"no user {name}; there are: {there}. rdr calibrate --user {name} makes one")
