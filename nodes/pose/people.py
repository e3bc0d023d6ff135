"""Nodes that change poses: who is who, steadier, fewer, elsewhere."""

from typing import Any

from torch import Tensor

from ...engines.checks import check_frames
from ...engines.errors import InputError
from ...engines.geometry.placement import FITS
from ...engines.pose.filters import filter_people, parse_tracks
from ...engines.pose.gaps import fill_gaps
from ...engines.pose.poses import Poses
from ...engines.pose.retarget import onto_canvas, with_proportions
from ...engines.pose.smoothing import DIRECTIONS, FilterState, Smoother
from ...engines.pose.tracking import Tracker, TrackState
from ...engines.pose.tracks import jitter
from ...engines.video.cuts import scene_cuts, thumbnails
from ..api import io
from ..inputs import own_state
from ..search import found_by
from ..show import Shown
from ..types import KinoPoses, KinoState

_POSES = "From Detect Poses or another node that gives poses."


class TrackPoses(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographTrackPoses",
            display_name="Track Poses",
            category="Kinograph/pose",
            **found_by("tracker, person id, identity, follow people, bytetrack, scene cut"),
            description="Gives every person an id that stays with them through crossings and short "
            "occlusions.",
            inputs=[
                KinoPoses.Input("poses", tooltip=_POSES),
                io.Int.Input(
                    "max_gap",
                    default=30,
                    min=0,
                    max=1000,
                    step=1,
                    tooltip="Frames for which somebody who is out of sight is remembered.",
                ),
                io.Image.Input(
                    "image",
                    optional=True,
                    tooltip="The frames, to see cuts in them: everybody is new after a cut.",
                ),
                KinoState.Input(
                    "state",
                    optional=True,
                    tooltip="State of this node after the chunk before, to go on with its tracks.",
                ),
            ],
            outputs=[
                KinoPoses.Output(display_name="poses", tooltip="The same people, with tracks."),
                KinoState.Output(
                    display_name="state", tooltip="For this node with the chunk that follows."
                ),
            ],
        )

    @classmethod
    def execute(
        cls, poses: Poses, max_gap: int, image: Tensor | None = None, state: Any = None
    ) -> io.NodeOutput:
        known, last = own_state(state, tuple) or (TrackState(), None)
        tracker = Tracker(max_gap=max_gap, state=known)
        cuts = None
        if image is not None:
            check_frames("image", image)
            if image.shape[0] != len(poses):
                raise InputError(
                    f"image: expected the {len(poses)} frames of the poses, found {image.shape[0]}"
                )
            cuts = scene_cuts(image, last)
            last = thumbnails(image[-1:])
        tracked = tracker.update(poses, cuts)
        people = len(tracked.track_ids[tracked.track_ids >= 0].unique())
        shots = 0 if cuts is None else int(cuts.sum())
        text = f"{people} people" + (f", {shots} cuts" if shots else "")
        return io.NodeOutput(tracked, (tracker.state, last), ui=Shown(text))


class SmoothPoses(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographSmoothPoses",
            display_name="Smooth Poses",
            category="Kinograph/pose",
            **found_by("one euro filter, jitter, stabilize, temporal smoothing, flicker"),
            description="Takes the jitter out of tracked people's joints with a One-Euro filter, "
            "which holds what rests and follows what moves.",
            inputs=[
                KinoPoses.Input("poses", tooltip="From Track Poses."),
                io.Float.Input(
                    "fps",
                    default=16.0,
                    min=1.0,
                    max=240.0,
                    step=0.01,
                    tooltip="Frames a second of the clip, e.g. from Get Video Components.",
                ),
                io.Float.Input(
                    "min_cutoff",
                    default=1.0,
                    min=0.01,
                    max=100.0,
                    step=0.01,
                    tooltip="Cutoff in Hz for a joint at rest. Lower: steadier.",
                ),
                io.Float.Input(
                    "beta",
                    default=20.0,
                    min=0.0,
                    max=1000.0,
                    step=0.1,
                    tooltip="How many Hz the cutoff rises for each body height a second that a "
                    "joint moves. Higher: follows faster.",
                ),
                io.Combo.Input(
                    "direction",
                    options=list(DIRECTIONS),
                    default="both",
                    tooltip="both: there and back, without lag; needs the whole clip. causal: from "
                    "the past only, for clips that come in chunks.",
                ),
                KinoState.Input(
                    "state",
                    optional=True,
                    tooltip="State of this node after the chunk before; with direction causal.",
                ),
            ],
            outputs=[
                KinoPoses.Output(display_name="poses", tooltip="The same people, smoothed."),
                KinoState.Output(
                    display_name="state", tooltip="For this node with the chunk that follows."
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        poses: Poses,
        fps: float,
        min_cutoff: float,
        beta: float,
        direction: str,
        state: Any = None,
    ) -> io.NodeOutput:
        if state is not None and direction != "causal":
            raise InputError(
                f"state: a chunk goes on from the one before with direction causal only, found "
                f"{direction}; choose causal or disconnect state"
            )
        need_tracks(poses)
        known = own_state(state, FilterState)
        smoother = Smoother(fps, min_cutoff, beta, direction, known)
        smoothed = smoother.update(poses)
        before, after = jitter(poses), jitter(smoothed)
        text = f"mean acceleration {before:.2f} -> {after:.2f} px/frame²"
        return io.NodeOutput(smoothed, smoother.state, ui=Shown(text))


class FillPoseGaps(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographFillPoseGaps",
            display_name="Fill Pose Gaps",
            category="Kinograph/pose",
            **found_by("interpolate, missing joints, missing frames, occlusion"),
            description="Puts back joints and people that a track loses for a few frames, on the "
            "straight line between where they were last and next seen.",
            inputs=[
                KinoPoses.Input("poses", tooltip="From Track Poses."),
                io.Int.Input(
                    "limit",
                    default=8,
                    min=0,
                    max=1000,
                    step=1,
                    tooltip="Longest gap in frames that is filled.",
                ),
            ],
            outputs=[KinoPoses.Output(display_name="poses", tooltip="With the gaps filled.")],
        )

    @classmethod
    def execute(cls, poses: Poses, limit: int) -> io.NodeOutput:
        need_tracks(poses)
        filled = fill_gaps(poses, limit)
        joints = int((filled.confidence > 0).sum() - (poses.confidence > 0).sum())
        people = int(filled.count.sum() - poses.count.sum())
        text = f"{joints} joints and {people} poses filled in"
        return io.NodeOutput(filled, ui=Shown(text))


class FilterPoses(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographFilterPoses",
            display_name="Filter Poses",
            category="Kinograph/pose",
            **found_by("select person, pick person, remove people, largest person"),
            description="Keeps people by track, by size and by place; all that is asked must hold.",
            inputs=[
                KinoPoses.Input("poses", tooltip=_POSES),
                io.String.Input(
                    "tracks",
                    default="",
                    tooltip="Ids from Track Poses, such as 0,2-4. Empty: everybody.",
                ),
                io.Float.Input(
                    "min_height",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Least height of a person's box, in parts of the frame's.",
                ),
                io.Float.Input(
                    "max_height",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Greatest height of a person's box, in parts of the frame's.",
                ),
                io.Int.Input(
                    "most",
                    default=0,
                    min=0,
                    max=64,
                    step=1,
                    tooltip="Keeps the largest so many of each frame. 0: all.",
                ),
                io.Mask.Input(
                    "region",
                    optional=True,
                    tooltip="Keeps those the middle of whose box lies in it: one mask, or one a "
                    "frame.",
                ),
            ],
            outputs=[KinoPoses.Output(display_name="poses", tooltip="Those who are kept.")],
        )

    @classmethod
    def execute(
        cls,
        poses: Poses,
        tracks: str,
        min_height: float,
        max_height: float,
        most: int,
        region: Tensor | None = None,
    ) -> io.NodeOutput:
        wanted = parse_tracks(tracks)
        if wanted is not None:
            need_tracks(poses)
        kept = filter_people(
            poses,
            tracks=wanted,
            min_height=min_height,
            max_height=max_height,
            region=region,
            most=most,
        )
        text = f"{int(kept.count.sum())} of {int(poses.count.sum())} poses kept"
        return io.NodeOutput(kept, ui=Shown(text))


class RetargetPoses(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographRetargetPoses",
            display_name="Retarget Poses",
            category="Kinograph/pose",
            **found_by("align pose, pose transfer, body proportions, resize keypoints, scale pose"),
            description="Brings poses onto another canvas, and gives people the proportions of "
            "somebody else while they move as they did, feet on the ground.",
            inputs=[
                KinoPoses.Input("poses", tooltip="From Track Poses, where there is a reference."),
                io.Int.Input(
                    "width",
                    default=0,
                    min=0,
                    max=16384,
                    step=1,
                    tooltip="Of the new canvas, in pixels. 0: as it is, or from the height.",
                ),
                io.Int.Input(
                    "height",
                    default=0,
                    min=0,
                    max=16384,
                    step=1,
                    tooltip="Of the new canvas, in pixels. 0: as it is, or from the width.",
                ),
                io.Combo.Input(
                    "fit",
                    options=list(FITS),
                    default="letterbox",
                    tooltip="How the old canvas lies on the new: each side by itself, whole with "
                    "borders, or filling it and cut at the edges.",
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="0: own proportions; 1: the reference's.",
                ),
                KinoPoses.Input(
                    "reference",
                    optional=True,
                    tooltip="Poses of a picture of the character: its first person's limbs.",
                ),
            ],
            outputs=[KinoPoses.Output(display_name="poses", tooltip="On the new canvas.")],
        )

    @classmethod
    def execute(
        cls,
        poses: Poses,
        width: int,
        height: int,
        fit: str,
        strength: float,
        reference: Poses | None = None,
    ) -> io.NodeOutput:
        if reference is not None:
            need_tracks(poses)
            poses = with_proportions(poses, reference.to(poses.device), strength=strength)
        size = sized(poses.canvas, height, width)
        return io.NodeOutput(poses if size == poses.canvas else onto_canvas(poses, size, fit))


def sized(canvas: tuple[int, int], height: int, width: int) -> tuple[int, int]:
    """Height and width, where 0 follows from the other one and the canvas's shape."""
    if height and width:
        return height, width
    if width:
        return max(1, round(width * canvas[0] / canvas[1])), width
    if height:
        return height, max(1, round(height * canvas[1] / canvas[0]))
    return canvas


def need_tracks(poses: Poses) -> None:
    """Raise `InputError` where somebody has no track."""
    if bool((poses.present & (poses.track_ids < 0)).any()):
        raise InputError("poses: expected people with tracks; put Track Poses before this node")
