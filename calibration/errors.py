"""Errors of calibration.

CalibrationError            base, an RdrError: its message is fit to be shown to a user as it is
├── UserModelError          a user model is missing, damaged, newer than the program, or of another face model
├── SessionError            a calibration cannot be finished: too little of the face was seen
└── AdaptationError         a network cannot be adapted to a user, or the adapted one cannot be used

Each message says what is wrong, what was got, and what to do.
"""

from rdr_core.errors import RdrError


class CalibrationError(RdrError):
    """Base of every error that calibration raises on purpose."""


class UserModelError(CalibrationError):
    """A user model is missing, damaged, newer than the program, or of another face model."""


class SessionError(CalibrationError):
    """A calibration cannot be finished: too little of the face was seen."""


class AdaptationError(CalibrationError):
    """A network cannot be adapted to a user, or the adapted one cannot be used."""
