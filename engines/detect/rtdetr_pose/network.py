"""The network as the runtime knows it: its inputs and outputs by name."""

from collections.abc import Callable
from pathlib import Path

from torch import nn

from ...runtime.network import Network
from ...runtime.tensor_spec import BATCH, TensorSpec, image_input
from .agreement import same_objects
from .config import STRIDE, Config
from .model import output_names

NAME = "rtdetr_pose"


def network_for(config: Config, load: Callable[[Path], nn.Module]) -> Network:
    """Return the network of a config. load: weights file -> `RTDETRPose` in fp32 on the CPU."""
    places = (BATCH, config.queries)
    points, dims = (
        config.keypoints,
        {
            "logits": config.classes + 1,
            "bbox": 4,
            "log_z": 1,
            "rot6d": 6,
            "offsets": 2,
            "log_sigma_z": 1,
            "log_sigma_rot": 1,
            "keypoint_scores": config.keypoints,
        },
    )
    special = {"k_delta": (BATCH, 4), "keypoints": (*places, points, 2)}
    return Network(
        name=NAME,
        load=load,
        inputs=(image_input(*config.size),),
        outputs=tuple(
            # Coordinates beyond 1 lose what they need in half precision.
            TensorSpec(name, "float32", special[name] if name in special else (*places, dims[name]))
            for name in output_names(config)
        ),
        stride=STRIDE,
        sizes=(max(config.size), max(config.size)),
        pixel_bytes=4 * config.stem,
        compare=same_objects,
    )
