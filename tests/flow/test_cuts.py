"""No motion across a cut, in a whole clip, in chunks and with a warm start."""

import pytest
import torch
from torch import Tensor

from kinograph.engines.flow.estimate import FlowEstimator, FlowState, estimate_flow
from kinograph.engines.render.flow_drawing import draw_flow
from kinograph.engines.video.clip import Clip
from kinograph.nodes.flow.estimate import EstimateFlow

CUT = 4


@pytest.fixture(scope="module")
def frames(clip: Clip) -> Tensor:
    """[8,116,208,3] two shots, the second from frame 4 on"""
    small = clip.frames[::4, ::4, ::4]
    return torch.cat([small[:CUT], small[CUT:8].flip(1) * 0.3])


@pytest.mark.parametrize("direction", ["forward", "backward", "both"])
def test_there_is_no_flow_across_a_cut(frames: Tensor, direction: str) -> None:
    flow = estimate_flow(frames, direction=direction)
    through = estimate_flow(frames, direction=direction, across_cuts=True)
    for name in ("forward", "backward"):
        ours, theirs = getattr(flow, name), getattr(through, name)
        if ours is None:
            continue
        assert not bool(ours[CUT - 1].any())
        assert float(theirs[CUT - 1].abs().mean()) > 1
        rest = [pair for pair in range(7) if pair != CUT - 1]
        assert torch.equal(ours[rest], theirs[rest])


def test_a_cut_is_drawn_white(frames: Tensor) -> None:
    image = draw_flow(estimate_flow(frames)).image[CUT]
    assert float((image > 0.99).all(-1).float().mean()) == 1.0


@pytest.mark.parametrize("sizes", [[1] * 8, [4, 4], [3, 5], [5, 3]])
def test_chunks_are_the_whole(frames: Tensor, sizes: list[int]) -> None:
    estimator = FlowEstimator()
    parts = [estimator.update(part).main for part in frames.split(sizes)]
    assert torch.equal(torch.cat(parts), estimate_flow(frames).main)
    assert estimator.state.cuts.frames == (CUT,)


def test_the_node_says_where_cuts_are(frames: Tensor) -> None:
    def said(image: Tensor, **more: object) -> tuple[str, FlowState]:
        out = EstimateFlow.execute(image, "forward", "duplicate", 0, 16.0, "medium", **more)
        return out.ui.value, out.args[1]

    assert said(frames)[0].endswith("\n1 cut, at frame 4: no motion across a cut")
    assert "cut" not in said(frames[:CUT])[0]
    assert "cut" not in said(frames, across_cuts=True)[0]
    _, state = said(frames[:6])
    assert "1 cut, at frame 4" in said(frames[6:], state=state)[0]  # of the whole clip
