"""Every node in chunks gives what it gives for the whole clip."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from chunked_clips import footage, graph_of, make_inputs, make_poses, planned
from kinograph.engines.detect.files.frames import to_predictions
from kinograph.engines.document import dump
from kinograph.engines.errors import GraphError
from kinograph.engines.sequence import cat
from kinograph.engines.video.clip import Audio
from kinograph.engines.video.part import VideoPart
from kinograph.nodes.standin import host
from kinograph.nodes.streaming import Rule
from kinograph.nodes.streaming.states import load_state, save_state
from kinograph.workflows.chunked.layout import lay_out
from kinograph.workflows.chunked.single_run import SingleRunNodes
from kinograph.workflows.chunked.sources import open_sources
from kinograph.workflows.chunked.stage import Stage
from kinograph.workflows.graph.catalogue import catalogue
from kinograph.workflows.graph.dynamic import nested, possible
from kinograph.workflows.graph.model import Link
from kinograph.workflows.graph.plan import Plan
from made_objects import made_objects, write_detector

pytestmark = pytest.mark.long

FRAMES = 23


def rule_of(class_type: str) -> Rule:
    rule = catalogue().rule(class_type)
    assert rule is not None
    return rule


Nodes = dict[str, tuple[str, dict[str, Any]]]

POSES: Nodes = {
    "p": ("KinographLoadPoses", {"file": "poses.safetensors", "image": ["f", 0]}),
    "t": ("KinographTrackPoses", {"poses": ["p", 0], "image": ["f", 0]}),
}
FLOW: Nodes = {
    "e": ("KinographEstimateFlow", {"image": ["f", 0], "direction": "both", "fps": ["f", 2]})
}
HEADS: Nodes = {"h": ("KinographLoadHeads", {"file": "heads.safetensors"})}
BODIES: Nodes = {"y": ("KinographLoadBodies", {"file": "bodies.safetensors"})}
DRAWN: Nodes = {**FLOW, "d": ("KinographDrawFlow", {"flow": ["e", 0]})}
MASKED: Nodes = {**FLOW, "m": ("KinographFlowMask", {"flow": ["e", 0], "threshold": 2.0})}

# In noise, and with every score, each frame has a face.
FACES: Nodes = {
    "l": ("KinographLoadHeadModel", {}),
    "b": ("KinographBuildEngine", {"model": ["l", 0], "backend": "torch"}),
    "h": (
        "KinographDetectHeads",
        {"image": ["f", 0], "engine": ["b", 0], "score_threshold": 0.0, "max_heads": 1},
    ),
}

# The node "x" with what it needs.
CASES: dict[str, Nodes] = {
    "LoadPoses": {"x": POSES["p"]},
    "LoadPoses long": {
        "q": ("KinographLoadPoses", {"file": "poses.safetensors"}),
        "x": ("KinographDrawSkeleton", {"poses": ["q", 0]}),
    },
    "TrackPoses": {"p": POSES["p"], "x": POSES["t"]},
    "TrackPoses alone": {"p": POSES["p"], "x": ("KinographTrackPoses", {"poses": ["p", 0]})},
    **{
        f"FillPoseGaps {limit}": {
            **POSES,
            "x": ("KinographFillPoseGaps", {"poses": ["t", 0], "limit": limit}),
        }
        for limit in (0, 2, 8, 40)
    },
    **{
        f"SmoothPoses {way}": {
            **POSES,
            "x": ("KinographSmoothPoses", {"poses": ["t", 0], "direction": way}),
        }
        for way in ("causal", "both")
    },
    "SmoothPoses up to cuts": {
        **POSES,
        "x": (
            "KinographSmoothPoses",
            {"poses": ["t", 0], "direction": "causal", "image": ["f", 0]},
        ),
    },
    "Smooth what was filled": {
        **POSES,
        "g": ("KinographFillPoseGaps", {"poses": ["t", 0], "limit": 3}),
        "x": ("KinographSmoothPoses", {"poses": ["g", 0], "direction": "causal"}),
    },
    "TrackHeads": {
        **FACES,
        "x": ("KinographTrackHeads", {"heads": ["h", 0], "image": ["f", 0]}),
    },
    **{
        f"SmoothHeads {way} {up_to}": {
            **HEADS,
            "x": ("KinographSmoothHeads", {"heads": ["h", 0], "direction": way, **up_to}),
        }
        for way, up_to in (("causal", {}), ("both", {}), ("causal", {"image": ["f", 0]}))
    },
    "FaceCrops": {  # track 2 is missing in a frame
        **HEADS,
        "x": (
            "KinographFaceCrops",
            {"image": ["f", 0], "heads": ["h", 0], "choose": "track", "person": 2},
        ),
    },
    **{
        f"MasksOfPeople of {found}": {
            **POSES,
            **BODIES,
            "x": (
                "KinographMasksOfPeople",
                {**links, "hold": 2, "grow": 1, "feather": 2, "image": ["f", 0], "width": 60},
            ),
        }
        for found, links in (("poses", {"poses": ["t", 0]}), ("bodies", {"bodies": ["y", 0]}))
    },
    "DetectHeads": {"l": FACES["l"], "b": FACES["b"], "x": FACES["h"]},
    "FilterPoses": {**POSES, "x": ("KinographFilterPoses", {"poses": ["t", 0], "most": 1})},
    "FilterPoses in a region": {
        **POSES,
        **MASKED,
        "x": ("KinographFilterPoses", {"poses": ["t", 0], "region": ["m", 0]}),
    },
    "RetargetPoses": {
        **POSES,
        "x": ("KinographRetargetPoses", {"poses": ["t", 0], "width": 100, "height": 60}),
    },
    "RetargetPoses to a reference": {
        **POSES,
        "r": ("KinographLoadPoses", {"file": "poses.safetensors"}),
        "x": ("KinographRetargetPoses", {"poses": ["t", 0], "reference": ["r", 0]}),
    },
    "PosesToKeypoints": {**POSES, "x": ("KinographPosesToKeypoints", {"poses": ["t", 0]})},
    "PosesFromKeypoints": {
        **POSES,
        "x": ("KinographPosesFromKeypoints", {"pose_keypoint": ["p", 1]}),
    },
    "DrawSkeleton over late poses": {
        **POSES,
        "g": ("KinographFillPoseGaps", {"poses": ["t", 0], "limit": 5}),
        "x": (
            "KinographDrawSkeleton",
            {"poses": ["g", 0], "background": "footage", "footage": ["f", 0]},
        ),
    },
    **{
        f"EstimateFlow {way} {first}": {
            "x": (
                "KinographEstimateFlow",
                {"image": ["f", 0], "direction": way, "first_frame": first},
            )
        }
        for way, first in (("forward", "duplicate"), ("backward", "white"), ("both", "zero"))
    },
    **{
        f"DrawFlow {how}": {
            **FLOW,
            "x": ("KinographDrawFlow", {"flow": ["e", 0], "normalise": how, "legend": True}),
        }
        for how in ("vace", "fixed", "ema")
    },
    "FlowOcclusion": {**FLOW, "x": ("KinographFlowOcclusion", {"flow": ["e", 0]})},
    **{
        f"FlowWarp {onto}": {
            **FLOW,
            "x": ("KinographFlowWarp", {"image": ["f", 0], "flow": ["e", 0], "onto": onto}),
        }
        for onto in ("previous onto this", "next onto this")
    },
    **{
        f"FlowMask {camera}": {
            **FLOW,
            "x": (
                "KinographFlowMask",
                {"flow": ["e", 0], "camera": camera, "soft": 1.0, "grow": 2, "feather": 3.0},
            ),
        }
        for camera in ("keep", "translation", "affine")
    },
    "MotionTracks": {
        **MASKED,
        "x": (
            "KinographMotionTracks",
            {"flow": ["e", 0], "mask": ["m", 0], "image": ["f", 0], "length": 33, "target": "ltx"},
        ),
    },
    "MotionTracks of joints": {
        **POSES,
        "x": ("KinographMotionTracks", {"poses": ["t", 0], "target": "any"}),
    },
    "CameraFromFlow": {
        **FLOW,
        "x": ("KinographCameraFromFlow", {"flow": ["e", 0], "width": 16, "height": 16}),
    },
    "DrawTracks": {
        **FLOW,
        "t": ("KinographMotionTracks", {"flow": ["e", 0], "target": "any", "points": 9}),
        "x": ("KinographDrawTracks", {"tracks": ["t", 0], "footage": ["f", 0]}),
    },
    "FlowStatistics": {**FLOW, "x": ("KinographFlowStatistics", {"flow": ["e", 0]})},
    **{
        f"DrawHeads {style}": {
            **HEADS,
            "x": (
                "KinographDrawHeads",
                {"heads": ["h", 0], "style": style, "background": "footage", "footage": ["f", 0]},
            ),
        }
        for style in ("axes", "mesh", "mediapipe_face", "face_68")
    },
    "DrawHeads alone": {**HEADS, "x": ("KinographDrawHeads", {"heads": ["h", 0]})},
    "HeadStatistics": {**HEADS, "x": ("KinographHeadStatistics", {"heads": ["h", 0]})},
    "TrackBodies": {
        **BODIES,
        "x": ("KinographTrackBodies", {"bodies": ["y", 0], "image": ["f", 0]}),
    },
    **{
        f"SmoothBodies {way} {up_to}": {
            **BODIES,
            "x": ("KinographSmoothBodies", {"bodies": ["y", 0], "direction": way, **up_to}),
        }
        for way, up_to in (("causal", {}), ("both", {}), ("causal", {"image": ["f", 0]}))
    },
    **{
        f"DrawSkeleton3D {' '.join(map(str, values.values()))}": {
            **BODIES,
            "k": ("KinographBodiesToKeypoints", {"bodies": ["y", 0]}),
            "x": (
                "KinographDrawSkeleton3D",
                {"bodies": ["y", 0], "poses": ["k", 0], "width": 96, **values},
            ),
        }
        for values in (
            {"colours": "track"},
            {"nearest": 2.5},
            {"nearest": 2.5, "fades_over": 3.0},
        )
    },
    "BodiesToKeypoints": {**BODIES, "x": ("KinographBodiesToKeypoints", {"bodies": ["y", 0]})},
    "LoadPredictions": {
        "x": ("KinographLoadPredictions", {"file": "predictions.json", "image": ["f", 0]})
    },
    "DetectObjects": {
        "l": ("KinographLoadRTDETRCheckpoint", {"file": "detector.pt"}),
        "b": ("KinographBuildEngine", {"model": ["l", 0], "backend": "torch", "max_batch": 4}),
        "x": (
            "KinographDetectObjects",
            {"image": ["f", 0], "engine": ["b", 0], "score_threshold": 0.0, "max_objects": 3},
        ),
    },
    "DrawDetections": {
        "l": ("KinographLoadPredictions", {"file": "predictions.json", "image": ["f", 0]}),
        "x": (
            "KinographDrawDetections",
            {"detections": ["l", 0], "background": "footage", "footage": ["f", 0]},
        ),
    },
    "flow of drawn flow": {**DRAWN, "x": ("KinographEstimateFlow", {"image": ["d", 0]})},
    **{
        f"VaceMask keep {keep!r} steady {steady}": {
            **POSES,
            **MASKED,
            "x": (
                "KinographVaceMask",
                {
                    "image": ["f", 0],
                    "mask": ["m", 0],
                    "poses": ["t", 0],
                    "keep": keep,
                    "steady": steady,
                    "grow": 2,
                    "feather": 2,
                },
            ),
        }
        for keep, steady in (("", False), ("first, 9-11, last, -3", False), ("every 4", True))
    },
    "VaceOutpaint": {
        **MASKED,
        "x": ("KinographVaceOutpaint", {"image": ["f", 0], "left": 16.0, "mask": ["m", 0]}),
    },
    "VaceCombine": {
        **DRAWN,
        **MASKED,
        "x": ("KinographVaceCombine", {"base": ["f", 0], "over": ["d", 0], "mask": ["m", 0]}),
    },
    "VaceCombine over one picture": {
        "o": ("LoadImage", {"image": "one.png"}),
        "x": ("KinographVaceCombine", {"base": ["f", 0], "over": ["o", 0]}),
    },
    **{
        f"VaceNormalise {settings}": {
            **MASKED,
            "x": (
                "KinographVaceNormalise",
                {"image": ["f", 0], "mask": ["m", 0], "fps": ["f", 2], **settings},
            ),
        }
        for settings in (
            {},
            {"length_mode": "cut"},
            {"footage": ["f", 0]},
            {"length_mode": "pad", "width": 96, "height": 96, "fit": "letterbox"},
            {"length": 9},
            {"length": 41},
            {"target_fps": 8.0},
            {"target_fps": 40.0, "preset": "wan_480p"},
        )
    },
    **{
        f"ControlNormalise {settings}": {
            **MASKED,
            "x": (
                "KinographControlNormalise",
                {"image": ["f", 0], "mask": ["m", 0], "fps": ["f", 2], **settings},
            ),
        }
        for settings in (
            {"preset": "minimax_h3", "length_mode": "cut"},
            {"preset": "void", "length_mode": "black", "fit": "letterbox", "width": 96},
            {"side": 10, "step": 3, "offset": 2, "target_fps": 40.0},
        )
    },
    "VacePreview of another model": {
        **MASKED,
        "x": ("KinographVacePreview", {"image": ["f", 0], "preset": "minimax_h3"}),
    },
    **{
        f"VacePreview {settings}": {
            **MASKED,
            "n": ("KinographVaceNormalise", {"image": ["f", 0], "mask": ["m", 0]}),
            "x": ("KinographVacePreview", {"vace": ["n", 2], **settings}),
        }
        for settings in ({}, {"length": 17}, {"length": 33, "fps": 30.0})
    },
    "VacePreview of images": {
        **MASKED,
        "x": ("KinographVacePreview", {"image": ["f", 0], "mask": ["m", 0], "width": 40}),
    },
    "CreateVideo": {"x": ("CreateVideo", {"images": ["f", 0], "fps": ["f", 2], "audio": ["f", 1]})},
    "GetVideoComponents of a made video": {
        "c": ("CreateVideo", {"images": ["f", 0], "fps": 12.5}),
        "x": ("GetVideoComponents", {"video": ["c", 0]}),
    },
    **{
        f"ImageScale {how}": {
            "x": (
                "ImageScale",
                {
                    "image": ["f", 0],
                    "upscale_method": how,
                    "width": 40,
                    "height": 44,
                    "crop": "center",
                },
            )
        }
        for how in ("bilinear", "lanczos")
    },
    "GetImageSize": {"x": ("GetImageSize", {"image": ["f", 0]})},
    "ImageScaleBy": {"x": ("ImageScaleBy", {"image": ["f", 0], "scale_by": 0.5})},
    "ImageScaleToMaxDimension": {
        "x": ("ImageScaleToMaxDimension", {"image": ["f", 0], "largest_size": 30})
    },
    "ImageScaleToTotalPixels": {
        "x": ("ImageScaleToTotalPixels", {"image": ["f", 0], "megapixels": 0.01})
    },
    **{
        f"ResizeImageMask {kind}": {
            "m": ("ImageToMask", {"image": ["f", 0]}),
            "x": ("ResizeImageMaskNode", {"input": source, "resize_type": kind, **given}),
        }
        for kind, source, given in (
            ("scale width", ["f", 0], {"resize_type.width": 30}),
            ("scale to multiple", ["m", 0], {"resize_type.multiple": 32}),
            ("match size", ["f", 0], {"resize_type.match": ["m", 0], "resize_type.crop": "center"}),
        )
    },
    "ResizeImageMask to a picture": {
        "l": ("LoadImage", {"image": "one.png"}),
        "x": (
            "ResizeImageMaskNode",
            {
                "input": ["f", 0],
                "resize_type": "match size",
                "resize_type.match": ["l", 0],
                "resize_type.crop": "center",
            },
        ),
    },
    "ResizeAndPadImage": {
        "x": ("ResizeAndPadImage", {"image": ["f", 0], "target_width": 40, "target_height": 40})
    },
    **{
        f"ImageFromBatch {first} {length}": {
            "x": (
                "ImageFromBatch",
                {"image": ["f", 0], "batch_index": first, "length": length},
            )
        }
        for first, length in ((0, 3), (9, 40), (50, 2))
    },
    "RepeatImageBatch": {"x": ("RepeatImageBatch", {"image": ["f", 0], "amount": 1})},
    "ImageStitch": {
        "l": ("LoadImage", {"image": "one.png"}),
        "x": (
            "ImageStitch",
            {"image1": ["l", 0], "image2": ["f", 0], "spacing_width": 4, "direction": "down"},
        ),
    },
    "ImageCompositeMasked": {
        "l": ("LoadImage", {"image": "one.png"}),
        "m": ("ImageToMask", {"image": ["f", 0]}),
        "x": (
            "ImageCompositeMasked",
            {"destination": ["f", 0], "source": ["l", 0], "mask": ["m", 0], "x": 70, "y": 4},
        ),
    },
    "ImagePadForOutpaint": {
        "x": ("ImagePadForOutpaint", {"image": ["f", 0], "left": 8, "feathering": 5})
    },
    "ImageInvert": {"x": ("ImageInvert", {"image": ["f", 0]})},
    "ImageToMask": {"x": ("ImageToMask", {"image": ["f", 0], "channel": "green"})},
    **{
        name: {
            "m": ("ImageToMask", {"image": ["f", 0]}),
            "x": (name, {"mask": ["m", 0], **given}),
        }
        for name, given in (
            ("MaskToImage", {}),
            ("InvertMask", {}),
            ("GrowMask", {"expand": 2}),
            ("FeatherMask", {"left": 5, "top": 0, "right": 9, "bottom": 3}),
            ("ThresholdMask", {"value": 0.4}),
        )
    },
    "MaskComposite": {
        "m": ("ImageToMask", {"image": ["f", 0]}),
        "o": ("SolidMask", {"width": 9, "height": 9}),
        "x": (
            "MaskComposite",
            {"destination": ["m", 0], "source": ["o", 0], "x": 3, "y": 4, "operation": "subtract"},
        ),
    },
    "SplitImageWithAlpha": {"x": ("SplitImageWithAlpha", {"image": ["f", 0]})},
    "JoinImageWithAlpha": {
        "o": ("SolidMask", {"width": 9, "height": 9}),
        "x": ("JoinImageWithAlpha", {"image": ["f", 0], "alpha": ["o", 0]}),
    },
    "ComfySwitchNode": {
        "n": ("ImageInvert", {"image": ["f", 0]}),
        "x": ("ComfySwitchNode", {"switch": True, "on_false": ["f", 0], "on_true": ["n", 0]}),
    },
    "Canny": {"x": ("Canny", {"image": ["f", 0], "low_threshold": 0.05, "high_threshold": 0.2})},
    **{
        f"VideoSlice {start} {duration}": {
            "c": ("CreateVideo", {"images": ["f", 0], "fps": 12.5, "audio": ["f", 1]}),
            "x": ("Video Slice", {"video": ["c", 0], "start_time": start, "duration": duration}),
        }
        for start, duration in ((0.0, 0.0), (0.3, 1.0), (1.0, 0.0))
    },
}
# Networks are in the shipped graphs, see test_chunked.py.
ELSEWHERE = {
    "KinographBodyStatistics",  # tests/workflows/chunked/test_saved_motion.py
    "KinographDetectPoses",
    "KinographDetectPosesInBoxes",
    # tests/render/test_maps.py
    *("KinographAddHandsAndFace", "KinographFlowMap", "KinographPoseMap"),
    *("KinographDetectBodies", "KinographDrawBodies"),  # tests/body/test_body_graphs.py
    "KinographDrawMeshOnHeads",  # tests/head/test_head_graphs.py
    "KinographUpscaleImages",  # tests/upscale/test_upscale_nodes.py
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_inputs(tmp_path_factory.mktemp("clips"), FRAMES)
    write_detector(folder / "detector.pt")
    dump(to_predictions(made_objects(FRAMES)), folder / "predictions.json")
    return folder


def plan_of(nodes: Nodes, folder: Path) -> tuple[Plan, host.Settings]:
    """With something that is shown behind each output of "x", so that it runs."""
    kind = catalogue().require(nodes["x"][0])
    never = rule_of(nodes["x"][0]).never
    shown: Nodes = {
        f"o{slot}": ("PreviewAny", {"source": ["x", slot]})
        for slot, output in enumerate(kind.outputs)
        if output.io_type != "KINO_STATE" and slot not in never
    }
    return planned(graph_of({**footage("clip.mp4"), **nodes, **shown}), folder)


def whole(plan: Plan, settings: host.Settings) -> Mapping[tuple[str, int], Any]:
    """What every node gives for the whole clip."""
    given: dict[tuple[str, int], Any] = {}
    for id_ in plan.order:
        inputs = {
            name: given[value.node, value.slot] if isinstance(value, Link) else value
            for name, value in plan.values[id_].items()
        }
        class_type = plan.graph.nodes[id_].class_type
        inputs = nested(catalogue().require(class_type).inputs, inputs)
        with host.using(settings), torch.inference_mode():
            output = catalogue().node(class_type).execute(**inputs)
        given |= {(id_, slot): value for slot, value in enumerate(output.args)}
    return given


def in_chunks(
    plan: Plan, settings: host.Settings, sizes: list[int], state: Path | None = None
) -> Mapping[tuple[str, int], Any]:
    """The same by chunks of these sizes, over and over; with every state through a file."""
    layout = lay_out(plan, catalogue())
    once = SingleRunNodes(layout, catalogue(), settings)
    rows: dict[tuple[str, int], list[Any]] = {}
    sources = open_sources(once)

    def put_down(came: Mapping[str, Any], again: frozenset[str]) -> None:
        for id_, outputs in came.items():
            if isinstance(outputs, tuple) and id_ not in again:
                for slot, value in enumerate(outputs):
                    rows.setdefault((id_, slot), []).append(value)

    for number, one in enumerate(layout.passes):
        once.run_up_to(*one.before)
        stage = Stage(once, number)
        for id_ in stage.sources:
            sources[id_].begin()
        turn = 0
        while True:
            count = sizes[turn % len(sizes)]
            turn += 1
            taken = {id_: sources[id_].take(count) for id_ in stage.sources}
            frames = {id_: chunk for id_, chunk in taken.items() if chunk is not None}
            if not frames and not stage.pending:
                break
            put_down(stage.step(frames, count), one.again)
            if state is not None:
                save_state(stage.state, state)
                stage = Stage(once, number)
                stage.state = load_state(state)
        for came in stage.flush():
            put_down(came, one.again)
    once.run_up_to(*layout.after)
    found = dict(once.given)
    for slot, parts in rows.items():
        kind = layout.kinds[slot]
        if kind == "rows":
            found[slot] = cat(parts)
        elif kind == "fixed":
            found[slot] = parts[-1]
    return found


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, every bit of them."""
    if isinstance(one, Tensor):
        return isinstance(other, Tensor) and one.dtype == other.dtype and torch.equal(one, other)
    if is_dataclass(one) and type(one) is type(other):
        return all(same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


@pytest.mark.parametrize("name", CASES)
def test_a_node_in_uneven_chunks_gives_the_same(name: str, folder: Path, tmp_path: Path) -> None:
    plan, settings = plan_of(CASES[name], folder)
    expected = whole(plan, settings)
    kinds = lay_out(plan, catalogue()).kinds
    schema = catalogue().require(plan.graph.nodes["x"].class_type)
    for sizes, state in (([5, 1, 1, 7, 2], tmp_path / "state"), ([1], None), ([64], None)):
        found = in_chunks(plan, settings, sizes, state)
        compared = 0
        for slot in range(len(schema.outputs)):
            if kinds["x", slot] == "state" or slot in rule_of(schema.node_id).never:
                continue
            one, other = expected["x", slot], found["x", slot]
            if isinstance(other, VideoPart):
                audio = other.audio
                if isinstance(audio, dict):
                    audio = Audio(audio["waveform"], audio["sample_rate"])
                elif audio is not None:
                    audio = audio.audio()
                other = replace(one, frames=other.frames, rate=other.rate, audio=audio)
            elif hasattr(one, "placement"):  # of each chunk its own
                one, other = ((v.video, v.mask, v.references) for v in (one, other))
            assert same(one, other), f"output {slot} in chunks of {sizes}"
            compared += 1
        assert compared


@pytest.mark.parametrize("name", catalogue().names())
def test_every_node_says_how_it_streams(name: str) -> None:
    assert isinstance(vars(catalogue().node(name))["STREAMING"], Rule)


def test_every_node_that_runs_in_chunks_is_tested() -> None:
    tested = {class_type for nodes in CASES.values() for class_type, _ in nodes.values()}
    for name in catalogue().names():
        rule = rule_of(name)
        if rule.kind in ("frames", "state", "stream", "sums") and name not in ELSEWHERE:
            assert name in tested, name


@pytest.mark.parametrize("name", catalogue().names())
def test_the_contract_fits_the_schema(name: str) -> None:
    rule, schema = rule_of(name), catalogue().require(name)
    inputs = {spec.id: spec.io_type for spec in possible(schema.inputs)}
    outputs = [output.io_type for output in schema.outputs]
    assert set(rule.one) <= set(rule.rows) <= set(inputs)
    assert (rule.kind == "state") == ("KINO_STATE" in outputs)
    assert ("KINO_STATE" in outputs) == (inputs.get("state") == "KINO_STATE")
    assert all(slot < len(outputs) for slot in (*rule.fixed, *rule.ends, *rule.never))
    rows = {"IMAGE", "MASK", "VIDEO", "KINO_POSES", "KINO_HEADS", "KINO_FLOW"}
    rows |= {"KINO_BODIES", "KINO_DETECTIONS"}
    rows |= {"KINO_VACE", "POSE_KEYPOINT", "BOUNDING_BOX", "IMAGE,MASK", "*"}
    assert {inputs[row] for row in rule.rows} <= rows
    if rule.kind in ("frames", "state", "stream", "sums"):
        named = {*rule.fixed, *rule.ends, *rule.never}
        for slot, kind in enumerate(outputs):
            assert slot in named or kind in rows | {"KINO_STATE"}, f"output {slot}"


REFUSED: dict[str, tuple[Nodes, str]] = {
    "the clip's fastest": (
        {**FLOW, "x": ("KinographDrawFlow", {"flow": ["e", 0], "normalise": "clip"})},
        r"node x \(KinographDrawFlow\): the fastest pixel .* choose vace, fixed or ema",
    ),
    "spread": (
        {"x": ("KinographVaceNormalise", {"image": ["f", 0], "length_mode": "spread"})},
        r"node x \(KinographVaceNormalise\): spread .* choose repeat_last, pad or cut",
    ),
    "batches": (
        {"x": ("BatchImagesNode", {"images.image0": ["f", 0]})},
        r"node x \(BatchImagesNode\): puts clips one after the other; run it without --chunk",
    ),
    "from the end of the batch": (
        {"x": ("ImageFromBatch", {"image": ["f", 0], "batch_index": -1})},
        r"node x \(ImageFromBatch\): .* choose a batch_index of 0 or more",
    ),
    "again and again": (
        {"x": ("RepeatImageBatch", {"image": ["f", 0], "amount": 2})},
        r"node x \(RepeatImageBatch\): .* choose an amount of 1",
    ),
    "from the end of the video": (
        {
            "c": ("CreateVideo", {"images": ["f", 0], "fps": 12.5}),
            "x": ("Video Slice", {"video": ["c", 0], "start_time": -1.0}),
        },
        r"node x \(Video Slice\): .* choose a start_time of 0 or more",
    ),
    "key frames": (
        {"x": ("KinographVaceKeyframes", {"images": ["f", 0]})},
        r"node x \(KinographVaceKeyframes\): .* without --chunk",
    ),
    "the way back": (
        {
            "n": ("KinographVaceNormalise", {"image": ["f", 0]}),
            "x": ("KinographVaceRestore", {"image": ["n", 0], "vace": ["n", 2]}),
        },
        r"node x \(KinographVaceRestore\): .* without --chunk",
    ),
    "a video as reference": (
        {
            "x": (
                "KinographVaceNormalise",
                {"image": ["f", 0], "reference_images": ["f", 0]},
            )
        },
        r"input 'reference_images': takes pictures as a whole, but node f .*Load Image",
    ),
    "a state by hand": (
        {
            **FLOW,
            "x": ("KinographEstimateFlow", {"image": ["f", 0], "state": ["e", 1]}),
        },
        r"node x \(KinographEstimateFlow\), input 'state': .*disconnect",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_needs_the_whole_clip_is_refused_by_name(name: str, folder: Path) -> None:
    nodes, message = REFUSED[name]
    plan, _ = plan_of(nodes, folder)
    with pytest.raises(GraphError, match=r"cannot run in chunks"):
        lay_out(plan, catalogue())
    with pytest.raises(GraphError, match=message):
        lay_out(plan, catalogue())


def test_pictures_of_the_preview_are_not_made(folder: Path) -> None:
    nodes = {**CASES["VacePreview {}"], "y": ("PreviewImage", {"images": ["x", 1]})}
    plan, _ = plan_of(nodes, folder)
    with pytest.raises(GraphError, match=r"node y .*does not give it in chunks"):
        lay_out(plan, catalogue())


def test_a_graph_without_frames(folder: Path) -> None:
    plan, _ = planned(
        graph_of({"a": ("PrimitiveInt", {"value": 3}), "b": ("PreviewAny", {"source": ["a", 0]})}),
        folder,
    )
    with pytest.raises(GraphError, match=r"no node takes the frames of a video"):
        lay_out(plan, catalogue())


def test_poses_that_are_fewer_than_the_frames(folder: Path) -> None:
    make_poses(folder / "short.safetensors", FRAMES - 2)
    nodes: Nodes = {
        "q": ("KinographLoadPoses", {"file": "short.safetensors"}),
        "x": ("KinographTrackPoses", {"poses": ["q", 0], "image": ["f", 0]}),
    }
    plan, settings = plan_of(nodes, folder)
    message = rf"node x .*as many frames in every input, found {FRAMES - 2} in poses, {FRAMES} in"
    with pytest.raises(GraphError, match=message):
        in_chunks(plan, settings, [5])
