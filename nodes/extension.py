"""The list of nodes."""

from .api import ComfyExtension, host, io
from .benchmark import Benchmark
from .engine import BuildEngine, EngineUpkeep
from .flow import EstimateFlow, LoadFlowFile, LoadFlowModel
from .flow_draw import DrawFlow
from .flow_files import LoadFlow, SaveFlow
from .flow_motion import FlowMask, FlowOcclusion, FlowStatistics, FlowWarp
from .people import FillPoseGaps, FilterPoses, RetargetPoses, SmoothPoses, TrackPoses
from .pose import DetectPoses, DetectPosesInBoxes, LoadPoseFile, LoadPoseModel, SaveKeypoints
from .pose_files import LoadPoses, PosesFromKeypoints, PosesToKeypoints, SavePoses
from .render import DrawSkeleton
from .vace import SaveVace, VaceNormalise, VaceRestore
from .vace_masks import VaceCombine, VaceKeyframes, VaceMask, VaceOutpaint
from .vace_view import VacePreview

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
    LoadFlowModel,
    LoadFlowFile,
    EstimateFlow,
    DrawFlow,
    FlowOcclusion,
    FlowWarp,
    FlowMask,
    FlowStatistics,
    LoadFlow,
    SaveFlow,
    VaceMask,
    VaceOutpaint,
    VaceKeyframes,
    VaceCombine,
    VaceNormalise,
    VacePreview,
    VaceRestore,
    PosesToKeypoints,
    PosesFromKeypoints,
    LoadPoses,
    SavePoses,
    SaveKeypoints,
    SaveVace,
    EngineUpkeep,
    Benchmark,
]


class KinographExtension(ComfyExtension):
    """What `comfy_entrypoint` returns; ComfyUI asks it once, before its server listens."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        # Not in on_load, which ComfyUI 0.3.75 does not call.
        if (server := host.server()) is not None:
            from .routes import register

            register(server)
        return NODES
