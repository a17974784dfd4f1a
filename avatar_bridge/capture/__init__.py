"""Where pictures come from: a camera, a video file, a folder of pictures."""

from avatar_bridge.capture.camera import CameraSource
from avatar_bridge.capture.frames import CapturedFrame, FrameSource
from avatar_bridge.capture.images import ImageFolderSource
from avatar_bridge.capture.open_source import open_source
from avatar_bridge.capture.video import VideoSource

__all__ = ["CameraSource", "CapturedFrame", "FrameSource", "ImageFolderSource", "VideoSource", "open_source"]
