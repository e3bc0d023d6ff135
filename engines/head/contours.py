"""The contours of a face's features, as pairs of landmarks that a line joins.

Left and right are those of the person. Source: mediapipe/python/solutions/face_mesh_connections.py
(FACEMESH_CONTOURS), Apache License 2.0.
"""

from itertools import pairwise

Lines = tuple[tuple[int, int], ...]


def _line(*points: int) -> Lines:
    return tuple(pairwise(points))


FACE_OVAL = _line(
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152),
    *(148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109, 10),
)
RIGHT_EYE = (
    *_line(33, 7, 163, 144, 145, 153, 154, 155, 133),
    *_line(33, 246, 161, 160, 159, 158, 157, 173, 133),
)
LEFT_EYE = (
    *_line(263, 249, 390, 373, 374, 380, 381, 382, 362),
    *_line(263, 466, 388, 387, 386, 385, 384, 398, 362),
)
RIGHT_EYEBROW = (*_line(46, 53, 52, 65, 55), *_line(70, 63, 105, 66, 107))
LEFT_EYEBROW = (*_line(276, 283, 282, 295, 285), *_line(300, 293, 334, 296, 336))
LIPS = (
    *_line(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291),
    *_line(61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291),
    *_line(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308),
    *_line(78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),
)
