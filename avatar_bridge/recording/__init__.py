"""Takes: everything a stream said, kept in an MCAP file, and read back."""

from avatar_bridge.recording.recorder import Recorder
from avatar_bridge.recording.take import Take, TakeReport, read_take

__all__ = ["Recorder", "Take", "TakeReport", "read_take"]
