"""DWPose (IDEA Research): RTMPose for the whole body, distilled in two stages. Apache-2.0."""

from functools import partial

from ..family import PoseFamily, TopDown
from ..skeletons import WHOLEBODY_133
from .rtmpose import decode, network

FAMILY = PoseFamily(
    name="dwpose",
    network=partial(network, skeleton=WHOLEBODY_133),
    suffixes=(".onnx",),
    recommended_size=384,
    order=50,
    head=TopDown(skeleton=WHOLEBODY_133, decode=decode),
)
