"""The list of nodes."""

from .api import ComfyExtension, io
from .engine import BuildEngine, EngineUpkeep
from .pose import DetectPoses, LoadPoseFile, LoadPoseModel, SaveKeypoints
from .render import DrawSkeleton
from .vace import SaveVace, VaceNormalise

NODES: list[type[io.ComfyNode]] = [
    LoadPoseModel,
    LoadPoseFile,
    BuildEngine,
    DetectPoses,
    DrawSkeleton,
    VaceNormalise,
    SaveKeypoints,
    SaveVace,
    EngineUpkeep,
]


class KinographExtension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return NODES
