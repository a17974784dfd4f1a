"""An OpenGL context without a window, and pyrender in it."""

from __future__ import annotations

import os
import sys
import threading
from importlib.resources import files
from typing import Any, Final

import numpy as np

from avatar_bridge.errors import AvatarError
from rdr_core.types import Float32, UInt8

NEED_OPENGL: Final = (
    "no OpenGL to draw with ({reason}); on Debian or Ubuntu install libegl1 libgl1 libgles2 "
    "(sudo apt install libegl1 libgl1 libgles2)"
)


def import_pyrender() -> Any:
    """Import pyrender for drawing off screen; AvatarError where it is not installed or finds no OpenGL."""
    if sys.platform == "linux" and "OpenGL" not in sys.modules:
        os.environ.setdefault("PYOPENGL_PLATFORM", "egl")  # with a display, too: off screen is off screen
    vars(np).setdefault("infty", np.inf)  # pyrender 0.1.45 was written for numpy 1
    try:
        import pyrender
    except ModuleNotFoundError as error:
        raise AvatarError(f"the preview needs {error.name}: pip install 'rdr-live[preview]'") from error
    except Exception as error:  # PyOpenGL raises AttributeError, ImportError or OSError where a library is missing
        raise AvatarError(NEED_OPENGL.format(reason=_first_line(error))) from error
    return pyrender


class OffscreenContext:
    """Draws pyrender scenes into memory. Use it from the thread that made it, and close it."""

    def __init__(self, width: int, height: int, samples: int) -> None:
        """Open a context; samples: 0 (no anti-aliasing), 2, 4 or 8. AvatarError where there is no OpenGL."""
        pyrender = import_pyrender()
        try:
            self._offscreen = pyrender.OffscreenRenderer(width, height)
            from avatar_bridge.preview.scene_renderer import SceneRenderer

            shaders = files("avatar_bridge") / "preview" / "shaders"
            self._offscreen._renderer = SceneRenderer(width, height, samples, str(shaders))
        except Exception as error:  # EGL, OSMesa and pyglet each have their own kinds
            raise AvatarError(NEED_OPENGL.format(reason=_first_line(error))) from error
        # FLAT: pyrender binds no lights and takes flat.vert and flat.frag, which are ours and do the lighting
        self._flags = pyrender.RenderFlags.FLAT | pyrender.RenderFlags.OFFSCREEN
        self._wire = pyrender.RenderFlags.ALL_WIREFRAME
        self.wireframe = False
        """Edges alone."""
        self._thread = threading.get_ident()

    def draw(self, scene: Any) -> UInt8:
        """Draw a scene: (H, W, 4) BGRA, colour premultiplied by alpha."""
        self._enter()
        return self._offscreen._renderer.render(scene, self._flags | (self._wire if self.wireframe else 0))

    def upload(self, primitive: Any, buffer: Float32) -> None:
        """Overwrite a primitive's interleaved vertex buffer; does nothing before it was drawn for the first time."""
        from OpenGL.GL import GL_ARRAY_BUFFER, glBindBuffer, glBufferSubData

        self._enter()
        if primitive._vaid is not None:
            glBindBuffer(GL_ARRAY_BUFFER, primitive._buffers[0])
            glBufferSubData(GL_ARRAY_BUFFER, 0, buffer.nbytes, buffer)
            glBindBuffer(GL_ARRAY_BUFFER, 0)

    def close(self) -> None:
        """Free everything; may be called twice."""
        if self._offscreen is None:
            return
        self._enter()
        offscreen, self._offscreen = self._offscreen, None
        platform = offscreen._platform
        if hasattr(platform, "_egl_context"):  # pyrender's way ends the display, and with it every other context on it
            from OpenGL.EGL import EGL_NO_CONTEXT, EGL_NO_SURFACE, eglDestroyContext, eglMakeCurrent

            offscreen._renderer.delete()
            eglMakeCurrent(platform._egl_display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT)
            eglDestroyContext(platform._egl_display, platform._egl_context)
            platform._egl_context = platform._egl_display = None
            offscreen._renderer = offscreen._platform = None
        else:
            offscreen.delete()

    def _enter(self) -> None:
        if self._offscreen is None:
            raise AvatarError("this renderer is closed; make a new one")
        if threading.get_ident() != self._thread:
            raise AvatarError("a renderer must be used from the thread that made it")
        self._offscreen._platform.make_current()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120] or type(error).__name__
