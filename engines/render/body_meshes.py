"""Bodies as meshes in front of the camera, to be drawn over footage or as depth and normals."""

from functools import cache

import torch

from ..body.bodies import Bodies
from ..body.rig import rig_named
from ..body.skinning import skin
from .mesh.instances import Instances
from .mesh.mesh import Mesh

GREY = (0.80, 0.81, 0.84, 1.0)


def body_meshes(bodies: Bodies) -> Instances:
    """Return the surfaces of all bodies, grey, to be drawn with their own camera, `bodies.camera`.

    Takes 0.24 MB per body: long clips are drawn in chunks. Raises `InputError` for an unknown rig.
    """
    rig = rig_named(bodies.rig).to(bodies.device)
    frame, place = bodies.present.nonzero(as_tuple=True)
    at = (frame, place)
    vertices = skin(rig, bodies.rotation[at], bodies.translation[at], bodies.shape[at]).vertices
    mesh = _mesh(bodies.rig, bodies.device)
    return Instances(mesh, vertices, mesh.normals_of(vertices), frame)


@cache
def _mesh(rig: str, device: torch.device) -> Mesh:
    """Return the surface of a rig, whose checks and seams take as long as drawing it."""
    with torch.inference_mode(False):
        held = rig_named(rig)
        return Mesh(held.template, held.triangles, colour=GREY, name=rig).to(device)
