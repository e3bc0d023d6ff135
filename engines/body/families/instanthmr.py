"""InstantHMR: 70 points of a body in the picture and in metres, from the user's own ONNX file.

Its weights are distilled from SAM 3D Body and come under the SAM licence, so none come with
Kinograph. What is computed here follows from its published interface: `image` [N,3,S,S] RGB by
ImageNet's mean and standard deviation, and `cliff_cond` [N,3], where the box lies in the picture ->
mhr_params [N,204], shape_params [N,45], cam_trans [N,3], joints_2d [N,70,2] in -1..1 of the crop
and joints_3d [N,70,3] m from the middle of the body, x to the right, y down, z away.

The body is posed by its points, as with every network that finds points. The parameters are those
of Meta's MHR body; they are computed and compared on every backend, and not used.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from ...detections.people import of_one_person
from ...errors import ModelError
from ...geometry.placement import Size
from ...geometry.turned_crops import Regions
from ...models.model import Model
from ...runtime.network import Network
from ...runtime.onnx_graph import InputAdapter, Socket, read_onnx, read_sockets, refuse
from ...runtime.tensor_spec import BATCH, TensorSpec, image_input
from ..family import BodyFamily, BodyLandmarks, CropLandmarks

SIZE = 224  # px
_REACH = 1.2  # side of a crop, in longer sides of the box
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_POINTS = 70
_OUTPUTS = {
    "mhr_params": (204,),
    "shape_params": (45,),
    "cam_trans": (3,),
    "joints_2d": (_POINTS, 2),
    "joints_3d": (_POINTS, 3),
}
_PLACE = "cliff_cond"

# Numbers of its points by the names that bodies are fitted by. A finger's first bone begins at its
# third point from the tip.
_AT = {
    "nose": 0,
    "left_ear": 3,
    "right_ear": 4,
    "left_shoulder": 5,
    "right_shoulder": 6,
    "left_elbow": 7,
    "right_elbow": 8,
    "left_wrist": 62,
    "right_wrist": 41,
    "left_hip": 9,
    "right_hip": 10,
    "left_knee": 11,
    "right_knee": 12,
    "left_ankle": 13,
    "right_ankle": 14,
    "left_heel": 17,
    "right_heel": 20,
    "left_foot_index": 15,
    "right_foot_index": 18,
    "left_index": 49,
    "right_index": 28,
    "left_pinky": 61,
    "right_pinky": 40,
    "left_thumb": 45,
    "right_thumb": 24,
}
POINTS = tuple(_AT)


def network(model: Model) -> Network:
    """Return the network of an ONNX file.

    Raises `ModelError`, which says what was expected and found, for a file of another interface.
    """
    inputs, outputs = read_sockets(model.path)
    given = {socket.name: socket for socket in inputs}
    if sorted(given) != ["cliff_cond", "image"] or not (
        _fits(given["image"], (3, SIZE, SIZE)) and _fits(given[_PLACE], (3,))
    ):
        refuse("InstantHMR", model.path, _listed(inputs=True), inputs)
    found = {socket.name: socket for socket in outputs}
    if "joints_3d" not in found and "mhr_params" in found:
        raise ModelError(
            f"{model.path.name}: expected the output joints_3d, found a release of InstantHMR "
            "whose points follow from Meta's MHR body alone, which is not included; take a release "
            "with joints_3d"
        )
    if not all(name in found and _fits(found[name], _OUTPUTS[name]) for name in _OUTPUTS):
        refuse("InstantHMR", model.path, _listed(inputs=False), outputs)
    about = {p.key: p.value for p in read_onnx(model.path, weights=False).metadata_props}
    if about.get("cliff_focal", "false") != "false":
        raise ModelError(
            f"{model.path.name}: expected cliff_cond in parts of the picture, found a release of "
            "InstantHMR that takes angles of a calibrated camera (cliff_focal), which is not "
            "supported; take one without"
        )
    fixed = {socket.shape[0] for socket in (*inputs, *outputs)} - {-1}
    if len(fixed) > 1:
        refuse("InstantHMR", model.path, "one size of the batch", [*inputs, *outputs])
    return Network(
        name="instanthmr",
        load=None,
        inputs=(
            image_input(SIZE, SIZE, example=of_one_person),
            TensorSpec(_PLACE, "float", (BATCH, 3)),
        ),
        outputs=tuple(TensorSpec(name, "float", (BATCH, *_OUTPUTS[name])) for name in _OUTPUTS),
        stride=SIZE,
        sizes=(SIZE, SIZE),
        pixel_bytes=128,
        adapter=InputAdapter(
            "image",
            given["image"].kind,
            {name: name for name in _OUTPUTS},
            mean=_MEAN,
            std=_STD,
            further={_PLACE: _PLACE},
        ),
        batch=max(fixed, default=0),
    )


def _fits(socket: Socket, shape: tuple[int, ...]) -> bool:
    return socket.kind in ("float", "float16") and socket.fits((-1, *shape))


def _listed(*, inputs: bool) -> str:
    named = {"image": (3, SIZE, SIZE), _PLACE: (3,)} if inputs else _OUTPUTS
    shapes = ", ".join(f"{name} [N,{','.join(map(str, s))}]" for name, s in named.items())
    return f"the {'inputs' if inputs else 'outputs'} {shapes} of float or float16"


def where(regions: Regions, size: Size) -> dict[str, Tensor]:
    """Return the further input of the network [N,3]: where boxes lie in frames of `size` (height,
    width), -1..1 from edge to edge, and how large they are, in longer sides of the frame."""
    height, width = size
    middle = 2 * regions.centre / regions.centre.new_tensor([width, height]) - 1
    side = regions.side / _REACH / max(size)
    return {_PLACE: torch.cat([middle, side[:, None]], 1)}


def decode(outputs: Mapping[str, Tensor]) -> CropLandmarks:
    """Return what the network found in N crops. It does not say whether there is a body, nor which
    points are seen: those in the crop count."""
    flat = outputs["joints_2d"].float()
    at = torch.tensor(list(_AT.values()), device=flat.device)
    inside = (flat[:, at].abs() <= 1).all(-1)
    points = (flat[:, at] + 1) * (SIZE / 2)
    hips = [POINTS.index("left_hip"), POINTS.index("right_hip")]
    middle = points[:, hips].mean(1)
    # a circle around the middle of the hips that holds all points, touched above
    radius = (points - middle[:, None]).norm(dim=-1).amax(1)
    above = torch.stack([middle[:, 0], middle[:, 1] - radius], 1)
    world = outputs["joints_3d"].float()[:, at]
    return CropLandmarks(
        points=points,
        around=torch.stack([middle, above], 1),
        world=world - world[:, hips].mean(1, keepdim=True),
        visibility=inside.float(),
        scores=flat.new_ones(len(flat)),
    )


FAMILY = BodyFamily(
    name="instanthmr",
    network=network,
    suffixes=(".onnx",),
    recommended_size=224,
    order=30,
    head=BodyLandmarks(
        size=SIZE,
        points=POINTS,
        decode=decode,
        beyond=0.0,
        box_reach=_REACH,
        reach=2 * _REACH,
        further=where,
        averaged=False,
    ),
)
