"""Collect motion tracks from a clip that may come in chunks."""

from dataclasses import dataclass, field, replace

from torch import Tensor

from ..checks import check_frames
from ..errors import InputError
from ..flow.flow import Flow
from ..head.heads import Heads
from ..pose.poses import Poses
from ..sequence import state_type
from ..video.cuts import Cuts
from ..words import counted
from .follow import Followed, follow
from .joints import first_ids, joints_of, landmarks_of
from .points import on_canvas, spread_points, within
from .tracks import MotionTracks


@state_type("CollectedTracks")
@dataclass(frozen=True)
class Collected:
    """The tracks of all frames so far.

    tracks:   None before the first frame
    followed: where the points of a flow are
    ids:      [I] the people or heads that are followed
    cuts:     those so far
    ended:    whether a cut has come, after which nothing is followed
    one_way:  whether the flow has no backward direction
    """

    tracks: MotionTracks | None = None
    followed: Followed | None = None
    ids: Tensor | None = None
    cuts: Cuts = field(default_factory=Cuts)
    ended: bool = False
    one_way: bool = False

    def after(
        self,
        source: Flow | Poses | Heads,
        *,
        points: int = 64,
        mask: Tensor | None = None,
        image: Tensor | None = None,
    ) -> "Collected":
        """Return the tracks with those of the next frames.

        source: flow that carries points from frame to frame; or people or heads that were tracked,
                whose joints or landmarks are the points
        points: about how many to spread over the first frame with flow; at most, of each head
        mask:   [F,H,W] 0..1 in the size of the source: only points that it marks in its first frame
        image:  [F,H,W,3] 0..1: the frames, in which cuts are looked for; they end every track

        Raises `InputError` for frames of another number than the source's, flow without the forward
        direction, people without tracks, a first frame without anybody, and a mask that fits
        nothing or has another size.
        """
        new, cuts = self._new_shots(source, image)
        state = replace(self, cuts=cuts)
        if isinstance(source, Flow):
            return state._flow(source, points, mask, new)
        return state._found(source, points, mask, new)

    def _new_shots(
        self, source: Flow | Poses | Heads, image: Tensor | None
    ) -> tuple[Tensor | None, Cuts]:
        if image is None:
            return None, self.cuts
        check_frames("image", image)
        if len(image) != source.frame_count:
            raise InputError(
                f"image: expected {counted(source.frame_count, 'frame')}, as many as the flow, "
                f"poses or heads have, found {len(image)}"
            )
        return self.cuts.after(image)

    def _flow(
        self, flow: Flow, points: int, mask: Tensor | None, new: Tensor | None
    ) -> "Collected":
        before, parts = self.followed, []
        if before is None:
            if not flow.first:
                raise InputError(
                    "flow: expected a clip from its first frame on, found a later part"
                )
            start = spread_points(flow.size, points, mask).to(flow.device)
            before = Followed.start(start)
            parts.append(_tracks(start[None], before.alive[None], flow.size))
        pairs = None if new is None else new[len(new) - len(flow) :]
        path, visible, after = follow(before, flow, pairs)
        parts.append(_tracks(path, visible, flow.size))
        return replace(
            self._with(parts), followed=after, one_way=self.one_way or flow.backward is None
        )

    def _found(
        self, people: Poses | Heads, points: int, mask: Tensor | None, new: Tensor | None
    ) -> "Collected":
        ids = self.ids
        is_poses = isinstance(people, Poses)
        if ids is None:
            name = "poses" if is_poses else "heads"
            ids = first_ids(people, name, f"put Track {name.capitalize()} before this node")
        if isinstance(people, Poses):
            path, visible = joints_of(people, ids)
        else:
            path, visible = landmarks_of(people, ids, points)
        ended = self.ended
        if new is not None:
            over = (new.to(visible.device).cumsum(0) > 0) | ended
            visible = visible & ~over[:, None]
            ended = bool(over[-1]) if len(over) else ended
        if mask is not None and self.tracks is None and len(path):
            chosen = within(path[0], mask.to(path.device), people.canvas)
            visible = visible & chosen
        return replace(self._with([_tracks(path, visible, people.canvas)]), ids=ids, ended=ended)

    def _with(self, parts: list[MotionTracks]) -> "Collected":
        before = [] if self.tracks is None else [self.tracks]
        return replace(self, tracks=MotionTracks.cat([*before, *parts]))

    def finished(self) -> MotionTracks:
        """Return the tracks of the clip: the points that are visible in its first frame.

        Raises `InputError` for a clip of one frame, and if no point is visible in the first two
        frames.
        """
        if self.tracks is None or self.tracks.frame_count < 2:
            raise InputError("tracks: expected a clip of at least 2 frames, found 1")
        tracks = self.tracks.only(self.tracks.visible[0]).held()
        if not tracks.point_count:
            raise InputError(
                "tracks: no joint or landmark is seen in the first frame, where tracks begin; "
                "start the clip later, enlarge the mask, or follow a grid of points with flow"
            )
        if not bool(tracks.visible[1].any()):
            why = (
                "a new shot begins there; cut the clip"
                if 1 in self.cuts.frames
                else "look whether the flow is that of these frames, or use another model"
            )
            raise InputError(f"tracks: all {tracks.point_count} are lost in frame 1: {why}")
        return tracks

    def warnings(self, tracks: MotionTracks) -> list[str]:
        """Return what a user should know about finished tracks, as clauses."""
        found = []
        if self.one_way:
            found.append(
                "the flow has no backward direction, so occlusion does not end a track; choose "
                "direction both in Estimate Flow"
            )
        alive = tracks.visible.any(1)
        if not bool(alive[-1]):
            last = int(alive.nonzero().max())
            cause = f" ({self.cuts.text})" if last + 1 in self.cuts.frames else ""
            found.append(f"all tracks are lost from frame {last + 1} on{cause}")
        if float(tracks.lengths.max()) < 1:
            found.append("nothing moves: no track is a pixel long")
        return found


def _tracks(path: Tensor, visible: Tensor, canvas: tuple[int, int]) -> MotionTracks:
    return MotionTracks(path.float().cpu(), (visible & on_canvas(path, canvas)).cpu(), canvas)
