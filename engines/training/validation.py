"""How a network is judged between two steps: on labelled images that it does not learn from."""

from collections.abc import Mapping
from importlib import util

import torch
from torch import Tensor, nn

from ..datasets.coco_yolo.read import LabelledImages
from ..datasets.object_targets import targets_of
from ..detect.objects import Objects
from ..detect.rtdetr_pose.config import Config
from ..detect.rtdetr_pose.decode import MOST, decode
from ..errors import InputError
from ..evaluation.objects import evaluate_objects
from .standing import Validation

FIGURE = "box_ap"


def object_validation(
    data: LabelledImages,
    pixels: Tensor,
    config: Config,
    *,
    device: torch.device,
    batch: int = 16,
) -> Validation:
    """Return the validation of a network on the images of a data set.

    pixels: [N,3,H,W] uint8 of the config's size

    The figures are those of `evaluate_objects`; COCO's average precision of boxes decides. Raises
    `InputError` if pycocotools is not installed.
    """
    if util.find_spec("pycocotools") is None:
        raise InputError(
            "validating needs pycocotools, which is not installed; run: pip install pycocotools"
        )
    targets = targets_of(data.images, config.size)
    targets.check(config.classes, config.keypoints, config.queries)
    posed = not bool(targets.intrinsics.isnan().any())
    cameras = targets.intrinsics if posed else None

    def judge(module: nn.Module) -> Mapping[str, float | None]:
        training = module.training
        module.eval()
        parts = []
        for start in range(0, len(pixels), batch):
            rows = slice(start, start + batch)
            with torch.inference_mode():
                outputs = module(pixels[rows].to(device).float() / 255)
            found = {name: values.float().cpu() for name, values in outputs.items()}
            camera = None if cameras is None else cameras[rows]
            parts.append(decode(found, config.size, intrinsics=camera, threshold=0.0, most=MOST))
        module.train(training)
        return evaluate_objects(Objects.cat(parts), data.images, data.kinds)

    return Validation(judge, FIGURE)
