"""Bodies as meshes in front of the camera, to be drawn over footage or as depth and normals."""

from ..body.bodies import Bodies
from ..body.rig import rig_named
from ..body.skinning import skin
from .mesh.instances import Instances
from .mesh.mesh import Mesh

GREY = (0.80, 0.81, 0.84, 1.0)


def body_meshes(bodies: Bodies, colour: tuple[float, float, float, float] = GREY) -> Instances:
    """Return the surfaces of all bodies, to be drawn with their own camera, `bodies.camera`.

    colour: red, green, blue, alpha 0..1

    Takes 0.24 MB per body: long clips are drawn in chunks. Raises `InputError` for an unknown rig.
    """
    rig = rig_named(bodies.rig).to(bodies.device)
    frame, place = bodies.present.nonzero(as_tuple=True)
    at = (frame, place)
    vertices = skin(rig, bodies.rotation[at], bodies.translation[at], bodies.shape[at]).vertices
    mesh = Mesh(rig.template, rig.triangles, colour=colour, name=rig.name)
    return Instances(mesh, vertices, mesh.normals_of(vertices), frame)
