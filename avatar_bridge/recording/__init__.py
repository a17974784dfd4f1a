"""Takes: everything a stream said, kept in an MCAP file, and read back."""

from avatar_bridge.recording.facts import TakeFacts
from avatar_bridge.recording.live_take import LiveTake
from avatar_bridge.recording.recorder import Recorder
from avatar_bridge.recording.take import Take, TakeReport, read_take

__all__ = ["LiveTake", "Recorder", "Take", "TakeFacts", "TakeReport", "read_take"]
