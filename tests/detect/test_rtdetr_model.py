"""The network: shapes, gradients, sampling, and configs that make none."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from kinograph.engines.detect.rtdetr_pose.config import NANO, SIZES, SMALL, Config
from kinograph.engines.detect.rtdetr_pose.model import Extra, RTDETRPose, output_names
from kinograph.engines.detect.rtdetr_pose.sampling import sample
from kinograph.engines.errors import InputError
from kinograph.engines.geometry.rotations import from_two_rows

LEVELS = [(8, 6), (4, 3), (2, 1)]


def test_sampling_by_gathers_is_grid_sample() -> None:
    random = torch.Generator().manual_seed(0)
    batch, queries, heads, points, channels = 2, 5, 3, 4, 7
    maps = [torch.randn(batch, heads, channels, h, w, generator=random) for h, w in LEVELS]
    places = torch.rand(batch, queries, heads, len(LEVELS), points, 2, generator=random)
    places = places * 1.6 - 0.3  # some outside, some at the edge
    table = torch.cat([m.flatten(3) for m in maps], 3).permute(0, 3, 1, 2)
    table.requires_grad_()
    places.requires_grad_()
    found = sample(table, places, LEVELS)
    grids = [
        F.grid_sample(
            m.flatten(0, 1),
            places[:, :, :, level].transpose(1, 2).flatten(0, 1) * 2 - 1,
            align_corners=False,
        ).unflatten(0, (batch, heads))
        for level, m in enumerate(
            part.permute(0, 2, 3, 1).unflatten(3, size)
            for part, size in zip(table.split([h * w for h, w in LEVELS], 1), LEVELS, strict=True)
        )
    ]
    wanted = torch.stack(grids, 2).permute(0, 4, 1, 2, 5, 3)  # B,h,L,d,Q,P -> B,Q,h,L,P,d
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)
    weights = torch.randn(found.shape, generator=random)
    ours = torch.autograd.grad((found * weights).sum(), (table, places))
    theirs = torch.autograd.grad((wanted * weights).sum(), (table, places))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("name", "millions"), [("nano", 1.0), ("small", 10.0)])
def test_the_sizes_are_as_large_as_they_say(name: str, millions: float) -> None:
    model = RTDETRPose(replace(SIZES[name], keypoints=8))
    count = sum(values.numel() for values in model.parameters())
    assert count == pytest.approx(millions * 1e6, rel=0.1)


def test_the_outputs_have_the_names_shapes_and_ranges_of_the_contract() -> None:
    config = replace(
        NANO, classes=3, keypoints=4, size=(64, 96), keypoint_scores=True, uncertainty=True
    )
    with torch.no_grad():
        found = RTDETRPose(config).eval()(torch.rand(2, 3, 64, 96))
    shapes = {name: list(values.shape) for name, values in found.items()}
    assert shapes == {
        "logits": [2, 12, 4],
        "bbox": [2, 12, 4],
        "log_z": [2, 12, 1],
        "rot6d": [2, 12, 6],
        "offsets": [2, 12, 2],
        "k_delta": [2, 4],
        "keypoints": [2, 12, 4, 2],
        "keypoint_scores": [2, 12, 4],
        "log_sigma_z": [2, 12, 1],
        "log_sigma_rot": [2, 12, 1],
    }
    assert list(found) == output_names(config)
    assert 0 <= float(found["keypoints"].min()) <= float(found["keypoints"].max()) <= 1
    assert output_names(NANO) == ["logits", "bbox", "log_z", "rot6d", "offsets", "k_delta"]


def test_without_training_the_pose_is_the_identity_at_the_depth_of_the_config() -> None:
    found = RTDETRPose(replace(NANO, depth=3.0)).eval()(torch.rand(1, 3, 64, 64))
    torch.testing.assert_close(from_two_rows(found["rot6d"])[0, 0], torch.eye(3))
    torch.testing.assert_close(found["log_z"].exp(), torch.full((1, 12, 1), 3.0))
    assert not bool(found["k_delta"].any())


def test_every_parameter_learns_and_the_layers_end_in_what_forward_gives() -> None:
    torch.manual_seed(0)
    config = replace(NANO, keypoints=2, keypoint_scores=True, uncertainty=True)
    model = RTDETRPose(config).eval()
    images = torch.rand(2, 3, 64, 64)
    layers = model.layers(images)
    for name, values in model(images).items():
        if name == "k_delta":
            torch.testing.assert_close(layers.k_delta, values)
        elif name != "keypoints":  # which are held inside the picture
            torch.testing.assert_close(layers.decoder[-1][name], values)
    for values in model.parameters():  # behind a head of zeros nothing would learn at first
        values.data += 1e-2 * torch.randn_like(values)
    tokens = model.labels(torch.zeros(2, 1, dtype=torch.int64))
    layers = model.layers(images, Extra(tokens, torch.rand(2, 1, 4), torch.zeros(1).long()))
    outputs = [layers.encoder, *layers.extra, *layers.decoder, {"k_delta": layers.k_delta}]
    sum(v.square().sum() for some in outputs for v in some.values()).backward()
    dead = [name for name, v in model.named_parameters() if v.grad is None or not v.grad.any()]
    # Of keys a softmax does not see a common shift; all else moves something.
    assert dead == []


def test_in_half_precision_coordinates_stay_exact() -> None:
    torch.manual_seed(0)
    model = RTDETRPose(NANO).eval()
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        wanted = model(images)["bbox"]
        for halved in (model.to("cpu", torch.float16), model.half()):
            assert torch.equal(halved.anchors, RTDETRPose(NANO).anchors)
            found = halved(images.half())["bbox"]
    assert found.dtype == torch.float32
    # Without training all boxes are anchors, so that the same ones come out, in whatever order.
    apart = (found[0, :, None] - RTDETRPose(NANO).anchors).abs().amax(-1)
    assert float(apart.amin(1).max()) == 0
    assert wanted.shape == found.shape


def test_extra_queries_change_nothing_for_the_selected_ones() -> None:
    torch.manual_seed(0)
    model = RTDETRPose(NANO).eval()
    images = torch.rand(2, 3, 64, 64)
    extra = Extra(torch.randn(2, 4, 64), torch.rand(2, 4, 4), torch.tensor([0, 0, 1, 1]))
    alone, together = model.layers(images), model.layers(images, extra)
    for one, other in zip(alone.decoder, together.decoder, strict=True):
        for name, values in one.items():
            torch.testing.assert_close(values, other[name])
    assert [found["bbox"].shape[1] for found in together.extra] == [4, 4]
    other = Extra(extra.tokens.clone(), extra.boxes, extra.groups)
    other.tokens[:, 3] += 1  # of group 1
    changed = model.layers(images, other)
    torch.testing.assert_close(
        together.extra[-1]["logits"][:, :2], changed.extra[-1]["logits"][:, :2]
    )
    assert not torch.equal(together.extra[-1]["logits"][:, 2], changed.extra[-1]["logits"][:, 2])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": 0}, r"config: classes: expected 1\.\.4096, found 0"),
        ({"keypoints": -1}, r"config: keypoints: expected 0\.\.4096, found -1"),
        ({"size": (64, 60)}, r"config: size: expected multiples of 32 px .* found 60x64"),
        ({"hidden": 66}, r"config: hidden: expected a multiple of 4 and of twice the 4 heads"),
        ({"queries": 500}, r"config: queries: expected at most 84, .* found 500"),
        ({"depth": 0.0}, r"config: depth: expected metres above 0, found 0.0"),
        ({"widths": (0, 1, 1, 1)}, r"config: widths: expected 1\.\.4096 each"),
    ],
)
def test_a_config_that_makes_no_network_is_refused(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        replace(NANO, **changes)


def test_a_config_comes_back_from_json() -> None:
    assert Config.from_json(SMALL.to_json(), "a.pt") == SMALL


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ([], "a.pt: config: expected an object, found a list"),
        ({**NANO.to_json(), "extra": 1}, "a.pt: config: expected .*, found unknown extra"),
        ({"classes": 1}, "a.pt: config: expected .*, found no depth, depths"),
        ({**NANO.to_json(), "hidden": True}, "a.pt: config: hidden: expected a value such as 64"),
        ({**NANO.to_json(), "size": [64]}, r"a.pt: config: size: .* found '\[64\]'"),
        ({**NANO.to_json(), "classes": 0}, "a.pt: config: classes: expected 1"),
    ],
)
def test_a_malformed_config_names_the_file_and_the_member(raw: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Config.from_json(raw, "a.pt")
