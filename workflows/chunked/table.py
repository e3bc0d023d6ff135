"""How each node runs when frames come in chunks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from . import steps, vace_steps

Values = Mapping[str, Any]  # a node's inputs: values, and links


def _never(values: Values) -> str:
    return ""


@dataclass(frozen=True)
class Rule:
    """How a node runs when frames come to it in chunks.

    kind:  once:   takes no frames of a video; runs before all chunks
           long:   the same, but what it gives may be as long as a video and is cut into chunks
           source: where frames come from
           frames: each frame by itself
           state:  carries a state from chunk to chunk, by its own input and output
           stream: has a form for chunks with the same result
           sums:   the same, and what it gives is known at the end
           sink:   writes or shows what comes
           whole:  needs the whole clip at once
    rows:  inputs that come frame by frame
    one:   those of them that may be a single frame, which serves all
    step:  makes what runs the node, from its class
    least: frames that the first chunk must have, if the clip does
    fixed: outputs that are the same in every chunk
    ends:  outputs that are known at the end only
    never: outputs that are not made
    survey, surveys: what looks at all frames in a pass before, for these values; what it finds goes
           to the node's step as the input `survey`
    needs: why these values need the whole clip and what to choose instead; "" = they do not
    """

    kind: str
    rows: tuple[str, ...] = ()
    one: tuple[str, ...] = ()
    step: Callable[[Any], steps.Step] = steps.Step
    least: int = 1
    fixed: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()
    never: tuple[int, ...] = ()
    survey: Callable[[Any], steps.Step] = steps.Step
    surveys: Callable[[Values], bool] = lambda values: False
    needs: Callable[[Values], str] = _never


ONCE = Rule("once")
SMALL = ("KINO_POSES", "POSE_KEYPOINT", "BOUNDING_BOX")
"""Types of which a whole clip takes little memory, a few kB a frame: they are collected where a
node needs the whole clip."""


def _smooth(values: Values) -> str:
    if values.get("direction") == "causal":
        return ""
    return "direction both goes over the whole clip, there and back; choose causal"


def _retarget(values: Values) -> str:
    if values.get("reference") is None:
        return ""
    return "a limb's true length is the longest of the whole clip; disconnect reference"


def _draw_flow(values: Values) -> str:
    if values.get("normalise") != "clip":
        return ""
    return "the fastest pixel of the clip may be in its last frame; choose vace, fixed or ema"


def _normalise(values: Values) -> str:
    if values.get("length_mode") != "spread":
        return ""
    return "spread takes frames evenly over the whole clip; choose repeat_last, pad or cut"


def _always(reason: str) -> Callable[[Values], str]:
    return lambda values: reason


_FROM_KEYPOINTS = _always(
    "whether they are whole bodies is seen from all of them; load them with Load Poses"
)
_KEYFRAMES = _always("it puts single frames at places of a clip of its own; run it without --chunk")
_RESTORE = _always("it needs all of the clip that VACE Normalise prepared; run it without --chunk")


_ONCE = (
    "KinographLoadPoseModel",
    "KinographLoadPoseFile",
    "KinographBuildEngine",
    "KinographLoadFlowModel",
    "KinographLoadFlowFile",
    "KinographEngineUpkeep",
    "KinographBenchmark",
    "LoadVideo",
    "LoadImage",
    "PrimitiveString",
    "PrimitiveStringMultiline",
    "PrimitiveInt",
    "PrimitiveFloat",
    "PrimitiveBoolean",
)

TABLE: Mapping[str, Rule] = {
    **dict.fromkeys(_ONCE, ONCE),
    "KinographLoadPoses": Rule("long", ("image",), step=steps.LoadedPoses),
    "KinographLoadFlow": Rule("long"),
    "GetVideoComponents": Rule("source", ("video",), step=steps.Components, fixed=(1, 2)),
    # people
    "KinographDetectPoses": Rule("frames", ("image",), step=steps.Detect),
    "KinographDetectPosesInBoxes": Rule("frames", ("image", "people", "bounding_box")),
    "KinographTrackPoses": Rule("state", ("poses", "image"), step=steps.Carrying),
    "KinographFillPoseGaps": Rule("stream", ("poses",), step=steps.Gaps),
    "KinographSmoothPoses": Rule("state", ("poses",), step=steps.Carrying, needs=_smooth),
    "KinographFilterPoses": Rule("frames", ("poses", "region"), one=("region",)),
    "KinographRetargetPoses": Rule("frames", ("poses",), needs=_retarget),
    "KinographPosesToKeypoints": Rule("frames", ("poses",)),
    "KinographPosesFromKeypoints": Rule("whole", ("pose_keypoint",), needs=_FROM_KEYPOINTS),
    "KinographDrawSkeleton": Rule("frames", ("poses", "footage"), one=("footage",)),
    # flow
    "KinographEstimateFlow": Rule("state", ("image",), step=steps.EstimatedFlow, least=2),
    "KinographDrawFlow": Rule("state", ("flow",), step=steps.Carrying, least=2, needs=_draw_flow),
    "KinographFlowOcclusion": Rule("stream", ("flow",), step=steps.Ahead, least=2),
    "KinographFlowWarp": Rule("stream", ("image", "flow"), step=steps.Warp, least=2),
    "KinographFlowMask": Rule("frames", ("flow",), least=2),
    "KinographFlowStatistics": Rule(
        "sums", ("flow",), step=steps.Statistics, least=2, ends=(0, 1, 2)
    ),
    # VACE
    "KinographVaceMask": Rule(
        "frames",
        ("image", "mask", "poses", "bounding_box"),
        one=("mask", "poses", "bounding_box"),
        step=vace_steps.Mask,
        survey=vace_steps.MaskSurvey,
        surveys=lambda values: bool(values.get("steady") or values.get("keep")),
    ),
    "KinographVaceOutpaint": Rule("frames", ("image", "mask"), one=("mask",)),
    "KinographVaceKeyframes": Rule("whole", ("images", "control"), needs=_KEYFRAMES),
    "KinographVaceCombine": Rule("frames", ("base", "over", "mask"), one=("over", "mask")),
    "KinographVaceNormalise": Rule(
        "stream",
        ("image", "mask"),
        one=("mask",),
        step=vace_steps.Normalise,
        fixed=(3, 4, 6, 7),
        ends=(5,),
        needs=_normalise,
    ),
    "KinographVacePreview": Rule(
        "sums", ("vace", "image", "mask"), step=vace_steps.Preview, ends=(2,), never=(0, 1)
    ),
    "KinographVaceRestore": Rule("whole", ("image", "vace", "original"), needs=_RESTORE),
    # pictures and videos
    "CreateVideo": Rule("stream", ("images",), step=steps.Video),
    "ImageScale": Rule("frames", ("image",)),
    # files
    "SaveVideo": Rule("sink", ("video",)),
    "SaveImage": Rule("sink", ("images",)),
    "PreviewImage": Rule("sink", ("images",)),
    "PreviewAny": Rule("sink", ("source",)),
    "KinographSaveKeypoints": Rule("sink", ("pose_keypoint",)),
    "KinographSavePoses": Rule("sink", ("poses",)),
    "KinographSaveFlow": Rule("sink", ("flow",)),
    "KinographSaveVace": Rule("sink", ("vace",)),
}
