"""Visible contour on parallel lines: the intersection rule of Sec. 4.5.

Along a line that runs outward over the cheek, the occluding contour is where the surface turns away from the viewer,
i.e. where the projected patch folds: the cross product of its two projected tangents changes sign. This is the sign of
normal . view, read off the projected points alone, so that it holds for the face as it is (identity, expression,
pose) and cannot depend on roll.
"""

from __future__ import annotations

import numpy as np

from rdr_core.geometry.backend import Array, namespace, take, take_along

_REACH = 3  # vertices to either side for the tangent along a line: lines zigzag by less than that


def facing(points: Array) -> Array:
    """How far each line vertex faces the viewer, (..., 17, m, 2) image points -> (..., 17, m), positive where it does.

    Lines run outward and are ordered from the subject's right ear over the chin to the left ear; image y is down.
    """
    n_lines, length = points.shape[-3], points.shape[-2]
    steps, lines = np.arange(length), np.arange(n_lines)
    ahead, behind = np.minimum(steps + _REACH, length - 1), np.maximum(steps - _REACH, 0)
    along = take(points, ahead, -2) - take(points, behind, -2)
    below, above = np.minimum(lines + 1, n_lines - 1), np.maximum(lines - 1, 0)
    across = take(points, below, -3) - take(points, above, -3)
    return along[..., 1] * across[..., 0] - along[..., 0] * across[..., 1]


def contour_on_lines(points: Array) -> tuple[Array, Array]:
    """Where each line crosses the visible contour.

    Args:
        points: (..., 17, m, 2) projected line vertices, ordered outward.

    Returns:
        step (..., 17) int and weight (..., 17) in [0, 1]: the contour lies at (1 - weight) points[step] +
        weight points[step + 1]. A line that never turns away ends at its last vertex; one that starts turned away stays
        at its first, unless more of it faces the viewer after that than is turned away before: beside the eye the
        surface of a head that looks down dips before the cheek begins. (On the far side of a head in profile short
        false patches under the jaw face the viewer, too.)
    """
    xp = namespace(points)
    front = facing(points)
    length = points.shape[-2]
    seen = front > 0
    after = (seen * 1).cumsum(-1) > 0
    start = (seen * 1).argmax(-1)
    ended = after & ~seen
    end = xp.where(ended.any(-1), (ended * 1).argmax(-1), length)
    skip = seen.any(-1) & (end - start >= start)
    hidden = ~seen & (after | ~skip[..., None])
    first = (hidden * 1).argmax(-1)  # 0 where none is hidden, too
    never = ~hidden.any(-1)
    step = xp.clip(xp.where(never, length - 1, first) - 1, 0, length - 2)
    before, after = (take_along(front, (step + k)[..., None], -1)[..., 0] for k in (0, 1))
    crossing = before / xp.where(before - after == 0, xp.ones_like(before), before - after)
    weight = xp.where(never, xp.ones_like(crossing), xp.where(first == 0, xp.zeros_like(crossing), crossing))
    return step, xp.clip(weight, 0.0, 1.0)
