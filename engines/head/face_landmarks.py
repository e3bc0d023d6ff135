"""FACE_LANDMARKS: heads in the shape that ComfyUI's own MediaPipe nodes give and take."""

from functools import cache
from itertools import pairwise
from typing import Any

import torch

from .canonical import canonical_face
from .contours import FACE_OVAL, LEFT_EYE, LEFT_EYEBROW, LIPS, RIGHT_EYE, RIGHT_EYEBROW
from .families.mediapipe_face import MESH
from .heads import Heads
from .regions import regions_of_points

Edges = frozenset[tuple[int, int]]

# The ridge and the outline of the nose: FACEMESH_NOSE of the source of contours.py.
_RIDGE = (168, 6, 197, 195, 5, 4, 1, 19, 94, 2)
_OUTLINE = (2, 97, 98, 64, 48, 115, 220, 45, 4, 275, 440, 344, 278, 294, 327, 326, 2)
_NOSE = (*pairwise(_RIDGE), *pairwise(_OUTLINE))


def to_face_landmarks(heads: Heads) -> dict[str, Any]:
    """Return heads as FACE_LANDMARKS of ComfyUI 0.33.

    frames:          for each frame a list of faces; heads without landmarks are left out
    image_size:      height and width in px
    connection_sets: name -> pairs of points to be joined; there are no irises

    A face has, as NumPy arrays, bbox_xyxy [4] and landmarks_xy [468,2] in px, landmarks_3d [468,3]
    in px of an upright crop of 192 px, and transformation_matrix [4,4], which carries the canonical
    face into the camera's axes in cm; presence, a logit, and score, 0..1. Its blendshapes are
    empty: they are not estimated.
    """
    frames: list[list[dict[str, Any]]] = [[] for _ in range(len(heads))]
    if heads.landmarks.shape[2]:
        here = heads.to("cpu")
        frame, place = here.present.nonzero(as_tuple=True)
        points = here.landmarks[frame, place].float()
        regions = regions_of_points(points, frame, MESH)
        scale = (MESH.size / regions.side)[:, None, None]
        crops = torch.cat([regions.into(points[..., :2], MESH.size), points[..., 2:] * scale], -1)
        matrix = torch.eye(4).repeat(len(points), 1, 1)
        matrix[:, :3, :3] = here.rotation[frame, place]
        matrix[:, :3, 3] = here.translation[frame, place]
        boxes, scores = here.boxes[frame, place].float(), here.scores[frame, place].float()
        presence = scores.clamp(1e-6, 1 - 1e-6).logit().tolist()
        for i, f in enumerate(frame.tolist()):
            frames[f].append(
                {
                    "bbox_xyxy": boxes[i].numpy(),
                    "blendshapes": {},
                    "landmarks_xy": points[i, :, :2].numpy(),
                    "landmarks_3d": crops[i].numpy(),
                    "presence": presence[i],
                    "score": float(scores[i]),
                    "transformation_matrix": matrix[i].numpy(),
                }
            )
    return {"frames": frames, "image_size": heads.canvas, "connection_sets": _connection_sets()}


@cache
def _connection_sets() -> dict[str, Edges]:
    """Return the pairs of points by the names that ComfyUI's nodes ask for."""
    parts = {
        "face_oval": FACE_OVAL,
        "left_eye": LEFT_EYE,
        "right_eye": RIGHT_EYE,
        "left_eyebrow": LEFT_EYEBROW,
        "right_eyebrow": RIGHT_EYEBROW,
        "lips": LIPS,
    }
    sets = {name: frozenset(lines) for name, lines in parts.items()}
    contours = frozenset().union(*sets.values())
    triangles = canonical_face().triangles
    edges = torch.cat([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    once = edges.sort(1).values.unique(dim=0).tolist()
    return {
        **sets,
        "nose": frozenset(_NOSE),
        "irises": frozenset(),
        "contours": contours,
        "all": contours | frozenset(_NOSE),
        "tesselation": frozenset((first, second) for first, second in once),
    }
