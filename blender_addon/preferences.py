"""What belongs to the user and not to a file: address, keys, where takes are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
from bpy.props import IntProperty, StringProperty

from .core.address import DEFAULT_ADDRESS, DEFAULT_CONTROL_ADDRESS, CurveKeys, parse_public_key, read_own_keys
from .core.errors import StreamError


class LivePreferences(bpy.types.AddonPreferences):
    """Preferences of the add-on."""

    bl_idname = __package__

    address: StringProperty(name="Address", description="Where the tracker publishes", default=DEFAULT_ADDRESS)
    control_address: StringProperty(
        name="Control", description="Where the tracker takes commands", default=DEFAULT_CONTROL_ADDRESS
    )
    server_key: StringProperty(
        name="Tracker's key",
        description="Public key of an encrypted stream, as rdr keys shows it; empty: not encrypted",
    )
    key_file: StringProperty(
        name="Own key file", description="own.key_secret, which rdr keys new makes on this machine", subtype="FILE_PATH"
    )
    takes_folder: StringProperty(
        name="Takes", description="Where takes are kept; empty: beside the .blend file", subtype="DIR_PATH"
    )
    rate_hz: IntProperty(
        name="Updates a second", description="How often the newest frame is taken", default=60, min=5, max=240
    )

    def draw(self, context: Any) -> None:
        """Draw the preferences."""
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "address")
        layout.prop(self, "control_address")
        box = layout.box()
        box.label(text="Streams from another machine are encrypted:", icon="LOCKED")
        box.prop(self, "server_key")
        box.prop(self, "key_file")
        layout.prop(self, "takes_folder")
        layout.prop(self, "rate_hz")


class _Defaults:
    """Stands in where the add-on is imported but not enabled as one, as in tests."""

    address, control_address, rate_hz = DEFAULT_ADDRESS, DEFAULT_CONTROL_ADDRESS, 60
    server_key = key_file = takes_folder = ""


_defaults = _Defaults()


def preferences() -> Any:
    """Return the user's preferences."""
    addon = bpy.context.preferences.addons.get(__package__)
    return addon.preferences if addon is not None and addon.preferences is not None else _defaults


def curve_keys() -> CurveKeys | None:
    """Return the keys of an encrypted stream; None: not encrypted. Raises StreamError."""
    chosen = preferences()
    if not chosen.server_key.strip():
        return None
    if not chosen.key_file:
        raise StreamError("an encrypted stream needs an own key file, too: rdr keys new makes one; see the preferences")
    public, secret = read_own_keys(Path(bpy.path.abspath(chosen.key_file)))
    return CurveKeys(public, secret, parse_public_key(chosen.server_key))


def takes_folder() -> Path:
    """Return where takes are kept."""
    chosen = preferences().takes_folder
    if chosen:
        return Path(bpy.path.abspath(chosen))
    if bpy.data.filepath:
        return Path(bpy.path.abspath("//")) / "takes"
    try:
        return Path(bpy.utils.extension_path_user(__package__, path="takes", create=True))
    except ValueError:  # imported as a plain package
        return Path(bpy.app.tempdir) / "takes"
