"""VACE's nodes chunk by chunk, with the same result as of the whole clip."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ...engines.errors import InputError
from ...engines.vace.inspector import Inspector
from ...engines.vace.normalise import Normalised
from ...engines.vace.positions import parse_frames
from ...engines.vace.reference import fit_references
from ...engines.vace.settings import Settings
from ...engines.vace.stream import Normaliser
from ...nodes.standin import host
from ...nodes.vace.preview import given_to
from .steps import Outputs, Step


class Normalise(Step):
    """VACE Normalise."""

    def __init__(self, node: Any):
        super().__init__(node)
        self._state: Any = None
        self._length = 0

    def run(self, inputs: Mapping[str, Any]) -> Outputs | None:
        normaliser = self._normaliser(inputs)
        ready = normaliser.update(inputs["image"], inputs.get("mask"))
        self._state = normaliser.state
        return self._given(ready, inputs)

    def finish(self, inputs: Mapping[str, Any]) -> Outputs | None:
        outputs = self._given(self._normaliser(inputs).finish(), inputs)
        self.ends[5] = self._length
        return outputs

    def _normaliser(self, inputs: Mapping[str, Any]) -> Normaliser:
        names = ("width", "height", "length", "length_mode", "fit", "preset", "fps", "target_fps")
        chosen = {name: inputs[name] for name in names if name in inputs}
        normaliser = Normaliser(Settings(**chosen))
        if self._state is not None:
            normaliser.state = self._state
        return normaliser

    def _given(self, ready: Normalised | None, inputs: Mapping[str, Any]) -> Outputs | None:
        if ready is None:
            return None
        references = inputs.get("reference_images")
        masks = inputs.get("reference_masks")
        if references is not None:
            references = fit_references(references, ready.size, masks).to(ready.image.device)
        elif masks is not None:
            raise InputError(
                "reference_masks: there are no reference images that these could belong to; "
                "connect reference_images, or disconnect the masks"
            )
        ready = replace(ready, references=references)
        self._length += ready.length
        tall, wide = ready.size
        rate = ready.placement.rate
        self.text = f"{self._length} frames of {wide}x{tall} at {rate:.4g} fps"
        vace = ready.control()
        return ready.image, ready.mask, vace, wide, tall, None, references, rate

    @property
    def state(self) -> Any:
        return (self._state, self._length)

    @state.setter
    def state(self, value: Any) -> None:
        self._state, self._length = value


class Preview(Step):
    """VACE Preview: its report; headless nobody looks at the pictures."""

    def __init__(self, node: Any):
        super().__init__(node)
        self._state: Any = None
        self._about: tuple[float, int, int, float] = (0.0, 1, 1, 0.0)

    def run(self, inputs: Mapping[str, Any]) -> None:
        vace, image, mask, reference = (
            inputs.get(name) for name in ("vace", "image", "mask", "reference")
        )
        image, mask, reference, fps, model = given_to(vace, image, mask, reference, inputs["fps"])
        self._about = (fps, model.step, model.side, model.fps)
        inspector = self._inspector(inputs)
        inspector.update(image, mask, reference)
        self._state = inspector.state

    def finish(self, inputs: Mapping[str, Any]) -> None:
        fps, step, side, rate = self._about
        found, self.text = self._inspector(inputs).finish(fps=fps, step=step, side=side, rate=rate)
        for warning in found:
            host.warn(warning)
        self.ends = {2: self.text}

    def _inspector(self, inputs: Mapping[str, Any]) -> Inspector:
        return Inspector(inputs["width"], inputs["height"], inputs["length"], self._state)

    @property
    def state(self) -> Any:
        return [self._state, self._about]

    @state.setter
    def state(self, value: Any) -> None:
        self._state, self._about = value


class MaskSurvey(Step):
    """What VACE Mask must know of the whole clip: its frames and, for steady, what is generated in
    any of them, before it grows."""

    def __init__(self, node: Any):
        super().__init__(node)
        self._frames = 0
        self._region: Tensor | None = None

    def run(self, inputs: Mapping[str, Any]) -> None:
        self._frames += len(inputs["image"])
        if not inputs["steady"]:
            return
        region = self._execute({**inputs, "grow": 0, "feather": 0, "keep": ""})[1][:1]
        self._region = region if self._region is None else torch.maximum(self._region, region)

    def finish(self, inputs: Mapping[str, Any]) -> None:
        self.ends = {0: (self._frames, self._region)}

    @property
    def state(self) -> Any:
        return [self._frames, self._region]

    @state.setter
    def state(self, value: Any) -> None:
        self._frames, self._region = value


class Mask(Step):
    """VACE Mask, after its survey if it needs one."""

    def __init__(self, node: Any):
        super().__init__(node)
        self._at = 0

    def run(self, inputs: Mapping[str, Any]) -> Outputs:
        inputs = dict(inputs)
        frames, region = inputs.pop("survey", (0, None))
        start, self._at = self._at, self._at + len(inputs["image"])
        if inputs["keep"].strip():
            kept = parse_frames(inputs["keep"], frames)
            inputs["keep"] = ",".join(str(at - start) for at in kept if start <= at < self._at)
        if region is not None:
            inputs |= {"generate": "mask", "mask": region, "poses": None, "bounding_box": None}
            inputs |= {"steady": False, "invert": False, "binary": False}
        return self._execute(inputs)

    @property
    def state(self) -> Any:
        return self._at

    @state.setter
    def state(self, value: Any) -> None:
        self._at = value
