"""Frames in, skeletons out, in one call."""

import threading

import torch
from torch import Tensor

from ..errors import InputError
from ..geometry.placement import complete_size
from ..models.registry import resolve
from ..pose.detect import check_thresholds, detect_poses
from ..pose.family import whole_frame
from ..render.skeleton import draw_skeletons
from ..render.styles import STYLES
from ..runtime.devices import check_device
from ..runtime.engine import Engine, build_engine
from ..runtime.network import Network, network_of
from .frames import as_floats, images_of, video_of


class PoseTensorRTPreprocessor:
    """From the frames of a video to its skeletons in VACE's layout.

    Can stand in for the class of this name in scope-pose-tensorrt. `backend` and the machine
    decide which backend runs, TensorRT or another, and `report` says which. Nothing is loaded or
    built before the first call or `warmup`; built engines are those of Build Engine. Threads may
    share one preprocessor.

    detect_resolution:  longer side of the network's input in pixels; the nearest that the network
                        takes is used (`nearest_size`). Frames are letterboxed, never squashed
    device:             "cuda", "cpu" or "auto"; one that is not there is an error
    fp16:               compute in fp16 on a GPU; elsewhere, and where False, in fp32
    model:              a pose model that finds people by itself (one-stage)
    backend:            the name of a backend, which is used or is an error; "auto" takes the
                        best that works
    style:              one of `STYLES`
    score_threshold, keypoint_threshold, max_people: see `detect_poses`
    accept_licence:     accepts the terms of a model that has any, so that it may be fetched

    Raises `InputError` for unusable settings. What depends on the machine is found out by the first
    call or `warmup`: `ModelError` for a model that cannot be had, `EngineError` for a device or
    backend.
    """

    def __init__(
        self,
        detect_resolution: int = 640,
        device: str | torch.device = "cuda",
        fp16: bool = True,
        *,
        model: str = "movenet_multipose",
        backend: str = "auto",
        style: str = "vace",
        score_threshold: float = 0.2,
        keypoint_threshold: float = 0.3,
        max_people: int = 6,
        accept_licence: bool = False,
    ):
        if detect_resolution < 1:
            raise InputError(f"detect_resolution: expected at least 1, found {detect_resolution}")
        if style not in STYLES:
            raise InputError(f"style: expected one of {', '.join(STYLES)}, found {style!r}")
        if max_people < 1:
            raise InputError(f"max_people: expected at least 1, found {max_people}")
        check_thresholds(score_threshold, keypoint_threshold)
        self.detect_resolution = detect_resolution
        self.device = str(device)
        self.fp16 = fp16
        self.model = model
        self.backend = backend
        self.style = style
        self.score_threshold = score_threshold
        self.keypoint_threshold = keypoint_threshold
        self.max_people = max_people
        self.accept_licence = accept_licence
        self._engine: Engine | None = None
        self._lock = threading.Lock()

    def __call__(
        self, frames: Tensor, target_height: int | None = None, target_width: int | None = None
    ) -> Tensor:
        """Return skeletons on black, [1,3,F,H,W] float32 in -1..1, on the device that computed
        them.

        frames: RGB, floats in 0..1 or uint8, on any device; [1,3,F,H,W], [3,F,H,W] or [F,H,W,3].
                A last dimension of 3 is always the colours
        target_height, target_width: of the pictures in pixels; None = as the frames, or from the
                other one by the frames' shape. Another shape stretches the drawing as it would
                the frames

        Raises `InputError` for other shapes, types and ranges, and for several videos at once.
        """
        images = images_of(frames)
        size = complete_size((images.shape[1], images.shape[2]), target_height, target_width)
        engine = self._built()
        poses = detect_poses(
            as_floats(images, engine.device),
            engine,
            size=nearest_size(engine.network, self.detect_resolution),
            score_threshold=self.score_threshold,
            keypoint_threshold=self.keypoint_threshold,
            max_people=self.max_people,
        )
        drawn, _ = draw_skeletons(poses, style=self.style, size=size)
        return video_of(drawn)

    def warmup(self, height: int | None = None, width: int | None = None) -> None:
        """Build or load the engine and run one black frame; None = a square one.

        With the size of the frames to come their first call is as fast as the later ones.
        """
        high, wide = (side or self.detect_resolution for side in (height, width))
        self(torch.zeros(1, 3, 1, high, wide))

    def report(self) -> str:
        """Describe what runs where and why; before the first call, that nothing is built yet."""
        engine = self._engine
        if engine is None:
            return "nothing is built yet: the first call does it, or warmup()"
        asked, size = self.detect_resolution, nearest_size(engine.network, self.detect_resolution)
        lines = [engine.report()]
        if size != asked:
            lines.append(f"- detection size {size}: the nearest to {asked} that the network takes")
        if self.fp16 and engine.precision != "fp16":
            lines.append(f"- not fp16: that is for GPUs, this runs on {engine.device}")
        return "\n".join(lines)

    def _built(self) -> Engine:
        with self._lock:
            if self._engine is None:
                self._engine = self._build()
            return self._engine

    def _build(self) -> Engine:
        check_device(self.device)
        model = resolve(self.model, accept=self.accept_licence)
        whole_frame(model)  # raises for one that has to be told where people are
        return build_engine(
            model,
            network_of(model),
            backend=self.backend,
            precision="auto" if self.fp16 else "fp32",  # auto: fp16 on a GPU only
            device=self.device,
        )


def nearest_size(network: Network, wanted: int) -> int:
    """Return the longer side nearest to `wanted` that `network` takes: a multiple of its stride
    within its range; the larger of two equally near."""
    stride = network.stride
    low, high = -(-network.sizes[0] // stride), network.sizes[1] // stride
    return max(low, min(high, (wanted + stride // 2) // stride)) * stride
