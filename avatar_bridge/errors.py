"""Errors of avatar_bridge.

BridgeError                 base; its message is fit to be shown to a user as it is
├── CameraError             no camera, no permission, or a camera that stopped delivering
├── VideoError              a video, picture or folder cannot be read, or a video cannot be written
├── WireError               a message breaks the rules of the wire
├── StreamError             an endpoint cannot be bound or connected, or keys are missing or wrong
├── ControlError            the tracker does not answer, or refuses
├── RecordingError          a take cannot be written or read
├── MappingError            a mapping of blendshapes is not valid, or names shapes that are not there
├── ConvertError            a take cannot be turned into another format, or such a file cannot be read
├── AvatarError             the avatar cannot be drawn: no OpenGL, no display, or no usable mesh or skin
├── WebError                the page cannot be served: no three.js, or a port that is taken
└── AddonError              the Blender add-on cannot be built

Each message says what is wrong, what was got, and what to do.
"""


class BridgeError(Exception):
    """Base of every error that avatar_bridge raises on purpose."""


class CameraError(BridgeError):
    """No camera, no permission, or a camera that stopped delivering."""


class VideoError(BridgeError):
    """A video, picture or folder cannot be read, or a video cannot be written."""


class WireError(BridgeError, ValueError):
    """A message breaks the rules of the wire: type, range, size or version."""


class StreamError(BridgeError):
    """An endpoint cannot be bound or connected, or keys are missing or wrong."""


class ControlError(BridgeError):
    """The tracker does not answer, or refuses what it was asked for."""


class RecordingError(BridgeError):
    """A take cannot be written or read."""


class MappingError(BridgeError, ValueError):
    """A mapping of blendshapes is not valid, or names shapes that are not there."""


class ConvertError(BridgeError):
    """A take cannot be turned into another format, or such a file cannot be read."""


class AvatarError(BridgeError):
    """The avatar cannot be drawn: no OpenGL, no display, or no usable mesh or skin."""


class AddonError(BridgeError):
    """The Blender add-on cannot be built."""


class WebError(BridgeError):
    """The page cannot be served: no three.js, or a port that is taken."""
