"""The list of nodes."""

from .api import ComfyExtension, io
from .engine import BuildEngine, EngineUpkeep
from .people import FillPoseGaps, FilterPoses, RetargetPoses, SmoothPoses, TrackPoses
from .pose import DetectPoses, DetectPosesInBoxes, LoadPoseFile, LoadPoseModel, SaveKeypoints
from .pose_files import LoadPoses, PosesFromKeypoints, PosesToKeypoints, SavePoses
from .render import DrawSkeleton
from .vace import SaveVace, VaceNormalise

NODES: list[type[io.ComfyNode]] = [
    LoadPoseModel,
    LoadPoseFile,
    BuildEngine,
    DetectPoses,
    DetectPosesInBoxes,
    TrackPoses,
    FillPoseGaps,
    SmoothPoses,
    FilterPoses,
    RetargetPoses,
    DrawSkeleton,
    VaceNormalise,
    PosesToKeypoints,
    PosesFromKeypoints,
    LoadPoses,
    SavePoses,
    SaveKeypoints,
    SaveVace,
    EngineUpkeep,
]


class KinographExtension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return NODES
