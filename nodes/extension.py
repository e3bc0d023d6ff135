"""The list of nodes."""

from .api import ComfyExtension, host, io
from .engine.benchmark import Benchmark
from .engine.build import BuildEngine, EngineUpkeep
from .flow.draw import DrawFlow
from .flow.estimate import EstimateFlow, LoadFlowFile, LoadFlowModel
from .flow.files import LoadFlow, SaveFlow
from .flow.motion import FlowMask, FlowOcclusion, FlowStatistics, FlowWarp
from .pose.detect import DetectPoses, DetectPosesInBoxes, LoadPoseFile, LoadPoseModel, SaveKeypoints
from .pose.files import LoadPoses, PosesFromKeypoints, PosesToKeypoints, SavePoses
from .pose.people import FillPoseGaps, FilterPoses, RetargetPoses, SmoothPoses, TrackPoses
from .render.skeleton import DrawSkeleton
from .vace.masks import VaceCombine, VaceKeyframes, VaceMask, VaceOutpaint
from .vace.normalise import SaveVace, VaceNormalise, VaceRestore
from .vace.preview import VacePreview

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
            from .panel.routes import register

            register(server)
        return NODES
