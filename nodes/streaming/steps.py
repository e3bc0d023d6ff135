"""What runs a node chunk by chunk, with the same result as on the whole clip."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Outputs = tuple[Any, ...]


@dataclass(frozen=True)
class Look:
    """Frames of the whole clip that a step wants to see before the first chunk.

    input:   the input that they would come to
    indices: which of a given number of frames, in rising order
    """

    input: str
    indices: Callable[[int], list[int]]


class Step:
    """Runs a node that takes each frame by itself; the base of all steps.

    text: what the node displays
    ends: outputs, by slot, that `finish` leaves
    """

    def __init__(self, node: Any):
        self._node = node
        self._calls = 0
        self.text = ""
        self.ends: dict[int, Any] = {}

    def looks_at(self, inputs: Mapping[str, Any]) -> Look | None:
        """Return which frames of the whole clip `look` is to be given first; None if it is not.

        inputs: those that are known before any frame has come
        """
        return None

    def look(self, inputs: Mapping[str, Any]) -> None:
        """Look at the frames that `looks_at` asked for, among the inputs."""

    def takes(self, seen: int, count: int, inputs: Mapping[str, Any]) -> int:
        """Return how many of `count` waiting frames to run now, after `seen` frames.

        A network gets whole batches: sums in another order differ in the last bit.

        inputs: those of `run`, with some of the frames
        """
        return count

    def run(self, inputs: Mapping[str, Any]) -> Outputs | None:
        """Return the outputs for the next frames, or None if there are none yet."""
        return self._execute(inputs)

    def finish(self, inputs: Mapping[str, Any]) -> Outputs | None:
        """Return the outputs for the frames that were held back, or None; then fill `ends`."""
        return None

    @property
    def state(self) -> Any:
        """What another step of the same node needs to continue: what `states` can store."""
        return None

    @state.setter
    def state(self, value: Any) -> None:
        pass

    def _execute(self, inputs: Mapping[str, Any]) -> Outputs:
        output = self._node.execute(**inputs)
        self._calls += 1
        said = getattr(output.ui, "value", "")
        # a node's text covers only the frames that it was given
        self.text = f"of the last frames: {said}" if said and self._calls > 1 else said
        args: Outputs = output.args
        return args


class Carrying(Step):
    """Runs a node with an input `state` and an output of that type."""

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


class Held(Step):
    """Runs a node that looks at a neighbouring frame: the last one is seen again with the next
    chunk.

    rows: inputs that come frame by frame
    """

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
        """Return the inputs with the held-back frame in front, and the number of frames."""
        from ...engines.sequence import cat, frame_count, slice_frames

        rows = {name: inputs[name] for name in self.rows}
        if self._rows:
            rows = {name: cat([self._rows[name], value]) for name, value in rows.items()}
        count = frame_count(rows[self.rows[0]])
        self._rows = {name: slice_frames(value, count - 1, count) for name, value in rows.items()}
        return {**inputs, **rows}, count


class Ahead(Held):
    """Runs a node that looks at the next frame: the last frame waits for it."""

    def run(self, inputs: Mapping[str, Any]) -> Outputs | None:
        from ...engines.sequence import slice_frames

        seen, count = self._with_held(inputs)
        if count == 1:
            return None
        return tuple(slice_frames(value, 0, count - 1) for value in self._execute(seen))

    def finish(self, inputs: Mapping[str, Any]) -> Outputs | None:
        rows, self._rows = self._rows, {}
        return self._execute({**inputs, **rows}) if rows else None


class Behind(Held):
    """Runs a node that looks at the previous frame, which is given to it once more."""

    def run(self, inputs: Mapping[str, Any]) -> Outputs:
        from ...engines.sequence import slice_frames

        again = bool(self._rows)
        seen, count = self._with_held(inputs)
        outputs = self._execute(seen)
        return tuple(slice_frames(value, 1, count) for value in outputs) if again else outputs
