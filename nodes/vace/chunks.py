"""What the nodes share that normalise clips which come in chunks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...engines.words import counted
from ..streaming import Outputs, Refusal, Step, Values

if TYPE_CHECKING:
    from ...engines.vace.normalise import Normalised
    from ...engines.vace.settings import ClipSettings
    from ...engines.vace.stream import Normaliser

_SETTINGS = ("width", "height", "length", "length_mode", "fit", "preset", "fps", "target_fps")


class NormaliseStep(Step):
    """Normalises chunks; the length is known at the end.

    LENGTH: number of the output that holds it
    own:    what a node knows besides, for its state
    """

    LENGTH: int

    def __init__(self, node: Any):
        super().__init__(node)
        self._state: Any = None
        self._length = 0
        self.own: tuple[Any, ...] = ()

    def settings(self, inputs: Mapping[str, Any]) -> ClipSettings:
        """Return what the inputs ask for."""
        raise NotImplementedError

    def outputs(self, ready: Normalised, inputs: Mapping[str, Any]) -> Outputs:
        """Return the node's outputs for frames that are ready, without the length."""
        raise NotImplementedError

    def run(self, inputs: Mapping[str, Any]) -> Outputs | None:
        normaliser = self._normaliser(inputs)
        ready = normaliser.update(inputs["image"], inputs.get("mask"))
        self._state = normaliser.state
        return self._given(ready, inputs)

    def finish(self, inputs: Mapping[str, Any]) -> Outputs | None:
        outputs = self._given(self._normaliser(inputs).finish(), inputs)
        self.ends[self.LENGTH] = self._length
        return outputs

    def _normaliser(self, inputs: Mapping[str, Any]) -> Normaliser:
        from ...engines.vace.stream import Normaliser

        normaliser = Normaliser(self.settings(inputs))
        if self._state is not None:
            normaliser.state = self._state
        return normaliser

    def _given(self, ready: Normalised | None, inputs: Mapping[str, Any]) -> Outputs | None:
        if ready is None:
            return None
        self._length += ready.length
        tall, wide = ready.size
        rate = ready.placement.rate
        self.text = f"{counted(self._length, 'frame')} of {wide}x{tall} at {rate:.4g} fps"
        return self.outputs(ready, inputs)

    @property
    def state(self) -> Any:
        return (self._state, self._length, *self.own)

    @state.setter
    def state(self, value: Any) -> None:
        self._state, self._length, *own = value
        self.own = tuple(own)


def chosen(inputs: Mapping[str, Any], *more: str) -> dict[str, Any]:
    """Return those inputs that are settings of a clip, and `more`; the rest keep their defaults."""
    return {name: inputs[name] for name in (*_SETTINGS, *more) if name in inputs}


def not_live(values: Values) -> Refusal | None:
    """Return why there would not be a picture for each frame of a stream, if so."""
    if values.get("length", 0) != 0:
        return Refusal(
            "gives no more pictures than its length, and a stream has no end", "set length to 0"
        )
    resamples = values.get("target_fps", 0) != 0 or (
        values.get("preset", "none") != "none" and values.get("fps", 0) != 0
    )
    if resamples:
        return Refusal(
            "takes frames by the clock of a clip, of which a stream drops some", "set fps to 0"
        )
    return None
