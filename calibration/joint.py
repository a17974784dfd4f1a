"""One Gauss-Newton step on everything that frames of a person share and on everything that is each frame's own.

Fitting identity, pose and expression in turn creeps where they look alike (a long face, an open jaw, a lifted chin):
each gives way to the others by a little. Taken together they do not. A frame's own unknowns are eliminated (Schur
complement), so that the work grows with the frames, not with their cube.

G: frames.  I: identity dimensions.  E: expressions.  S: shared unknowns.  m: coordinates of a frame's landmarks (136).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from rdr_core.fitting.pose import Camera
from rdr_core.geometry.rotation import euler_from_matrix
from rdr_core.types import Float32

N_POSE: Final = 6
"""Rotation vector (rad), place (cm), logarithm of the size."""
_RIDGE: Final = 1e-6
_MOST_TURN_RAD: Final = 0.3
"""Of one step: beyond it the linear picture of a rotation is wrong."""


@dataclass(frozen=True, eq=False)
class FrameEquations:
    """What one frame says: rows (m, ...) and residual (m,), in standard deviations of the landmarks' noise."""

    pose: Float32
    """(m, 6)."""
    expression: Float32
    """(m, E)."""
    shared: Float32
    """(m, S)."""
    residual: Float32
    """(m,) seen minus projected."""
    alpha_exp: Float32
    """(E,) where the step begins."""
    weight: float
    """How much the frame counts, 0..1."""


@dataclass(frozen=True, eq=False)
class JointStep:
    """By how much everything moves."""

    shared: Float32
    """(S,)."""
    pose: Float32
    """(G, 6)."""
    alpha_exp: Float32
    """(G, E) where it ends, in [0, 1]."""


def pose_rows(camera: Camera, landmarks_cm: Float32) -> Float32:
    """(68, 3) landmarks -> (68, 2, 6): what a turn, a shift and a growth move them by in the image, cm, y down."""
    x, y, z = (landmarks_cm @ camera.rotation.T).T
    nothing, one = np.zeros_like(x), np.ones_like(x)
    across = np.stack([nothing, z, -y, one, nothing, x], axis=1)
    down = np.stack([z, nothing, -x, nothing, one, -y], axis=1)
    return np.stack([across, down], axis=1)


def moved(camera: Camera, step: Float32) -> Camera:
    """Return a camera after a step (6,)."""
    turn = step[:3] * min(1.0, _MOST_TURN_RAD / max(float(np.linalg.norm(step[:3])), 1e-9))
    growth = float(np.clip(step[5], -0.3, 0.3))
    return Camera(
        euler_from_matrix(_rotation(turn) @ camera.rotation),
        camera.translation_px + camera.scale_px_per_cm * step[3:5],
        camera.scale_px_per_cm * float(np.exp(growth)),
    )


def solve_together(
    frames: list[FrameEquations], exp_mean: Float32, exp_weight: Float32, prior: Float32, toward: Float32
) -> JointStep:
    """Take the step.

    Args:
        frames: of one person.
        exp_mean: (G, E) the expressions' prior.
        exp_weight: (E,) how strong it is, 1 / variance.
        prior: (S,) the shared unknowns' prior, 1 / variance.
        toward: (S,) where that pulls from here.
    """
    normal, gradient = np.diag(prior).astype(np.float64), prior * toward
    eliminated = []
    for frame, mean in zip(frames, exp_mean, strict=True):
        own, mixed, pull = _own(frame, mean, exp_weight)
        inverse = np.linalg.inv(own)
        normal += frame.weight * (frame.shared.T @ frame.shared) - mixed.T @ inverse @ mixed
        gradient = gradient + frame.weight * (frame.shared.T @ frame.residual) - mixed.T @ inverse @ pull
        eliminated.append((inverse, mixed, pull))
    shared = np.linalg.solve(normal, gradient) if len(prior) else np.zeros(0)
    steps = np.stack([inverse @ (pull - mixed @ shared) for inverse, mixed, pull in eliminated])
    ends = np.stack([frame.alpha_exp for frame in frames]) + steps[:, N_POSE:]
    return JointStep(shared, steps[:, :N_POSE], np.clip(ends, 0, 1))


def _own(frame: FrameEquations, mean: Float32, exp_weight: Float32) -> tuple[Float32, Float32, Float32]:
    """Normal matrix of the frame's own unknowns (6 + E), theirs with the shared ones, and the right hand side."""
    rows = np.concatenate([frame.pose, frame.expression], axis=1)
    own = frame.weight * (rows.T @ rows) + _RIDGE * np.eye(rows.shape[1])
    mixed = frame.weight * (rows.T @ frame.shared)
    pull = frame.weight * (rows.T @ frame.residual)
    # the prior counts as the frame does: one that counts for nothing says nothing of identity by its expression either
    weight = max(frame.weight, 1e-3) * exp_weight
    own[N_POSE:, N_POSE:] += np.diag(weight)
    pull[N_POSE:] += weight * (mean - frame.alpha_exp)
    held = ((frame.alpha_exp <= 0) & (pull[N_POSE:] < 0)) | ((frame.alpha_exp >= 1) & (pull[N_POSE:] > 0))
    stays = N_POSE + np.flatnonzero(held)  # at its bound, and pushed against it
    own[stays], own[:, stays], mixed[stays], pull[stays] = 0, 0, 0, 0
    own[stays, stays] = 1
    return own, mixed, pull


def _rotation(turn_rad: Float32) -> Float32:
    """Rotation vector (3,) -> (3, 3), Rodrigues."""
    angle = float(np.linalg.norm(turn_rad))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = turn_rad / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
