"""A pictured head made ready to turn: its mesh laid exactly under the picture, what each vertex shows, and the picture
without the head.

N: vertices of the head mesh.  P: side of the working picture, px.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from rdr_core.data.crop import crop_from_landmarks
from rdr_core.fitting.contour import visible_landmarks
from rdr_core.geometry.rotation import matrix_from_euler
from rdr_core.geometry.smoothstep import smoothstep
from rdr_core.synthesis.hair_outline import find_hair, hair_thickness
from rdr_core.synthesis.head_mesh import SKULL_CENTER, HeadMesh
from rdr_core.synthesis.head_paint import Skin, hair_likeness, hair_strands, lamp_gain, sample, skin_of, spread_colors
from rdr_core.synthesis.inpaint import fill_holes, mirror_into
from rdr_core.synthesis.turn_renderer import TurnRenderer, VertexPaint
from rdr_core.types import Float32, UInt8

MARGIN: Final = 2.6
"""Side of the working picture over the larger side of the landmarks' box."""
MOST_PX: Final = 288
_REACH_CM: Final = 2.5
"""How far on the head a landmark's correction is felt."""
_STIFFNESS: Final = 0.05
"""Of the correction: 0 goes through every landmark."""
_SEEN: Final = (0.12, 0.38)
"""Cosine between surface and view from which a texel is trusted at all, and fully."""
_HAIR_SEEN: Final = (0.02, 0.2)
"""The same for what only lends its colour to hair: its outline is all that many pictures show."""
_LEAST_HAIR_CM2: Final = 6.0
"""Less of it is a shadow or a strand."""
_MIRRORED_CM: Final = 6.0
"""How far the background's mirror image reaches into where the head was."""
_DEPTH_TOLERANCE_CM: Final = 0.5
"""What lies so little behind the head's surface is on it."""
_MIRROR_SHARE: Final = 0.3
"""What the other half's colour counts for where both are seen."""
_BLUR_PX: Final = 1.2
"""Colours of vertices are read under this blur."""


@dataclass(frozen=True, eq=False)
class FittedFace:
    """One row of a table of fits, in the picture's px."""

    shape: Float32
    """(68, 2) annotated S*, image px."""
    euler_rad: Float32
    """(3,)."""
    translation_px: Float32
    """(2,) or (3,), image px."""
    scale_px_per_cm: float
    alpha_id: Float32
    """(I,)."""
    alpha_exp: Float32
    """(E,) in [0, 1]."""

    def moved(self, by_px: float) -> FittedFace:
        """The same face `by_px` further right."""
        offset = np.array([by_px, 0], np.float32)
        return replace(self, shape=self.shape + offset, translation_px=np.asarray(self.translation_px)[:2] + offset)


@dataclass(frozen=True, eq=False)
class SourceHead:
    """What every turn of one face shares."""

    picture: UInt8
    """(P, P, 3) BGR, holes beyond the photo's edge filled."""
    plate: UInt8
    """(P, P, 3) BGR, the same without the head."""
    rotation: Float32
    """(3, 3) of the fit."""
    scale: float
    """Working px per cm."""
    origin: Float32
    """(2,) working px of the model's origin."""
    fitted: Float32
    """(N, 3) model frame, cm: Q* as fitted."""
    corrected: Float32
    """(N, 3) model frame, cm: moved so that the landmarks are where they were annotated."""
    drawn: Float32
    """(N, 3) model frame, cm: `corrected`, the scalp raised to the hair."""
    paint: VertexPaint
    strands: UInt8
    """(S, S) tile of hair, see `hair_strands`."""
    covered: float
    """Share of the head that lies within the photo."""


def prepare(image: UInt8, face: FittedFace, mesh: HeadMesh, renderer: TurnRenderer) -> SourceHead:
    """Read all there is to read from a picture (H, W, 3) BGR and its fit; `renderer` must hold a square of MOST_PX."""
    side = np.ptp(face.shape, axis=0).max() * MARGIN
    crop = crop_from_landmarks(face.shape, int(min(MOST_PX, round(side))), margin=MARGIN)
    warped = crop.warp(image)
    inside = (crop.warp(np.full_like(image, 255))[..., 0] > 250) & _not_padding(warped)
    known = cv2.erode(inside.astype(np.float32), np.ones((3, 3)))
    picture = fill_holes(warped.astype(np.float32), known)
    rotation = matrix_from_euler(np.asarray(face.euler_rad, np.float64)).astype(np.float32)
    scale, origin = face.scale_px_per_cm * crop.scale, crop.points_to_crop(np.asarray(face.translation_px)[:2])
    fitted = mesh.vertices(face.alpha_id, face.alpha_exp)
    corrected = _corrected(fitted, mesh, rotation, face, crop.points_to_crop(face.shape), scale, origin)
    return _Preparation(picture, known, mesh, renderer, rotation, scale, origin).finish(fitted, corrected)


def _not_padding(picture: UInt8) -> np.ndarray:
    """(P, P) bool: False in the black bars of a picture that was cut beyond its photo's edge."""
    dark = (picture.max(axis=2) < 6).astype(np.uint8)
    _, labels = cv2.connectedComponents(dark)
    rim = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    bars = np.isin(labels, np.unique(rim[rim > 0]))
    wide = cv2.morphologyEx(bars.astype(np.uint8), cv2.MORPH_OPEN, np.ones((7, 7)))
    return cv2.dilate(wide, np.ones((3, 3))) == 0


def _corrected(
    vertices: Float32,
    mesh: HeadMesh,
    rotation: Float32,
    face: FittedFace,
    shape: Float32,
    scale: float,
    origin: Float32,
) -> Float32:
    """Move the mesh smoothly so that its landmarks project to `shape` (68, 2), working px: along the surface where it
    faces the viewer, out of it where the outline is."""
    topology = mesh.model.topology
    subset = vertices[topology.subset]
    marks = visible_landmarks(topology, subset, face.euler_rad).on(subset)  # (68, 3)
    flat = marks @ rotation[:2].T
    wanted = (shape - origin) / scale * [1, -1] - flat
    kernel = _kernel(marks, marks)
    weights = np.linalg.solve(kernel + _STIFFNESS * np.eye(len(marks)), wanted)
    move = np.zeros_like(vertices)
    move[:, :2] = _kernel(vertices, marks) @ weights
    normals = mesh.normals(vertices) @ rotation.T
    slope = (normals[:, :2] * move[:, :2]).sum(axis=1)
    facing = np.maximum(normals[:, 2], 0)
    move[:, 2] = -slope * facing / (facing**2 + 0.1)
    return (vertices + move @ rotation).astype(np.float32)


def _kernel(points: Float32, centers: Float32) -> Float32:
    """(n, 3), (m, 3) -> (n, m)."""
    square = (points**2).sum(1)[:, None] - 2 * points @ centers.T + (centers**2).sum(1)
    return np.exp(-np.maximum(square, 0) / (2 * _REACH_CM**2))


class _Preparation:
    """The steps after the geometry, with what they share."""

    def __init__(
        self,
        picture: Float32,
        known: Float32,
        mesh: HeadMesh,
        renderer: TurnRenderer,
        rotation: Float32,
        scale: float,
        origin: Float32,
    ) -> None:
        self.picture, self.known, self.mesh, self.renderer = picture, known, mesh, renderer
        self.rotation, self.scale, self.origin = rotation, scale, origin
        self.side = picture.shape[0]
        self.bytes = np.clip(picture, 0, 255).round().astype(np.uint8)

    def finish(self, fitted: Float32, corrected: Float32) -> SourceHead:
        mesh = self.mesh
        normals = mesh.normals(corrected)
        depth = self._depth(corrected)
        head = np.isfinite(depth)
        hair = find_hair(self.bytes, self.place(corrected)[:, :2], mesh, head, self.scale)
        thickness = hair_thickness(hair, head, corrected, normals, mesh, self.rotation, self.place, self.scale)
        drawn = corrected + normals * (mesh.scalp * thickness)[:, None]
        paint, strands = self._paint(drawn, depth, hair)
        covered = float(self.known[head].mean()) if head.any() else 0.0
        return SourceHead(
            self.bytes,
            self._plate(head, hair),
            self.rotation,
            self.scale,
            self.origin,
            fitted,
            corrected,
            drawn,
            paint,
            strands,
            covered,
        )

    def place(self, vertices: Float32) -> Float32:
        """(..., 3) model frame, cm -> (..., 3) working px, depth px."""
        place = vertices @ self.rotation.T * (self.scale * np.array([1, -1, 1], np.float32))
        place[..., :2] += self.origin
        return place

    def _depth(self, vertices: Float32) -> Float32:
        """(P, P) depth of the head without the bust, px; -inf around it."""
        n = len(vertices)
        weight = np.zeros((n, 4), np.float32)
        weight[:, 2] = self.mesh.turning > 0.02
        nothing = np.zeros((n, 3), np.float32)
        paint = VertexPaint(np.zeros((n, 4)), weight, nothing, nothing, nothing)
        half = (self.side + 1) // 2  # drawn twice as fine as its px: at working px
        self.renderer.set_picture(self.bytes)
        depth = self.renderer.draw(self.place(vertices) / 2, paint, half, 1.0).depth * 2
        return depth[: self.side, : self.side]

    def _paint(self, drawn: Float32, depth: Float32, hair: Float32) -> tuple[VertexPaint, UInt8]:
        mesh, mirror = self.mesh, self.mesh.mirror
        place, normals = self.place(drawn), mesh.normals(drawn)
        facing, unhidden = normals @ self.rotation[2], self._unhidden(place, depth, hair)
        own = unhidden * smoothstep(*_SEEN, facing)
        colors = sample(cv2.GaussianBlur(self.picture, (0, 0), _BLUR_PX), place[:, :2]) / 255
        gain = lamp_gain(colors, own, normals, mesh)
        skin = skin_of(colors, own, mesh)
        like = skin.likeness(colors)
        hair_only = self._hair_only(hair * self._scalp_map(place), skin)
        skin_seen = own * (mesh.turning > 0.5) * (1 - mesh.scalp) * (0.01 + like)
        typical = self._typical(hair_only, skin_seen, colors)
        like_hair = hair_likeness(colors, typical[0])
        hairy = 1 - (1 - mesh.scalp) * (1 - mesh.beside * self._hair_over_ears(own, like, like_hair))
        own *= 1 - mesh.beside * (1 - hairy) * (1 - like)  # what is not skin there lies behind the ear
        hair_seen = unhidden * smoothstep(*_HAIR_SEEN, facing) * mesh.scalp * (0.01 + like_hair)
        fill = self._fill(colors, gain, own, (hair_seen, skin_seen * (1 - hairy)), typical, hairy)
        strands = hair_strands(self.picture, hair_only)
        opacity = smoothstep(0.0, 0.3, mesh.turning) * (1 - mesh.neck * unhidden * (1 - like))  # collars stay behind
        texel = np.concatenate([place[:, :2], place[mirror, :2]], axis=1)
        weight = np.stack([own, own[mirror], opacity, mesh.face.astype(np.float32)], axis=1)
        strand = np.concatenate([drawn[:, [2, 1]] * [1, -1] * self.scale / len(strands), hairy[:, None]], axis=1)
        return VertexPaint(texel, weight, gain, fill, strand), strands

    def _unhidden(self, place: Float32, depth: Float32, hair: Float32) -> Float32:
        """(N,) 1 where nothing is before a vertex, and it is within the photo and, on the scalp, within the hair."""
        front = sample(depth, place[:, :2], cv2.INTER_NEAREST)
        tolerance_cm = _DEPTH_TOLERANCE_CM + 5 * self.mesh.scalp  # the depth is that of the bald head
        unhidden = (place[:, 2] > front - tolerance_cm * self.scale) * sample(self.known, place[:, :2])
        return unhidden * (1 - self.mesh.scalp * (1 - sample(cv2.erode(hair, np.ones((3, 3))), place[:, :2])))

    def _fill(
        self,
        colors: Float32,
        gain: Float32,
        own: Float32,
        kinds: tuple[Float32, Float32],
        typical: tuple[Float32, Float32],
        hairy: Float32,
    ) -> Float32:
        """(N, 3) colour of each vertex where no texel is to be had: both halves of the head lend theirs."""
        mirror = self.mesh.mirror
        lent = _MIRROR_SHARE * own[mirror]
        twin = np.clip(colors[mirror] * gain, 0, 1)
        both = (own[:, None] * colors + lent[:, None] * twin) / (own + lent + 1e-6)[:, None]
        seen = (kinds[0] + _MIRROR_SHARE * kinds[0][mirror], kinds[1] + _MIRROR_SHARE * kinds[1][mirror])
        return spread_colors(both, seen, typical, hairy, self.mesh)

    def _hair_over_ears(self, own: Float32, like_skin: Float32, like_hair: Float32) -> Float32:
        """(N,) 1 on the half of the head whose ear is seen to be covered, 0 where it is seen or nothing is."""
        covered = np.zeros(len(own), np.float32)
        for side in (self.mesh.direction[:, 0] > 0, self.mesh.direction[:, 0] <= 0):
            weight = (own * self.mesh.beside * (1 - self.mesh.scalp))[side]
            if weight.sum() > 5:
                excess = weight @ (like_hair - like_skin)[side] / weight.sum()
                covered[side] = smoothstep(0.0, 0.3, excess)
        return covered

    def _hair_only(self, scalp: Float32, skin: Skin) -> Float32:
        """(P, P) what of the scalp is not skin; all of it where that is little: some are bald, or fair."""
        without_skin = scalp * (1 - self._skin_map(skin))
        return without_skin if (without_skin > 0.6).sum() > _LEAST_HAIR_CM2 * self.scale**2 else scalp

    def _typical(self, hair_only: Float32, skin_seen: Float32, colors: Float32) -> tuple[Float32, Float32]:
        """Hair's and skin's own colour (3,), BGR, 0..1."""
        skin = (skin_seen @ colors) / max(skin_seen.sum(), 1e-6)
        sure = cv2.erode(hair_only, np.ones((3, 3))) > 0.6
        return (np.median(self.picture[sure], axis=0) / 255 if sure.sum() > 10 else skin), skin

    def _scalp_map(self, place: Float32) -> Float32:
        """(P, P) 1 where the head's upper half is and the face is not."""
        up = self.rotation[:2, 1] * [1, -1]
        middle = self.place(SKULL_CENTER[None])[0, :2]
        rows, columns = np.mgrid[: self.side, : self.side]
        above = ((columns - middle[0]) * up[0] + (rows - middle[1]) * up[1] > 0).astype(np.float32)
        bare = (self.mesh.scalp < 0.3) & (self.mesh.direction[:, 0] ** 2 < 1.3) & (self.mesh.neck == 0)
        outline = cv2.convexHull(place[bare, :2].astype(np.float32)).round().astype(np.int32)
        return cv2.fillConvexPoly(above, outline, 0)

    def _skin_map(self, skin: Skin) -> Float32:
        small = cv2.resize(self.picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) / 255
        like = skin.likeness(small.reshape(-1, 3)).reshape(small.shape[:2])
        return cv2.resize(like, (self.side, self.side), interpolation=cv2.INTER_LINEAR)

    def _plate(self, head: np.ndarray, hair: Float32) -> UInt8:
        reach = max(1, round(0.5 * self.scale))
        ball = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)
        removed = cv2.dilate(np.maximum(hair, head & self._above_jaw()).astype(np.float32), ball)
        removed = cv2.GaussianBlur(removed, (0, 0), max(0.3 * self.scale, 0.5))
        kept = 1 - np.clip(removed * 2, 0, 1)
        return mirror_into(self.picture, kept, _MIRRORED_CM * self.scale).clip(0, 255).astype(np.uint8)

    def _above_jaw(self) -> np.ndarray:
        """(P, 1) bool rows above the chin."""
        chin = self.place(np.array([[0, -8.5, 9.0]], np.float32))[0, 1]
        return (np.arange(self.side) < chin)[:, None]
