"""Estimate the flow of whole clips, and of clips that come in chunks."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ..checks import check_frames
from ..errors import InputError
from ..geometry.placement import Placement
from ..runtime.engine import Engine
from ..runtime.network import Network
from ..sequence import state_type
from ..video.cuts import Cuts
from . import dis
from .choices import DIRECTIONS, FIRST_FRAMES
from .consistency import carried
from .dis import Dis
from .family import flow_family
from .flow import Flow
from .resize import from_placement

Progress = Callable[[int], None]

_DIS_PAIRS = 8  # per call: several for every thread, few enough for steady progress
_DIS_PIXELS = _DIS_PAIRS * 1920 * 1080  # larger frames take so long that fewer go at once


def estimate_flow(
    frames: Tensor,
    engine: Engine | None = None,
    *,
    direction: str = "forward",
    size: int = 0,
    first: str = "duplicate",
    fps: float = 16.0,
    preset: str = "medium",
    across_cuts: bool = False,
    progress: Progress | None = None,
) -> Flow:
    """Estimate the motion between the frames of a clip [F,H,W,3] 0..1; see `FlowEstimator`."""
    estimator = FlowEstimator(
        engine,
        direction=direction,
        size=size,
        first=first,
        fps=fps,
        preset=preset,
        across_cuts=across_cuts,
    )
    return estimator.update(frames, progress)


@state_type()
@dataclass(frozen=True)
class FlowState:
    """What carries over from chunk to chunk: the last frame [1,H,W,3], and with warm start what the
    next pair begins with; None at the start. And the cuts so far."""

    last: Tensor | None = None
    begin: Tensor | None = None
    cuts: Cuts = field(default_factory=Cuts)


@dataclass
class FlowEstimator:
    """Estimate the flow of a clip that may come in chunks, with the same result as for the whole.

    engine:    of a flow model; None = OpenCV's DIS, on the CPU. One that was built for a warm
               start takes pairs one by one, each starting from the result of the one before
    direction: forward (from each frame to the next), backward or both
    size:      longer side of the frames in the computation, px; 0 = the model's recommendation,
               but no more than their own; DIS: their own. The flow is of the frames' size.
    first:     what stands for the first frame of all: see `Flow`
    fps:       frames per second of the clip
    preset:    of DIS: ultrafast, fast or medium
    across_cuts: whether there is motion between two shots, too. Without it, it is 0 from the last
               frame of a shot to the first of the next
    state:     of an earlier estimator, to continue from

    Raises `InputError` for unknown names and an engine of another kind.
    """

    engine: Engine | None = None
    direction: str = "forward"
    size: int = 0
    first: str = "duplicate"
    fps: float = 16.0
    preset: str = "medium"
    across_cuts: bool = False
    state: FlowState = field(default_factory=FlowState)

    def __post_init__(self) -> None:
        for name, known in (("direction", DIRECTIONS), ("first", FIRST_FRAMES)):
            if (value := getattr(self, name)) not in known:
                raise InputError(f"{name}: expected one of {', '.join(known)}, found {value!r}")
        if self.engine is not None:
            flow_family(self.engine.model)
            self._check_warm(self.engine.network)
        self._dis = Dis(self.preset) if self.engine is None else None

    def _check_warm(self, network: Network) -> None:
        if self.direction == "both" and network.takes("start") and len(network.outputs) < 2:
            raise InputError(
                "engine: expected one built for both ways, as direction is both and each pair "
                "starts from the one before; switch on both_ways in Load Flow Model"
            )

    def reset(self) -> None:
        """Start another clip with the next frames."""
        self.state = FlowState()

    def update(self, frames: Tensor, progress: Progress | None = None) -> Flow:
        """Return the flow of the next frames [F,H,W,3] 0..1, on the engine's device; with DIS on
        theirs.

        The first chunk of F frames has F - 1 pairs, every other one F: its first pair begins in
        the last frame of the chunk before. progress: called with frames done since the last call.

        Raises `InputError` for frames that are not RGB in 0..1 or have another size than before.
        """
        exact = check_frames("image", frames)
        last = self.state.last
        if last is not None and last.shape[1:] != frames.shape[1:]:
            raise InputError(
                f"image: expected {last.shape[2]}x{last.shape[1]} as in the chunk before, "
                f"found {frames.shape[2]}x{frames.shape[1]}; reset the state for another clip"
            )
        new, cuts = self.state.cuts.after(frames)
        if last is not None:
            frames = torch.cat([last.to(frames), frames])
        else:
            new = new[1:]  # [pairs], like all that follows
        place = self._place((frames.shape[1], frames.shape[2]))
        device = frames.device if self.engine is None else self.engine.device
        found = {
            name: torch.empty(len(frames) - 1, 2, *place.source, device=device)
            for name in ("forward", "backward")
            if self.direction in (name, "both")
        }
        step = self._pairs(place)
        for start in range(0, len(frames) - 1, step):
            chunk = frames[start : start + step + 1]
            images = place.resize(chunk.to(device, torch.float32).movedim(-1, 1), fill=None)
            if not exact or place.inner != place.source:  # resizing may round past 1
                images = images.clamp(0, 1)
            for name, flow in self._flow(images).items():
                found[name][start : start + len(flow)] = from_placement(flow, place)
            if self._restarts(new[start : start + step]):
                self.state = replace(self.state, begin=None)
            if progress is not None:
                progress(len(chunk) - 1)
        if progress is not None and last is None:
            progress(1)
        if not self.across_cuts:
            for flow in found.values():
                flow.masked_fill_(new.to(device)[:, None, None, None], 0)
        self.state = FlowState(frames[-1:].clone(), self.state.begin, cuts)
        first = self.first if last is None else ""
        return Flow(**found, fps=self.fps, first=first)

    def _restarts(self, new: Tensor) -> bool:
        """Return whether the next pair starts from nothing, after pairs of which `new` end in a
        new shot."""
        warm = self.engine is not None and self.engine.network.takes("start")
        return warm and not self.across_cuts and bool(new[-1])

    def pairs_at_once(self, size: tuple[int, int]) -> int:
        """Return how many pairs of frames of `size` (height, width) are computed together."""
        return self._pairs(self._place(size))

    def _place(self, source: tuple[int, int]) -> Placement:
        if self.engine is None:
            return Placement.padded(source, self.size, stride=dis.STRIDE, least=dis.LEAST)
        network = self.engine.network
        size = self.size or min(self.engine.model.entry.recommended_size, max(source))
        place = Placement.padded(source, size, stride=network.stride, least=network.least)
        self.engine.check_size(max(place.target))
        return place

    def _pairs(self, place: Placement) -> int:
        """Return how many pairs to compute at once."""
        if self.engine is None:
            fit = _DIS_PIXELS // (place.target[0] * place.target[1])
            return min(_DIS_PAIRS, max(torch.get_num_threads(), fit))
        if self.engine.network.takes("start"):
            return 1
        return max(1, self.engine.batch_for(*place.target) - 1)

    def _flow(self, images: Tensor) -> dict[str, Tensor]:
        """Return images [F,3,h,w] -> flow [F-1,2,h,w] by direction."""
        if self._dis is not None:
            return self._dis(images, self.direction)
        assert self.engine is not None
        if self.engine.network.takes("start"):
            return self._warm(images)
        if self.direction == "backward":
            return {"backward": self._reversed(images)}
        outputs = self.engine.infer(images)
        flows = {"forward": outputs["flow"]}
        if self.direction == "both":
            known = outputs.get("backward")
            flows["backward"] = self._reversed(images) if known is None else known
        return flows

    def _warm(self, images: Tensor) -> dict[str, Tensor]:
        """Estimate the flow of a pair [2,3,h,w], starting from where the pair before leads."""
        assert self.engine is not None
        network = self.engine.network
        if self.direction == "backward":
            images = images.flip(0)
        outputs = self.engine.infer(images, start=self.state.begin)
        found = torch.cat([outputs[spec.name].float() for spec in network.outputs])
        ways = [-1, 1] if self.direction == "backward" else [1, -1]
        begin = carried(found, network.stride, ways[: len(found)])
        self.state = replace(self.state, begin=begin)
        if self.direction == "both":
            return {"forward": found[:1], "backward": found[1:]}
        return {self.direction: found[:1]}

    def _reversed(self, images: Tensor) -> Tensor:
        """Return the backward flow, as the forward flow of the clip played backward."""
        assert self.engine is not None
        return self.engine.infer(images.flip(0))["flow"].flip(0)
