"""Draw the flow of frames that come in chunks."""

import logging
from dataclasses import dataclass, field, replace

from torch import Tensor

from ..errors import InputError
from ..flow.estimate import FlowEstimator
from ..flow.resize import resized
from ..geometry.placement import Size
from ..render.choices import NOISE_FLOOR
from ..render.flow_drawing import draw_flow
from ..render.flow_scales import ScaleState

log = logging.getLogger("kinograph")


@dataclass
class FlowStream:
    """Flow maps of a video that comes in chunks of any lengths, the same as of the whole.

    estimator: carries the last frame over
    scales:    what `flow_scales` carries over; None at the start
    """

    estimator: FlowEstimator = field(default_factory=FlowEstimator)
    scales: ScaleState | None = None

    def reset(self) -> None:
        """Start another video with the next frames."""
        self.estimator.reset()
        self.scales = None

    @property
    def source(self) -> Size | None:
        """Height and width of the frames so far; None before the first."""
        last = self.estimator.state.last
        return None if last is None else (last.shape[1], last.shape[2])

    def update(
        self,
        frames: Tensor,
        *,
        size: Size | None = None,
        normalise: str = "vace",
        noise_floor: float = NOISE_FLOOR,
        strength: float = 1.0,
    ) -> Tensor:
        """Return the maps [F,H,W,3] 0..1 of the next frames [F,H,W,3] 0..1.

        size: of the maps; None = as the frames. Another shape stretches the flow as it would the
              frames (`stretched`), before it is normalised: px are those of the maps

        For the rest see `draw_flow`. A video that begins with a chunk of one frame has no motion to
        duplicate: its first map is white, with a warning.

        Raises `InputError` for malformed frames or another size than before, for settings
        that `draw_flow` does not take, and for normalise clip over several chunks.
        """
        if normalise == "clip" and self.source is not None:
            raise InputError(
                "normalise: clip needs the whole video in one call, as its fastest pixel may be in "
                "a later one; choose vace, fixed or ema, or call reset() before another video"
            )
        estimator = replace(self.estimator)  # a failure leaves the stream as it was
        flow = estimator.update(frames)
        drawn = draw_flow(
            flow if size is None else resized(flow, size),
            normalise=normalise,
            noise_floor=noise_floor,
            strength=strength,
            state=self.scales,
        )
        self.estimator, self.scales = estimator, drawn.state
        if flow.first == "duplicate" and not len(flow):
            log.warning(
                "the first chunk is a single frame, which has no motion to duplicate: its flow map "
                "is white; give two frames or more, or choose first_frame white"
            )
        return drawn.image
