"""Pictures of what goes over the wire: the avatar, overlays, a window."""
