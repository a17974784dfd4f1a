"""Writes a .blend with a rig that Rigify has generated: `python rigify_rig.py FILE`.

In a process of its own, which ends at once: once Rigify was enabled, disabled or not, bpy 4.2 crashes when it ends.
"""

from __future__ import annotations

import os
import sys

import bpy

bpy.ops.preferences.addon_enable(module="rigify")
bpy.ops.object.armature_human_metarig_add()
metarig = bpy.context.object
bpy.ops.pose.rigify_generate()
bpy.data.libraries.write(sys.argv[1], {metarig.data.rigify_target_rig})
os._exit(0)
