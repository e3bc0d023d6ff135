"""The nodes that draw flow and ask it things, and what they say."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from kinograph.engines.errors import InputError
from kinograph.engines.flow.estimate import estimate_flow
from kinograph.engines.flow.flow import Flow
from kinograph.engines.render.flow_drawing import draw_flow
from kinograph.engines.render.flow_scales import ScaleState
from kinograph.nodes.api import io
from kinograph.nodes.flow.mask import FlowMask
from kinograph.nodes.flow.occlusion import FlowOcclusion
from kinograph.nodes.flow.statistics import FlowStatistics
from kinograph.nodes.flow.warp import FlowWarp
from kinograph.nodes.render.flow import DrawFlow

NODES: list[type[io.ComfyNode]] = [DrawFlow, FlowOcclusion, FlowWarp, FlowMask, FlowStatistics]
SIZE = (90, 120)


def run(node: type[io.ComfyNode], **inputs: Any) -> tuple[tuple[Any, ...], str]:
    """The outputs and the text, with the defaults for what is not given."""
    defaults = {
        spec.id: spec.default for spec in node.define_schema().inputs if spec.default is not None
    }
    out = node.execute(**{**defaults, **inputs})
    assert len(out.args) == len(node.define_schema().outputs)
    return out.args, out.ui.value


def square(pairs: int = 3, first: str = "duplicate") -> Flow:
    """A square that moves right by 4 px per frame, in both directions."""
    forward = torch.zeros(pairs, 2, *SIZE)
    backward = torch.zeros(pairs, 2, *SIZE)
    for i in range(pairs):
        forward[i, 0, 20:60, 10 + 4 * i : 50 + 4 * i] = 4
        backward[i, 0, 20:60, 14 + 4 * i : 54 + 4 * i] = -4
    return Flow(forward, backward, first=first)


def noisy_clip(noise: float) -> torch.Tensor:
    """[4,H,W,3] of a still scene, with noise of the camera."""
    random = torch.Generator().manual_seed(0)
    scene = torch.rand(1, 3, 12, 16, generator=random)
    scene = torch.nn.functional.interpolate(scene, SIZE, mode="bicubic").clamp(0, 1)
    frames = scene.movedim(1, -1) + torch.randn(4, *SIZE, 3, generator=random) * noise
    return frames.clamp(0, 1)


@pytest.mark.parametrize("node", NODES)
def test_help_pages_tell_the_schema(node: type[io.ComfyNode], root: Path) -> None:
    schema = node.define_schema()
    page = (root / "nodes" / "web" / "docs" / f"{schema.node_id}.md").read_text()
    assert page.startswith(f"# {schema.display_name}\n\n{schema.description}\n\n")
    for spec in (*schema.inputs, *schema.outputs):
        assert spec.tooltip.endswith(".")
        assert f": {spec.tooltip}\n" in page


def test_draw_flow() -> None:
    flow = square()
    (image, mask, state), text = run(DrawFlow, flow=flow)
    assert image.shape == (4, *SIZE, 3)
    assert torch.equal(image, draw_flow(flow).image)
    assert torch.equal(mask[1], (flow.main[0, 0] > 0).float())
    assert isinstance(state, ScaleState)
    assert text == "full colour at 4.00 px per frame"
    (_, _, state), text = run(DrawFlow, flow=flow, normalise="ema", strength=2.0)
    assert state.held == pytest.approx(4)
    assert text == "full colour at 2.00 px per frame"


def test_the_text_has_the_range_of_the_scales() -> None:
    rows = square().main * torch.tensor([1.0, 2.0, 3.0])[:, None, None, None]
    assert run(DrawFlow, flow=Flow(rows))[1] == "full colour at 4.00 to 12.00 px per frame"
    assert run(DrawFlow, flow=Flow(rows), normalise="clip")[1].endswith("at 12.00 px per frame")
    text = run(DrawFlow, flow=Flow(rows, first=""), normalise="clip")[1]
    assert text == "full colour at 12.00 px per frame, the fastest of this chunk only"
    assert (
        run(DrawFlow, flow=Flow(rows), strength=0.0)[1] == "strength 0: everything is drawn white"
    )


@pytest.mark.parametrize(("first", "colour"), [("duplicate", "white"), ("zero", "black")])
def test_one_frame_is_said_to_have_no_motion(first: str, colour: str) -> None:
    (image, mask, _), text = run(DrawFlow, flow=square(0, first))
    assert text.startswith(f"a single frame has no motion: it is drawn {colour}")
    assert bool((image == (colour == "white")).all())
    assert not mask.any()


def test_draw_flow_in_chunks() -> None:
    speeds = torch.tensor([1.0, 5.0, 0.5, 0.2])[:, None, None, None]
    rows = square(4).main * speeds
    (whole, _, _), _ = run(DrawFlow, flow=Flow(rows), normalise="ema", legend=True)
    (one, _, state), _ = run(DrawFlow, flow=Flow(rows[:2]), normalise="ema", legend=True)
    (two, _, _), _ = run(
        DrawFlow, flow=Flow(rows[2:], first=""), normalise="ema", legend=True, state=state
    )
    torch.testing.assert_close(torch.cat([one, two]), whole, atol=1e-6, rtol=0)
    with pytest.raises(InputError, match="clip needs the whole clip at once"):
        run(DrawFlow, flow=Flow(rows[2:], first=""), normalise="clip", state=state)


@pytest.mark.parametrize("normalise", ["vace", "clip", "fixed", "ema"])
@pytest.mark.parametrize("noise", [1 / 255, 2 / 255])
def test_still_footage_with_camera_noise_stays_white(normalise: str, noise: float) -> None:
    flow = estimate_flow(noisy_clip(noise))
    (image, mask, _), _ = run(DrawFlow, flow=flow, normalise=normalise)
    assert float(image.mean()) > 0.98
    assert float(mask.mean()) < 0.05


def test_occlusion() -> None:
    flow = square()
    (lost, new, confidence), text = run(FlowOcclusion, flow=flow)
    for mask in (lost, new, confidence):
        assert mask.shape == (4, *SIZE)
    assert float(lost[0, 20:60, 50:54].min()) == 1
    assert int(lost[0].sum()) == 40 * 4
    assert not lost[3].any()
    assert not new[0].any()
    assert float(new[1, 20:60, 10:14].min()) == 1
    assert text == "1.1% lost, 1.1% new"
    assert float(confidence.min()) >= 0
    with pytest.raises(InputError, match="expected flow in both directions, found forward only"):
        run(FlowOcclusion, flow=Flow(flow.forward))


def test_warp() -> None:
    image = torch.rand(4, *SIZE, 3)
    (moved, mask), text = run(FlowWarp, image=image, flow=square())
    assert moved.shape == image.shape
    torch.testing.assert_close(moved[1, 20:60, 14:54], image[0, 20:60, 10:50], atol=1e-4, rtol=0)
    assert int(mask[1].sum()) == 40 * 4
    assert text == "1.1% unknown"
    with pytest.raises(InputError, match="image: expected the 4 frames of 120x90 of the flow, fou"):
        run(FlowWarp, image=image[:1], flow=square())


def test_mask() -> None:
    flow = square()
    (mask,), text = run(FlowMask, flow=flow)
    assert int(mask[1].sum()) == 40 * 40
    assert text == "14.8% moves"
    (grown,), _ = run(FlowMask, flow=flow, grow=3)
    assert int(grown[1].sum()) == 46 * 46
    (soft,), _ = run(FlowMask, flow=flow, feather=8.0)
    assert bool(((soft[1] > 0.1) & (soft[1] < 0.9)).any())
    moving = Flow(flow.main + 7)
    (still,), _ = run(FlowMask, flow=moving, camera="affine")
    torch.testing.assert_close(still, mask)
    (all_,), _ = run(FlowMask, flow=moving)
    assert bool((all_ == 1).all())


def test_statistics() -> None:
    (text, mean, most), table = run(FlowStatistics, flow=square())
    assert most == 4
    assert mean == pytest.approx(4 * 40 * 40 / (90 * 120))
    read = json.loads(text)
    assert [row["frame"] for row in read["frames"]] == [1, 2, 3]
    assert read["frames"][0]["moving"] == pytest.approx(40 * 40 / (90 * 120))
    assert read["clip"] == {"mean": mean, "max": most}
    assert len(table.splitlines()) == 5


def test_a_state_of_another_node() -> None:
    with pytest.raises(InputError, match="state: expected the state of the same node"):
        run(DrawFlow, flow=square(), state=(1, 2))
