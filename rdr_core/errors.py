"""Errors of rdr_core.

RdrError                    base; its message is fit to be shown to a user as it is
├── AssetError              a face model, weights or image file is missing, truncated or of another format
├── ConfigError             an option is out of range or contradicts another
├── DataError               a manifest, dataset or picture cannot be read or holds unusable values
└── NoFaceError             no face was found where one is needed

Each message says what is wrong, what was got, and what to do.
"""


class RdrError(Exception):
    """Base of every error that rdr_core raises on purpose."""


class AssetError(RdrError):
    """A file that the program reads is missing, truncated or of another format."""


class ConfigError(RdrError, ValueError):
    """An option is out of range or contradicts another."""


class DataError(RdrError):
    """A manifest, dataset or picture cannot be read or holds unusable values."""


class NoFaceError(RdrError):
    """No face was found where one is needed."""
