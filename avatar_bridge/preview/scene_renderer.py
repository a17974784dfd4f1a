"""pyrender's renderer with a choice of samples, shaders of our own, and colour read back alone.

Import only after `import_pyrender`: it chooses the OpenGL platform.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from OpenGL import GL
from pyrender.renderer import Renderer
from pyrender.shader_program import ShaderProgramCache

from rdr_core.types import UInt8


class SceneRenderer(Renderer):
    """Needs a current context."""

    def __init__(self, width: int, height: int, samples: int, shader_folder: str) -> None:
        super().__init__(width, height)
        self._samples = samples
        self._program_cache = ShaderProgramCache(shader_dir=shader_folder)

    def _configure_main_framebuffer(self) -> None:
        """Make the framebuffers as pyrender does, then give the drawn one our number of samples."""
        is_new = self._main_fb is None
        super()._configure_main_framebuffer()
        if is_new and self._samples != 4:
            for buffer, kind in ((self._main_cb_ms, GL.GL_RGBA), (self._main_db_ms, GL.GL_DEPTH_COMPONENT24)):
                GL.glBindRenderbuffer(GL.GL_RENDERBUFFER, buffer)
                GL.glRenderbufferStorageMultisample(
                    GL.GL_RENDERBUFFER, self._samples, kind, self.viewport_width, self.viewport_height
                )

    def _read_main_framebuffer(self, scene: Any, flags: int) -> UInt8:
        """(H, W, 4) BGRA. pyrender would read the depth, too, and convert it."""
        width, height = self._main_fb_dims
        GL.glBindFramebuffer(GL.GL_READ_FRAMEBUFFER, self._main_fb_ms)
        GL.glBindFramebuffer(GL.GL_DRAW_FRAMEBUFFER, self._main_fb)
        GL.glBlitFramebuffer(0, 0, width, height, 0, 0, width, height, GL.GL_COLOR_BUFFER_BIT, GL.GL_NEAREST)
        GL.glBindFramebuffer(GL.GL_READ_FRAMEBUFFER, self._main_fb)
        pixels = GL.glReadPixels(0, 0, width, height, GL.GL_BGRA, GL.GL_UNSIGNED_BYTE)
        return np.frombuffer(pixels, np.uint8).reshape(height, width, 4)[::-1]
