"""`rdr`: the commands of the bridge and of rdr_core under one name."""

from avatar_bridge.cli.main import main

__all__ = ["main"]
