"""The backbone of POCO-CLIFF: names and values are those of timm's HRNet."""

import pytest
import torch
from torch import nn

from kinograph.engines.body.cliff.hrnet import HRNet, Plan
from kinograph.engines.body.cliff.regressor import PocoCliff


def test_the_published_network_has_the_published_tensors() -> None:
    """1,956 in the backbone, as its authors count them, two of which are of a classifier."""
    with torch.device("meta"):
        state = PocoCliff().state_dict()
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    assert sum(name.startswith("backbone.") for name in shapes) == 1954
    numbers = sum(v.numel() for n, v in state.items() if n.startswith("backbone."))
    running = sum(
        v.numel()
        for n, v in state.items()
        if n.startswith("backbone.") and n.rpartition(".")[2].startswith(("running", "num_"))
    )
    assert numbers - running + 2049 * 1000 == 77_469_864
    assert shapes["backbone.transition1.0.0.weight"] == (48, 256, 3, 3)
    assert shapes["backbone.stage4.2.branches.3.3.conv2.weight"] == (384, 384, 3, 3)
    assert shapes["backbone.stage3.3.fuse_layers.2.0.1.0.weight"] == (192, 48, 3, 3)
    assert {n: s for n, s in shapes.items() if not n.startswith("backbone.")} == {
        "head.init_pose": (1, 144),
        "head.init_shape": (1, 10),
        "head.init_cam": (1, 3),
        "head.fc1.weight": (1024, 2208),
        "head.fc1.bias": (1024,),
        "head.fc2.weight": (1024, 1024),
        "head.fc2.bias": (1024,),
        "head.decpose.weight": (144, 1024),
        "head.decpose.bias": (144,),
        "head.decshape.weight": (10, 1024),
        "head.decshape.bias": (10,),
        "head.deccam.weight": (3, 1024),
        "head.deccam.bias": (3,),
        "uncert_head.uncert_fc_poseNet.weight": (216, 216),
        "uncert_head.uncert_fc_poseNet.bias": (216,),
        "uncert_head.uncert_fc_featNet.weight": (216, 2048),
        "uncert_head.uncert_fc_featNet.bias": (216,),
        "uncert_head.uncert_fc1.weight": (24, 432),
        "uncert_head.uncert_fc1.bias": (24,),
    }


def test_features_are_those_of_timm() -> None:
    hrnet = pytest.importorskip("timm.models.hrnet", reason="timm is not installed")
    plan = Plan(width=4, modules=(1, 2, 1), blocks=2)
    stages = {
        f"stage{number + 1}": {
            "num_modules": modules,
            "num_branches": number + 1,
            "block_type": "BASIC",
            "num_blocks": (plan.blocks,) * (number + 1),
            "num_channels": tuple(plan.width * 2**branch for branch in range(number + 1)),
            "fuse_method": "SUM",
        }
        for number, modules in enumerate(plan.modules, 1)
    }
    first = {
        **stages["stage2"],
        "num_branches": 1,
        "block_type": "BOTTLENECK",
        "num_blocks": (plan.blocks,),
        "num_channels": (plan.stem,),
    }
    torch.manual_seed(0)
    theirs = hrnet.HighResolutionNet({"stem_width": plan.stem, "stage1": first, **stages}).eval()
    for layer in theirs.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.5, 1.5)
    ours = HRNet(plan).eval()
    state = {n: v for n, v in theirs.state_dict().items() if not n.startswith("classifier.")}
    ours.load_state_dict(state)
    images = torch.randn(2, 3, 96, 64)
    with torch.inference_mode():
        wanted = theirs.forward_head(theirs.forward_features(images), pre_logits=True)
        found = ours(images)
    assert found.shape == (2, 2048)
    assert wanted.std() > 1e-3
    torch.testing.assert_close(found, wanted)
