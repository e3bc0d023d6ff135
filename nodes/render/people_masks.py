"""Masks of People: a mask of everybody, and the masks that newer video models take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ...engines.render.people_masks.choices import COLOURS, FRONTS, MODES, PICTURES
from ...engines.vace.choices import FARTHEST
from ...engines.words import counted, enumerated
from .. import advanced
from ..api import host, io
from ..cuts import cuts_in, cuts_said
from ..search import found_by
from ..show import Shown
from ..streaming import Outputs, Rule, Step
from ..types import KinoBodies, KinoHeads, KinoPoses, Sam3TrackData
from ..widgets import cuts_input
from . import CATEGORY
from .pictures import size_inputs

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.render.people_masks.labels import Labels
    from ...engines.render.people_masks.masker import Masker, MaskState
    from ...engines.video.cuts import Cuts

_FOUND = ("poses", "heads", "bodies")
_MOST_HOLD = 1000  # frames


@dataclass
class _Clip:
    """Makes the masks of successive chunks with the node's inputs."""

    masker: Masker
    cuts: Cuts

    @classmethod
    def of(cls, inputs: Mapping[str, Any], before: tuple[MaskState, Cuts] | None) -> _Clip:
        from ...engines.geometry.placement import complete_size
        from ...engines.pose.filters import parse_tracks
        from ...engines.render.people_masks.masker import Masker, MaskState
        from ...engines.video.cuts import Cuts

        state, cuts = before or (MaskState(), Cuts())
        found = next(iter(_found(inputs).values()), None)
        size = (inputs["height"] or None, inputs["width"] or None)
        masker = Masker(
            size=None if found is None else complete_size(found.canvas, *size),
            fit=inputs["fit"],
            wanted=parse_tracks(inputs["tracks"]),
            margin=inputs["margin"] / 100,
            grow=inputs["grow"],
            hold=inputs["hold"],
            in_front=inputs["in_front"],
            state=state,
        )
        return cls(masker, cuts)

    @property
    def state(self) -> tuple[MaskState, Cuts]:
        return self.masker.state, self.cuts

    def update(self, inputs: Mapping[str, Any]) -> Labels:
        """Return who is seen where in the next frames."""
        found, image = _found(inputs), inputs.get("image")
        new_shot = None
        for name, each in list(found.items())[:1]:
            new_shot, self.cuts = cuts_in(image, each, name, self.cuts)
        frames = len(next(iter(found.values()), ()))
        return self.masker.update(found, new_shot, host.progress(frames))

    def ends(self) -> Outputs:
        """Return mask_1, mask_2, initial_mask and points."""
        from ...engines.render.people_masks.coordinates import positive_points

        state, device = self.masker.state, host.image_device()
        first, initial = state.first, state.initial
        empty = _empty(state).to(device)
        masks = [
            empty if first is None or len(first) <= n else first[n : n + 1].float().to(device)
            for n in range(2)
        ]
        if initial is None or not len(initial):
            return (*masks, empty, "[]")
        return (*masks, initial.float().to(device), positive_points(initial))

    def said(self) -> str:
        """Return who was found, in words, and what is to be warned of."""
        state, asked = self.masker.state, self.masker.wanted
        high, wide = state.size
        clip = f"{counted(state.frames, 'frame')} of {wide}x{high}"
        lines = [f"{counted(len(state.tracks), 'person', 'people')} in {clip}"]
        if state.tracks:
            lines[0] += ": " + enumerated(_who(state), len(state.tracks))
        if len(state.tracks) > 1 and any(state.since[:2]):
            one, two = state.since[:2]
            lines.append(f"mask_1 is of frame {one}, mask_2 of frame {two}")
        elif len(state.tracks) == 1:
            lines.append(f"mask_1 is of frame {state.since[0]}, mask_2 is empty")
        if cuts := cuts_said(self.cuts, "no mask is held across").strip():
            lines.append(cuts)
        warnings = []
        if not state.tracks and not state.others:
            warnings.append("no frame contains people; all masks are empty")
        elif not state.tracks:
            warnings.append(
                "tracks: nobody of them is seen, so that all masks are empty; expected some of the "
                f"tracks {enumerated(state.others)}"
            )
        elif asked is not None:
            lacking = [str(t[0]) for t in asked if len(t) == 1 and t[0] not in state.tracks]
            if lacking:
                warnings.append(
                    f"tracks: nobody of {enumerated(lacking)} is seen; there are the tracks "
                    f"{enumerated(sorted({*state.tracks, *state.others}))}"
                )
        if state.tracks and (state.initial is None or not len(state.initial)):
            warnings.append(
                "initial_mask and points are empty, as nobody is seen in frame 0; begin the clip "
                f"at frame {state.since[0]}"
            )
        if len(state.tracks) > len(COLOURS):
            warnings.append(
                f"coloured: {len(state.tracks)} people, but SCAIL-2 has {len(COLOURS)} colours; "
                f"those after the first {len(COLOURS)} are background; name who is meant in tracks"
            )
        return "\n".join([*lines, *(f"Warning: {warning}" for warning in warnings)])


class _Step(Step):
    """Makes masks chunk by chunk; those of single frames are there at the end."""

    def __init__(self, node: Any):
        super().__init__(node)
        self._state: tuple[MaskState, Cuts] | None = None

    def run(self, inputs: Mapping[str, Any]) -> Outputs:
        clip = _Clip.of(inputs, self._state)
        labels = clip.update(inputs)
        self._state = clip.state
        return (*_pictures(labels, inputs), None, None, None, None)  # and no track_data

    def finish(self, inputs: Mapping[str, Any]) -> None:
        if self._state is not None:
            clip = _Clip.of(inputs, self._state)
            self.ends = dict(enumerate(clip.ends(), 2))
            self.text = clip.said()

    @property
    def state(self) -> Any:
        return self._state

    @state.setter
    def state(self, value: Any) -> None:
        self._state = value


class PeopleMasks(io.ComfyNode):
    STREAMING = Rule(
        "stream",
        (*_FOUND, "image"),
        step=_Step,
        ends=(2, 3, 4, 5),
        never=(6,),
        draws=True,
    )
    ORDER = 225

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographMasksOfPeople",
            display_name="Masks of People",
            category=CATEGORY,
            **found_by(
                "person mask, character mask, human segmentation, segment people, sam2, sam3, "
                "scail, colored mask, infinitetalk, multitalk, silhouette, rotoscope"
            ),
            description="Makes masks of people from their joints, heads or bodies: of all, of each "
            "one, and in the forms that Wan-Animate, SCAIL-2, InfiniteTalk and SAM3 take.",
            inputs=[
                io.String.Input(
                    "tracks",
                    default="",
                    tooltip="Ids of the people to mask, such as 0,2-4. Others hide them where they "
                    "are in front. Empty: everybody.",
                ),
                io.Float.Input(
                    "margin",
                    default=10.0,
                    min=-50.0,
                    max=300.0,
                    step=1.0,
                    tooltip="Added to the thickness of limbs, torso and head in percent. Surfaces "
                    "of bodies stay as they are: use grow.",
                ),
                io.Int.Input(
                    "grow",
                    default=0,
                    min=-FARTHEST,
                    max=FARTHEST,
                    step=1,
                    tooltip="Pixels by which all masks grow on every side; negative values shrink "
                    "them.",
                ),
                advanced.Int.Input(
                    "feather",
                    default=0,
                    min=0,
                    max=FARTHEST,
                    step=1,
                    tooltip="Pixels over which the edges of mask fade. All other outputs have hard "
                    "edges.",
                ),
                advanced.Int.Input(
                    "hold",
                    default=4,
                    min=0,
                    max=_MOST_HOLD,
                    step=1,
                    tooltip="How many frames the mask of somebody who is not found stays where it "
                    "was, behind everybody else. 0: it ends at once.",
                ),
                advanced.Combo.Input(
                    "in_front",
                    options=list(FRONTS),
                    default="size",
                    tooltip="Who hides whom. size: who appears larger is in front. lower: whose "
                    "feet are lower is. Bodies hide each other by their distance.",
                ),
                io.Combo.Input(
                    "mode",
                    options=list(MODES),
                    default="animation",
                    tooltip="The mode of SCAIL-2 for coloured: the same as replacement_mode of "
                    "WanSCAILToVideo, which is off for animation.",
                ),
                io.Combo.Input(
                    "picture",
                    options=list(PICTURES),
                    default="driving",
                    tooltip="What the people were found in: the driving video, for "
                    "pose_video_mask, or the reference image, for reference_image_mask. With mode "
                    "it decides whether the background is black or white.",
                ),
                *size_inputs(),
                KinoPoses.Input(
                    "poses",
                    optional=True,
                    tooltip="From Track Poses; with Add Hands and Face fingers and faces are "
                    "masked as they are seen.",
                ),
                KinoHeads.Input(
                    "heads",
                    optional=True,
                    tooltip="Heads with the same tracks, which Detect Heads keeps from its poses; "
                    "alone: masks of heads.",
                ),
                KinoBodies.Input(
                    "bodies",
                    optional=True,
                    tooltip="Bodies with the same tracks, which Detect Bodies keeps from its "
                    "poses: their surface is the mask instead of limbs.",
                ),
                cuts_input("no mask is held across one"),
            ],
            outputs=[
                io.Mask.Output(
                    display_name="mask",
                    tooltip="1 where the people are, one per frame: character_mask of "
                    "WanAnimateToVideo, or the mask of VACE Mask.",
                ),
                io.Image.Output(
                    display_name="coloured",
                    tooltip="Each person in a colour of SCAIL-2, in the order of their first "
                    "appearance and from left to right, without mixed colours at edges: "
                    "pose_video_mask or reference_image_mask of WanSCAILToVideo.",
                ),
                io.Mask.Output(
                    display_name="mask_1",
                    tooltip="The first person where they are first seen, a single mask: mask_1 of "
                    "WanInfiniteTalkToVideo.",
                ),
                io.Mask.Output(
                    display_name="mask_2",
                    tooltip="The second person, likewise; empty if there is none.",
                ),
                io.Mask.Output(
                    display_name="initial_mask",
                    tooltip="One mask for each person of the first frame: initial_mask of "
                    "SAM3_VideoTrack, which follows them more precisely.",
                ),
                io.String.Output(
                    display_name="points",
                    tooltip="A pixel within each of these masks as JSON: positive_coords of "
                    "SAM3_Detect.",
                ),
                Sam3TrackData.Output(
                    display_name="track_data",
                    tooltip="The masks of all people in all frames, for SCAIL2ColoredMask, "
                    "SAM3_TrackToMask and SAM3_TrackPreview. Not given in chunks.",
                ),
            ],
        )

    @classmethod
    def execute(cls, **inputs: Any) -> io.NodeOutput:
        from ...engines.render.people_masks.sam3 import track_data

        clip = _Clip.of(inputs, None)
        labels = clip.update(inputs)
        mask, coloured = _pictures(labels, inputs)
        data = track_data(labels, len(clip.masker.state.tracks))
        picture = partial(_preview, coloured, inputs.get("image"))
        shown = Shown(clip.said(), picture=picture)
        return io.NodeOutput(mask, coloured, *clip.ends(), data, ui=shown)


def _found(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: inputs[name] for name in _FOUND if inputs.get(name) is not None}


def _pictures(labels: Labels, inputs: Mapping[str, Any]) -> Outputs:
    """Return mask and coloured."""
    from ...engines.render.people_masks.choices import background_of

    device = host.image_device()
    background = background_of(inputs["mode"], inputs["picture"])
    mask = labels.mask(inputs["feather"])
    return mask.to(device), labels.coloured(background).to(device)


def _empty(state: MaskState) -> Tensor:
    import torch

    return torch.zeros(1, *state.size)


def _who(state: MaskState) -> list[str]:
    """Return each of the people by track, colour, and the frames in which they are found."""
    names = []
    for number, track in enumerate(state.tracks):
        colour = COLOURS[number] if number < len(COLOURS) else "no colour"
        names.append(f"track {track} ({colour}, {counted(state.seen[number], 'frame')})")
    return names


def _preview(coloured: Tensor, image: Tensor | None) -> Tensor:
    """Return a few of the coloured masks, over the frames they belong to if these are there."""
    from ..previews import of_images

    drawn = of_images(coloured)
    if image is None or image.shape[:3] != coloured.shape[:3]:
        return drawn
    behind = of_images(image).to(drawn)
    return (behind + drawn) / 2
