"""POCO-CLIFF (Dwivedi et al., 3DV 2024): SMPL's pose and shape, and how sure each joint is, from
the user's own checkpoint.

arXiv:2308.12965. Code and weights are for non-commercial research and need a registration, so none
come with Kinograph. What is computed here follows from the papers and the published interface; see
`cliff`. A checkpoint has to fit exactly: what is missing or not known is named, and nothing of it
is used.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from ...detections.people import of_one_person
from ...errors import ModelError
from ...geometry.placement import Size
from ...geometry.turned_crops import Regions
from ...models.checkpoint import check_weights, load_weights
from ...models.model import Model
from ...models.tensors import read_tensors
from ...runtime.network import Network
from ...runtime.tensor_spec import BATCH, TensorSpec, image_input
from ..cliff.hrnet import W48, Plan
from ..cliff.place import bbox_info, camera_of, in_picture, on_opencv_grid
from ..cliff.regressor import OUTPUTS, SIZE, PocoCliff
from ..cliff.unsure import confidence
from ..family import BodyFamily, BodyRegressor, CropBodies

PLAN = W48
"""The size of the published backbone; tests take a small one."""

_PREFIX = "model."  # of checkpoints of the training
# What a checkpoint holds beside the network: the flow is for training only, the classifier for
# pictures of ImageNet, SMPL the user's own file.
_UNUSED = ("flow_head.", "smpl.", "backbone.classifier.")
_PARE = ("head.keypoint_deconv_layers.", "head.smpl_deconv_layers.", "head.pose_mlp.")


def load(path: Path, plan: Plan) -> nn.Module:
    """Return the network of a checkpoint with a backbone of a size.

    Raises `ModelError` for a file that cannot be read and for weights that do not fit, with the
    names of those that are missing or not known.
    """
    module = PocoCliff(plan)
    load_weights(module, _weights(path), f"{path}: POCO-CLIFF")
    return module.eval()


def _weights(path: Path) -> dict[str, Tensor]:
    """Return the weights of the network. Raises `ModelError` for those of POCO-PARE."""
    named = {name.removeprefix(_PREFIX): value for name, value in read_tensors(path).items()}
    if any(name.startswith(_PARE) for name in named):
        raise ModelError(
            f"{path}: expected the weights of POCO-CLIFF, found those of POCO-PARE, another "
            "network, which is not supported; take POCO-CLIFF's checkpoint"
        )
    return {
        name: value.float() if value.is_floating_point() else value
        for name, value in named.items()
        if not name.startswith(_UNUSED)
    }


def network(model: Model) -> Network:
    """Return the network of a checkpoint. Raises `ModelError` as `load` does."""
    with torch.device("meta"):
        expected = PocoCliff(PLAN)
    check_weights(expected, _weights(model.path), f"{model.path}: POCO-CLIFF")
    return Network(
        name="poco_cliff",
        load=partial(load, plan=PLAN),
        inputs=(
            image_input(SIZE, SIZE, example=of_one_person),
            TensorSpec("bbox_info", "float", (BATCH, 3)),
        ),
        outputs=tuple(
            TensorSpec(name, "float", (BATCH, *shape)) for name, shape in OUTPUTS.items()
        ),
        stride=SIZE,
        sizes=(SIZE, SIZE),
        pixel_bytes=128,  # the first bottlenecks: 256 channels at a quarter of the size
    )


def decode(outputs: Mapping[str, Tensor], regions: Regions, size: Size) -> CropBodies:
    """Return the bodies in crops of `regions` of frames of `size` (height, width)."""
    return CropBodies(
        rotation=outputs["pred_pose"].float(),
        shape=outputs["pred_shape"].float(),
        translation=in_picture(outputs["pred_cam"].float(), regions, size),
        confidence=confidence(outputs["var_pose"].float()),
    )


def _further(regions: Regions, size: Size) -> dict[str, Tensor]:
    return {"bbox_info": bbox_info(regions, size)}


FAMILY = BodyFamily(
    name="poco_cliff",
    network=network,
    suffixes=(".pt", ".pth", ".ckpt", ".safetensors"),
    recommended_size=224,
    order=20,
    head=BodyRegressor(
        size=SIZE,
        shapes=10,
        box_reach=1.2,
        crops=on_opencv_grid,
        further=_further,
        decode=decode,
        camera=camera_of,
    ),
)
