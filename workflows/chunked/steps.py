"""What runs a node chunk by chunk, with the same result as of the whole clip."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from ...engines.flow.camera import CameraMotion
from ...engines.flow.estimate import FlowEstimator
from ...engines.flow.statistics import FlowStatistics, as_json, as_table, flow_statistics
from ...engines.pose.detect import letterbox_for
from ...engines.pose.files import read_poses
from ...engines.pose.files.pose_keypoint import to_bounding_boxes, to_pose_keypoint
from ...engines.pose.gaps import GapFiller
from ...engines.pose.poses import Poses
from ...engines.pose.size import detection_size
from ...engines.sequence import cat, frame_count, slice_frames
from ...engines.video.part import VideoPart
from ...nodes.pose.people import need_tracks
from ...nodes.standin import host

Outputs = tuple[Any, ...]


class Step:
    """A node that takes each frame by itself.

    run gives the outputs for the next frames, or None where there are none yet; finish those that
    were held back. `state` is what another step of the same node goes on with: plain values,
    tensors, and what `states` can write. `ends` are outputs that finish leaves, by slot.
    """

    def __init__(self, node: Any):
        self._node = node
        self._calls = 0
        self.text = ""
        self.ends: dict[int, Any] = {}

    def takes(self, seen: int, count: int, inputs: Mapping[str, Any]) -> int:
        """How many of `count` frames that wait to run now, `seen` having run: whole batches of a
        network, as sums in another order differ in the last bit.

        inputs: those of `run`, with some of the frames
        """
        return count

    def run(self, inputs: Mapping[str, Any]) -> Outputs | None:
        return self._execute(inputs)

    def finish(self, inputs: Mapping[str, Any]) -> Outputs | None:
        return None

    @property
    def state(self) -> Any:
        return None

    @state.setter
    def state(self, value: Any) -> None:
        pass

    def _execute(self, inputs: Mapping[str, Any]) -> Outputs:
        output = self._node.execute(**inputs)
        self._calls += 1
        said = getattr(output.ui, "value", "")
        # a node speaks of the frames that it was given
        self.text = f"of the last frames: {said}" if said and self._calls > 1 else said
        args: Outputs = output.args
        return args


class Carrying(Step):
    """A node with an input `state` and an output of that type."""

    def __init__(self, node: Any):
        super().__init__(node)
        kinds = [output.io_type for output in node.define_schema().outputs]
        self._slot = kinds.index("KINO_STATE")
        self._state: Any = None

    def run(self, inputs: Mapping[str, Any]) -> Outputs:
        outputs = self._execute({**inputs, "state": self._state})
        self._state = outputs[self._slot]
        return outputs

    @property
    def state(self) -> Any:
        return self._state

    @state.setter
    def state(self, value: Any) -> None:
        self._state = value


class EstimatedFlow(Carrying):
    """Estimate Flow."""

    def takes(self, seen: int, count: int, inputs: Mapping[str, Any]) -> int:
        engine = inputs.get("engine")
        if engine is None:
            return count  # DIS takes each pair by itself
        image: Tensor = inputs["image"]
        settings = {name: inputs[name] for name in ("direction", "size")}
        estimator = FlowEstimator(engine, **settings)
        pairs = estimator.pairs_at_once((image.shape[1], image.shape[2]))
        extra = 0 if seen else 1  # the first frame ends no pair
        return (count - extra) // pairs * pairs + extra if count > extra else 0


class Detect(Step):
    """Detect Poses: a size that is 0 is chosen once, for all chunks."""

    size = 0

    def takes(self, seen: int, count: int, inputs: Mapping[str, Any]) -> int:
        image, engine = inputs["image"], inputs["engine"]
        if not inputs["detection_size"] and not self.size:
            self.choose(inputs)
        size = inputs["detection_size"] or self.size
        letterbox = letterbox_for(engine, (image.shape[1], image.shape[2]), size)
        return count - count % int(engine.batch_for(*letterbox.target))

    def run(self, inputs: Mapping[str, Any]) -> Outputs:
        if not inputs["detection_size"]:
            if not self.size:
                self.choose(inputs)
            inputs = {**inputs, "detection_size": self.size}
        return self._execute(inputs)

    def choose(self, inputs: Mapping[str, Any]) -> None:
        """Choose by some frames, as Detect Poses does by those of a whole clip."""
        host.ready(inputs["engine"])
        self.size = detection_size(inputs["image"], inputs["engine"])

    @property
    def state(self) -> Any:
        return self.size

    @state.setter
    def state(self, value: Any) -> None:
        self.size = value or 0


class Gaps(Step):
    """Fill Pose Gaps: what may yet be filled is held back."""

    def __init__(self, node: Any):
        super().__init__(node)
        self._kept: tuple[Any, int] = (None, 0)

    def run(self, inputs: Mapping[str, Any]) -> Outputs | None:
        need_tracks(inputs["poses"])
        filler = self._filler(inputs)
        out = filler.update(inputs["poses"])
        self._kept = filler.state
        return None if out is None else (out,)

    def finish(self, inputs: Mapping[str, Any]) -> Outputs | None:
        out = self._filler(inputs).finish()
        self._kept = (None, 0)
        return None if out is None else (out,)

    def _filler(self, inputs: Mapping[str, Any]) -> GapFiller:
        return GapFiller(inputs["limit"], *self._kept)

    @property
    def state(self) -> Any:
        return self._kept

    @state.setter
    def state(self, value: Any) -> None:
        self._kept = value


class _Held(Step):
    """A node that looks at a neighbour: some rows are seen again with the next chunk."""

    rows: tuple[str, ...] = ("flow",)

    def __init__(self, node: Any):
        super().__init__(node)
        self._rows: dict[str, Any] = {}

    @property
    def state(self) -> Any:
        return self._rows

    @state.setter
    def state(self, value: Any) -> None:
        self._rows = dict(value)

    def _with_held(self, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
        """The inputs with what was held before them, and how many frames they are now."""
        rows = {name: inputs[name] for name in self.rows}
        if self._rows:
            rows = {name: cat([self._rows[name], value]) for name, value in rows.items()}
        count = frame_count(rows[self.rows[0]])
        self._rows = {name: slice_frames(value, count - 1, count) for name, value in rows.items()}
        return {**inputs, **rows}, count


class Ahead(_Held):
    """A node that looks at the frame after: the last frame waits for it."""

    def run(self, inputs: Mapping[str, Any]) -> Outputs | None:
        seen, count = self._with_held(inputs)
        if count == 1:
            return None
        return tuple(slice_frames(value, 0, count - 1) for value in self._execute(seen))

    def finish(self, inputs: Mapping[str, Any]) -> Outputs | None:
        rows, self._rows = self._rows, {}
        return self._execute({**inputs, **rows}) if rows else None


class Behind(_Held):
    """A node that looks at the frame before, which is given to it once more."""

    def run(self, inputs: Mapping[str, Any]) -> Outputs:
        again = bool(self._rows)
        seen, count = self._with_held(inputs)
        outputs = self._execute(seen)
        return tuple(slice_frames(value, 1, count) for value in outputs) if again else outputs


class Warp(Step):
    """Warp by Flow: one or the other."""

    def __init__(self, node: Any):
        super().__init__(node)
        self._either: dict[bool, _Held] = {True: Behind(node), False: Ahead(node)}
        for step in self._either.values():
            step.rows = ("image", "flow")

    def run(self, inputs: Mapping[str, Any]) -> Outputs | None:
        return self._chosen(inputs).run(inputs)

    def finish(self, inputs: Mapping[str, Any]) -> Outputs | None:
        return self._chosen(inputs).finish(inputs)

    def _chosen(self, inputs: Mapping[str, Any]) -> _Held:
        return self._either[inputs["onto"] == "previous onto this"]

    @property
    def state(self) -> Any:
        return [step.state for step in self._either.values()]

    @state.setter
    def state(self, value: Any) -> None:
        for step, rows in zip(self._either.values(), value, strict=True):
            step.state = rows


class LoadedPoses(Step):
    """Load Poses with frames: the file's poses of the frames that came."""

    def __init__(self, node: Any):
        super().__init__(node)
        self._poses: Poses | None = None
        self._at = 0

    def run(self, inputs: Mapping[str, Any]) -> Outputs:
        image: Tensor = inputs["image"]
        start, self._at = self._at, self._at + len(image)
        if self._poses is None:
            canvas = (image.shape[1], image.shape[2])
            self._poses = read_poses(host.input_path(inputs["file"].strip()), canvas=canvas)
        poses = self._poses
        here = poses.slice(start, self._at)
        more = len(image) - len(here)
        if more:
            people = poses.scores.shape[1]
            empty = Poses.empty(more, poses.canvas, people=people, skeleton=poses.skeleton)
            here = Poses.cat([here, empty])
        self.text = f"{self._at} frames"
        return here, to_pose_keypoint(here), to_bounding_boxes(here)

    def finish(self, inputs: Mapping[str, Any]) -> None:
        if self._poses is not None and len(self._poses) > self._at:
            path = host.input_path(inputs["file"].strip())
            read_poses(path, canvas=self._poses.canvas, frames=self._at)  # says what is wrong

    @property
    def state(self) -> Any:
        return self._at

    @state.setter
    def state(self, value: Any) -> None:
        self._at = value


class Video(Step):
    """Create Video."""

    def run(self, inputs: Mapping[str, Any]) -> Outputs:
        frames: Tensor = inputs["images"]
        return (VideoPart(frames[..., :3], Fraction(inputs["fps"]), inputs.get("audio")),)


class Components(Step):
    """Get Video Components of a video that is being made."""

    def run(self, inputs: Mapping[str, Any]) -> Outputs:
        video: VideoPart = inputs["video"]
        return video.frames, video.audio, float(video.rate)


class Statistics(Step):
    """Flow Statistics: the numbers of every pair are kept, the flow is not."""

    def __init__(self, node: Any):
        super().__init__(node)
        self._found: Any = None  # of all pairs so far
        self._fps = 0.0

    def run(self, inputs: Mapping[str, Any]) -> None:
        found = flow_statistics(inputs["flow"], threshold=inputs["threshold"])
        self._fps = inputs["flow"].fps
        self._found = found if self._found is None else _behind(self._found, found)

    def finish(self, inputs: Mapping[str, Any]) -> None:
        text = as_json(self._found, fps=self._fps, threshold=inputs["threshold"])
        self.ends = {0: text, 1: self._found.clip_mean, 2: self._found.clip_max}
        self.text = as_table(self._found)

    @property
    def state(self) -> Any:
        return [self._found, self._fps]

    @state.setter
    def state(self, value: Any) -> None:
        self._found, self._fps = value


def _behind(one: FlowStatistics, other: FlowStatistics) -> FlowStatistics:
    """The numbers of two chunks in a row."""
    columns = {
        name: torch.cat([getattr(one, name), getattr(other, name)])
        for name in ("mean", "median", "p95", "most", "direction", "moving")
    }
    return FlowStatistics(
        **columns,
        camera=CameraMotion(torch.cat([one.camera.matrix, other.camera.matrix])),
        numbers=range(one.numbers.start, one.numbers.stop + len(other.numbers)),
    )
