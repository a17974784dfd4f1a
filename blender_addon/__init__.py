"""RDR Live in Blender: face frames from the stream to shape keys, head pose, takes and keys.

core/ knows no Blender; bl/ is what touches its data, operators/ and panels/ are buttons and where they are.
"""

from __future__ import annotations


def register() -> None:
    """Register everything; Blender calls this when the add-on is enabled."""
    import bpy

    from . import operators, panels, preferences, properties
    from .bl import handlers

    bpy.utils.register_class(preferences.LivePreferences)
    properties.register()
    operators.register()
    panels.register()
    handlers.register()


def unregister() -> None:
    """Stop the stream and undo `register`."""
    import bpy

    from . import operators, panels, preferences, properties
    from .bl import handlers

    handlers.unregister()
    panels.unregister()
    operators.unregister()
    properties.unregister()
    bpy.utils.unregister_class(preferences.LivePreferences)
