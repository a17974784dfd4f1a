"""Errors of the add-on.

AddonError          base; its message is fit to be shown to a user as it is
├── WireError       a message breaks the rules of the wire
├── StreamError     an address or a key is none, or a stream cannot be connected
├── MappingError    a mapping is no mapping, or names shapes that are not there
├── TakeError       a take cannot be written or read
└── AvatarError     a file has no avatar that can be read

Each message says what is wrong, what was got, and what to do.
"""


class AddonError(Exception):
    """Base of every error that the add-on raises on purpose."""


class WireError(AddonError, ValueError):
    """A message breaks the rules of the wire: type, range, size or version."""


class StreamError(AddonError):
    """An address or a key is none, or a stream cannot be connected."""


class MappingError(AddonError):
    """A mapping is no mapping, or names shapes that are not there."""


class TakeError(AddonError):
    """A take cannot be written or read."""


class AvatarError(AddonError):
    """A file has no avatar that can be read."""
