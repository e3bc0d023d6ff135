"""Frames in, flow maps out, in one call."""

import threading

import torch
from torch import Tensor

from ..errors import InputError
from ..flow.choices import DIS_PRESETS, FIRST_FRAMES
from ..flow.choose import Choice, choose
from ..flow.estimate import FlowEstimator
from ..geometry.placement import Size, complete_size
from ..render.choices import NOISE_FLOOR, NORMALISATIONS
from .flow_stream import FlowStream
from .frames import as_floats, images_of, video_of

_DIRECTIONS = ("forward", "backward")
_SIDE = 512  # px, of warmup's frames where nothing says theirs


class OpticalFlowTensorRTPreprocessor:
    """From the frames of a video to coloured maps of their motion, in VACE's layout.

    Can stand in for the class of this name in scope-optical-flow-tensorrt. `model`, `backend`
    and the machine decide which estimator and backend run, RAFT on TensorRT or another, and
    `report` says which. Nothing is loaded, fetched or built before the first call or `warmup`.

    A preprocessor is for one video that may come in chunks of any lengths: the last frame carries
    over from call to call, so that the maps are those of the whole at once. `reset` begins
    another; the class that it stands in for does so in every call. Threads may share it; their
    calls go one after the other.

    height, width:  of the maps in pixels; None = as the frames, or from the other one by their
                    shape. Flow is computed on frames of their own shape, never squashed, then
                    brought to this size: x is scaled by the change of width and y by that of
                    height, as if the video itself were stretched (`stretched`)
    device:         "cuda", "cpu" or "auto"; one that is not there is an error
    fp16:           compute in fp16 on a GPU; elsewhere, and where False, in fp32
    flow_strength:  of the colours, after normalising: 0 = all white, 2 = twice as strong
    model:          "auto": the included RAFT (`choose.AUTO`) on a GPU, OpenCV's DIS on a CPU,
                    which the log and `report` say; "dis"; or a flow model,
                    which is used or is an error
    backend:        the name of a backend, which is used or is an error, and then there is no
                    DIS; "auto" takes the best that works
    size:           longer side of the frames in the computation, px; 0 = what the model is best
                    at, but no more than their own
    first_frame:    the map of the first frame, which nothing comes before: the second's
                    ("duplicate"), "white" as for a still picture, or "zero", which is black
    normalise:      what is drawn in full colour, one of `NORMALISATIONS`: see `flow_scales`.
                    "clip" takes the whole video in one call
    noise_floor:    px of the maps; what is slower is still: see `draw_flow`
    direction:      "forward": where each pixel of a frame goes; "backward": where it came from
    preset:         of DIS: one of `DIS_PRESETS`
    accept_licence: accepts the terms of a model that has any, so that it may be fetched

    Raises `InputError` for unusable settings. What depends on the machine is found out by the first
    call or `warmup`: `ModelError` for a model that cannot be had, `EngineError` for a device or
    backend.
    """

    def __init__(
        self,
        height: int | None = 512,
        width: int | None = 512,
        device: str | torch.device = "cuda",
        fp16: bool = True,
        flow_strength: float = 1.0,
        *,
        model: str = "auto",
        backend: str = "auto",
        size: int = 0,
        first_frame: str = "duplicate",
        normalise: str = "vace",
        noise_floor: float = NOISE_FLOOR,
        direction: str = "forward",
        preset: str = "medium",
        accept_licence: bool = False,
    ):
        _check_sides(height=height, width=width)
        for name, value in (
            ("flow_strength", flow_strength),
            ("noise_floor", noise_floor),
            ("size", size),
        ):
            if not value >= 0:
                raise InputError(f"{name}: expected at least 0, found {value}")
        for name, chosen, known in (
            ("first_frame", first_frame, FIRST_FRAMES),
            ("normalise", normalise, NORMALISATIONS),
            ("direction", direction, _DIRECTIONS),
            ("preset", preset, DIS_PRESETS),
        ):
            if chosen not in known:
                raise InputError(f"{name}: expected one of {', '.join(known)}, found {chosen!r}")
        self.height = height
        self.width = width
        self.device = str(device)
        self.fp16 = fp16
        self.flow_strength = flow_strength
        self.model = model
        self.backend = backend
        self.size = size
        self.first_frame = first_frame
        self.normalise = normalise
        self.noise_floor = noise_floor
        self.direction = direction
        self.preset = preset
        self.accept_licence = accept_licence
        self._choice: Choice | None = None
        self._stream: FlowStream | None = None
        self._lock = threading.RLock()

    def __call__(
        self, frames: Tensor, target_height: int | None = None, target_width: int | None = None
    ) -> Tensor:
        """Return flow maps [1,3,F,H,W] float32 in -1..1, on the device that computes them.

        frames: the next of the video, RGB, floats in 0..1 or uint8, on any device; [1,3,F,H,W],
                [3,F,H,W] or [F,H,W,3]. A last dimension of 3 is always the colours
        target_height, target_width: of these maps in pixels; None = `height` and `width`

        Raises `InputError` for other shapes, types and ranges, for several videos at once, and for
        frames of another size than those before.
        """
        images = images_of(frames)
        source = (images.shape[1], images.shape[2])
        _check_sides(target_height=target_height, target_width=target_width)
        size = complete_size(
            source,
            self.height if target_height is None else target_height,
            self.width if target_width is None else target_width,
        )
        with self._lock:
            stream = self._stream or self._new_stream()
            before = stream.source
            if before is not None and before != source:
                raise InputError(
                    f"frames: expected {_text(before)} as in the call before, found "
                    f"{_text(source)}; call reset() before another video"
                )
            maps = self._maps(stream, images, size)
            self._stream = stream
        return video_of(maps)

    def reset(self) -> None:
        """Start another video with the next frames."""
        with self._lock:
            self._stream = None

    def warmup(self, height: int | None = None, width: int | None = None) -> None:
        """Build or load the engine and run two black frames; the current video is not affected. A
        CUDA graph for longer chunks is captured in the first call with one.

        height, width: of the frames to come, so that their first call is as fast as the later
                       ones; None = as the maps
        """
        _check_sides(height=height, width=width)
        high, wide = height or self.height or _SIDE, width or self.width or _SIDE
        stream = self._new_stream()
        self._maps(stream, torch.zeros(2, high, wide, 3), (self.height or high, self.width or wide))

    def report(self) -> str:
        """Describe what runs where and why; before the first call, that nothing is built yet."""
        choice, stream = self._choice, self._stream
        if choice is None:
            return "nothing is built yet: the first call does it, or warmup()"
        lines = [choice.report()]
        if self.fp16 and (choice.engine is None or choice.engine.precision != "fp16"):
            what = "DIS has none" if choice.engine is None else f"this runs on {choice.device}"
            lines.append(f"- not fp16: that is for networks on GPUs, {what}")
        if stream is not None and stream.source is not None:
            source = stream.source
            size = complete_size(source, self.height, self.width)
            if size != source:
                lines.append(f"- maps of {_text(size)} from frames of {_text(source)}")
        return "\n".join(lines)

    def _maps(self, stream: FlowStream, images: Tensor, size: Size) -> Tensor:
        choice = self._chosen()
        images = as_floats(images, choice.device)
        if choice.engine is None:  # DIS leaves them where they are
            images = images.to(choice.device)
        return stream.update(
            images,
            size=size,
            normalise=self.normalise,
            noise_floor=self.noise_floor,
            strength=self.flow_strength,
        )

    def _new_stream(self) -> FlowStream:
        return FlowStream(
            FlowEstimator(
                self._chosen().engine,
                direction=self.direction,
                size=self.size,
                first=self.first_frame,
                preset=self.preset,
            )
        )

    def _chosen(self) -> Choice:
        with self._lock:
            if self._choice is None:
                self._choice = choose(
                    self.model,
                    backend=self.backend,
                    device=self.device,
                    fp16=self.fp16,
                    accept_licence=self.accept_licence,
                )
            return self._choice


def _check_sides(**sides: int | None) -> None:
    for name, side in sides.items():
        if side is not None and side < 1:
            raise InputError(f"{name}: expected at least 1 px, or None, found {side}")


def _text(size: Size) -> str:
    return f"{size[1]}x{size[0]}"
