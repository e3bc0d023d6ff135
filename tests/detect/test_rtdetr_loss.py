"""The loss: zero for what is right, larger for what is wrong, and never NaN in silence."""

from dataclasses import replace
from itertools import permutations

import pytest
import torch
from torch import Tensor

from kinograph.engines.datasets.made_cuboids import kinds, make_cuboids
from kinograph.engines.datasets.object_targets import symmetries_of, targets_of
from kinograph.engines.detect.rtdetr_pose.config import NANO
from kinograph.engines.detect.rtdetr_pose.criterion import Criterion, Losses
from kinograph.engines.detect.rtdetr_pose.denoising import noised
from kinograph.engines.detect.rtdetr_pose.layers import to_logits
from kinograph.engines.detect.rtdetr_pose.matcher import Costs, _costs, match
from kinograph.engines.detect.rtdetr_pose.model import Layers, RTDETRPose
from kinograph.engines.detect.rtdetr_pose.targets import Targets
from kinograph.engines.detect.rtdetr_pose.terms import giou, oks, varifocal
from kinograph.engines.detect.symmetry import Symmetries
from kinograph.engines.errors import InputError, TrainingError
from kinograph.engines.geometry.rotations import exp_map, geodesic, to_matrices

SIZE = (64, 96)
QUERIES = 5
CRITERION = Criterion(SIZE, symmetries_of(kinds(2)), kinds(2).sigmas)
TERMS = ("logits", "bbox", "giou", "rot6d", "log_z", "offsets", "keypoints", "oks", "k_delta")


@pytest.fixture(scope="module")
def targets() -> Targets:
    made = make_cuboids(range(4), size=SIZE, most=3, classes=2)
    found = targets_of(made.truths, SIZE)
    assert found.present.sum(1).tolist() != [3, 3, 3, 3]
    return found


def perfect(targets: Targets, order: list[int] | None = None) -> dict[str, Tensor]:
    """Return the outputs that say just what is true, object m in query order[m]."""
    batch, places = targets.present.shape
    order = order or list(range(places))
    logits = torch.full((batch, QUERIES, 3), -40.0)
    logits[..., 2] = 40.0
    found = {
        "bbox": torch.zeros(batch, QUERIES, 4),
        "log_z": torch.zeros(batch, QUERIES, 1),
        "rot6d": torch.eye(3)[:2].flatten().repeat(batch, QUERIES, 1),
        "offsets": torch.zeros(batch, QUERIES, 2),
        "keypoints": torch.zeros(batch, QUERIES, 8, 2),
    }
    image, place = targets.present.nonzero().unbind(1)
    query = torch.tensor(order)[place]
    at = image, place
    logits[image, query, 2] = -40.0
    logits[image, query, targets.classes[at]] = 40.0
    found["bbox"][image, query] = to_logits(targets.boxes[at])
    found["log_z"][image, query, 0] = targets.z[at].log()
    found["rot6d"][image, query] = targets.rotation[at][:, :2].flatten(1)
    found["offsets"][image, query] = targets.offsets[at]
    found["keypoints"][image, query] = targets.keypoints[at][..., :2]
    return {"logits": logits, **found}


def judged(outputs: dict[str, Tensor], targets: Targets, k_delta: Tensor | None = None) -> Losses:
    encoder = {name: outputs[name] for name in ("logits", "bbox")}
    delta = torch.zeros(len(targets.names), 4) if k_delta is None else k_delta
    return CRITERION(Layers(encoder, [outputs, outputs], [], delta), targets, targets.count)


def test_perfect_predictions_cost_nothing_in_any_order(targets: Targets) -> None:
    for order in ([0, 1, 2], [4, 0, 3]):
        losses = judged(perfect(targets, order), targets)
        assert set(losses.terms) == set(TERMS)
        for name, value in losses.terms.items():
            assert float(value) == pytest.approx(0, abs=2e-5), name
        assert float(losses.total) == pytest.approx(0, abs=1e-4)
        assert float(losses.degrees) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize(
    ("head", "moved"),
    [
        ("logits", {"logits"}),
        ("bbox", {"bbox", "giou", "logits"}),  # a worse box is to be less sure
        ("log_z", {"log_z"}),
        ("rot6d", {"rot6d"}),
        ("offsets", {"offsets"}),
        ("keypoints", {"keypoints", "oks"}),
    ],
)
def test_what_is_wrong_moves_its_own_terms_and_more_moves_them_further(
    targets: Targets, head: str, moved: set[str]
) -> None:
    right = perfect(targets)
    random = torch.Generator().manual_seed(0)
    change = torch.randn(right[head].shape, generator=random)
    scale = {"logits": -1.0, "bbox": 0.2, "offsets": 3.0, "keypoints": 0.02}.get(head, 0.1)
    if head == "logits":
        change = right[head]
    before = judged(right, targets).terms
    some, more = (
        judged({**right, head: right[head] + part * scale * change}, targets).terms
        for part in ((0.99, 1.0) if head == "logits" else (1.0, 2.0))
    )
    for name in TERMS:
        if name in moved:
            assert float(more[name]) > float(some[name]) > float(before[name]) + 1e-4, name
        else:
            assert float(more[name]) == pytest.approx(float(before[name]), abs=2e-5), name


def test_a_camera_that_is_changed_costs(targets: Targets) -> None:
    losses = judged(perfect(targets), targets, torch.tensor([0.1, 0.1, 9.6, 6.4]).repeat(4, 1))
    each = (0.1 + 0.1 + 9.6 / 96 + 6.4 / 64) * 4 / int(targets.count)
    assert float(losses.terms["k_delta"]) == pytest.approx(each, rel=1e-5)


def test_every_term_leads_back_to_the_truth(targets: Targets) -> None:
    """Each step along the slope lowers the loss; at the truth's opposite, too."""
    random = torch.Generator().manual_seed(0)
    start = {
        n: v + 0.3 * torch.randn(v.shape, generator=random) for n, v in perfect(targets).items()
    }
    start["logits"] = torch.randn(start["logits"].shape, generator=random)
    values = {name: v.clone().requires_grad_() for name, v in start.items()}
    optimiser = torch.optim.Adam(values.values(), lr=0.03)
    first = judged(values, targets)
    for _ in range(150):
        losses = judged(values, targets)
        optimiser.zero_grad()
        losses.total.backward()
        optimiser.step()
    for name, value in losses.terms.items():
        assert float(value.detach()) <= 0.4 * float(first.terms[name].detach()) + 1e-6, name
    assert float(losses.degrees) < 3


def test_unknown_poses_cost_nothing_and_have_no_slope(targets: Targets) -> None:
    nothing = replace(
        targets,
        rotation=torch.full_like(targets.rotation, torch.nan),
        z=torch.full_like(targets.z, torch.nan),
        offsets=torch.full_like(targets.offsets, torch.nan),
        intrinsics=torch.full_like(targets.intrinsics, torch.nan),
    )
    outputs = {n: (v + 0.1).requires_grad_() for n, v in perfect(targets).items()}
    losses = judged(outputs, nothing)
    for name in ("rot6d", "log_z", "offsets", "k_delta"):
        assert float(losses.terms[name].detach()) == 0
    losses.total.backward()
    for name in ("rot6d", "log_z", "offsets"):
        gradient = outputs[name].grad
        assert gradient is None or not bool(gradient.any())
    assert outputs["bbox"].grad is not None
    assert bool(outputs["bbox"].grad.isfinite().all())
    assert bool(losses.degrees.isnan())


def test_images_without_objects_only_teach_the_background(targets: Targets) -> None:
    made = make_cuboids([0], size=SIZE)
    truth = made.truths[0]
    empty = {name: getattr(truth, name)[:0] for name in ("classes", "boxes", "keypoints")}
    bare = replace(truth, **empty, rotation=None, translation=None, offsets=None, cad_points=())
    nothing = targets_of([bare], SIZE)
    outputs = perfect(nothing)
    assert float(judged(outputs, nothing).total) == pytest.approx(0, abs=1e-6)
    outputs["logits"] = outputs["logits"].flip(-1)
    assert float(judged(outputs, nothing).terms["logits"]) > 10


@pytest.mark.parametrize("degrees", [0, 1e-3, 40, 179.999, 180])
def test_rotations_have_finite_slopes_at_and_far_from_the_truth(degrees: float) -> None:
    axis = torch.tensor([0.0, 0.6, 0.8])
    turn = to_matrices(exp_map(axis * torch.tensor(degrees).deg2rad())).requires_grad_()
    plain, round_ = Symmetries.none(1), Symmetries(torch.eye(3)[None, None], axis[None])
    kind = torch.tensor(0)
    for symmetries, wanted in ((plain, degrees), (round_, 0.0)):
        trace = symmetries.trace(turn, torch.eye(3), kind)
        (gradient,) = torch.autograd.grad(trace, turn)
        assert bool(gradient.isfinite().all())
        expected = 1 + 2 * float(torch.tensor(wanted).deg2rad().cos())
        assert float(trace.detach()) == pytest.approx(expected, abs=1e-5)
        angle = symmetries.angle(turn.detach(), torch.eye(3), kind)
        assert float(angle.rad2deg()) == pytest.approx(wanted, abs=0.05)


def test_symmetric_classes_take_any_rotation_that_looks_the_same() -> None:
    symmetries = symmetries_of(kinds(2))
    random = torch.Generator().manual_seed(0)
    true, away = (to_matrices(exp_map(torch.randn(6, 3, generator=random) * s)) for s in (2.0, 0.2))
    turns = kinds(2).rotations[1][[1, 2, 3, 0, 1, 2]]
    found = true @ turns @ away
    angle = geodesic(torch.eye(3).expand(6, 3, 3), away)
    one, two = torch.zeros(6).long(), torch.ones(6).long()
    torch.testing.assert_close(symmetries.angle(found, true, two), angle, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(
        symmetries.trace(found, true, two), 1 + 2 * angle.cos(), atol=1e-5, rtol=1e-4
    )
    assert bool((symmetries.angle(found, true, one)[:3] > 2).all())
    axis = torch.nn.functional.normalize(torch.tensor([[1.0, 2, 3]]), dim=1)
    round_ = Symmetries(torch.eye(3)[None, None], axis)
    spun = true @ to_matrices(exp_map(axis * torch.linspace(-3, 3, 6)[:, None]))
    assert float(round_.angle(spun, true, one).max()) < 1e-3
    assert float((3 - round_.trace(spun, true, one)).max()) < 1e-4
    tilted = true @ to_matrices(exp_map(torch.tensor([[0.3, -0.15, 0.0]]).expand(6, 3)))
    assert float(round_.angle(tilted, true, one).min()) == pytest.approx(0.3354, abs=1e-3)


def test_the_matcher_finds_the_least_cost() -> None:
    """Compared with every possible assignment."""
    made = make_cuboids([3], size=SIZE, most=3)
    targets = targets_of(made.truths, SIZE)
    count = int(targets.count)
    random = torch.Generator().manual_seed(0)
    outputs = {
        n: (v + torch.randn(v.shape, generator=random))[None] for n, v in perfect(targets).items()
    }
    costs = Costs(rot6d=1, log_z=1, keypoints=1, oks=1)
    pairs = match(outputs, targets, costs, CRITERION.symmetries, CRITERION.sigmas, SIZE)
    table = _costs(outputs, targets, costs, CRITERION.symmetries, CRITERION.sigmas, SIZE)[0, 0]
    best = min(
        permutations(range(QUERIES), count),
        key=lambda chosen: sum(float(table[q, m]) for m, q in enumerate(chosen)),
    )
    found = dict(zip(pairs.place.tolist(), pairs.query.tolist(), strict=True))
    assert [found[m] for m in range(count)] == list(best)


@pytest.mark.parametrize("head", ["logits", "bbox", "rot6d", "keypoints"])
def test_nan_is_named_with_head_and_image(targets: Targets, head: str) -> None:
    outputs = perfect(targets)
    outputs[head][2, 1] = torch.nan
    with pytest.raises(TrainingError, match=f"head {head}, image 000002.png: found NaN or inf"):
        judged(outputs, targets)


def test_what_the_network_cannot_learn_is_named(targets: Targets) -> None:
    targets.check(2, 8, QUERIES)
    with pytest.raises(InputError, match=r"0000\d\d.png: class: expected 0\.\.0, .* found 1"):
        targets.check(1, 8, QUERIES)
    with pytest.raises(InputError, match=r"expected 7 keypoints, as the network has, found 8"):
        targets.check(2, 7, QUERIES)
    with pytest.raises(InputError, match=r"expected at most 1 objects, one per query, found [23]"):
        targets.check(2, 8, 1)


def test_denoising_restores_and_counts_only_real_objects(targets: Targets) -> None:
    torch.manual_seed(0)
    config = replace(NANO, classes=2, keypoints=8, size=SIZE, queries=QUERIES)
    model = RTDETRPose(config)
    noise = noised(targets, model.labels, 3)
    assert noise is not None
    assert noise.extra.tokens.shape == (4, 18, 64)
    assert noise.taken.sum() == 6 * targets.count
    assert noise.positive.sum() == 3 * targets.count
    pairs = noise.pairs(2)
    assert len(pairs.query) == 6 * int(targets.count)
    near = noise.extra.boxes - targets.boxes.nan_to_num(0.5).repeat(1, 6, 1)
    assert float(near[noise.positive].abs().max()) < 0.2
    layers = model.layers(torch.rand(4, 3, *SIZE), noise.extra)
    losses = CRITERION(layers, targets, targets.count, noise)
    alone = CRITERION(replace(layers, extra=[]), targets, targets.count)
    assert float(losses.total.detach()) > float(alone.total.detach())
    losses.total.backward()
    assert model.labels.weight.grad is not None
    assert bool(model.labels.weight.grad.any())
    # An empty place of the batch moves nothing.
    wide = Targets(
        names=targets.names,
        **{
            name: torch.cat(
                [
                    value,
                    value[:, :1] * torch.nan
                    if value.is_floating_point()
                    else torch.zeros_like(value[:, :1]),
                ],
                1,
            )
            for name, value in vars(targets).items()
            if name not in ("names", "intrinsics", "k_delta")
        },
        intrinsics=targets.intrinsics,
    )
    again = CRITERION(
        replace(layers, extra=[]),
        replace(wide, keypoints=wide.keypoints.nan_to_num()),
        targets.count,
    )
    torch.testing.assert_close(again.total, alone.total)


def test_varifocal_is_the_binary_loss_for_one_class() -> None:
    logits = torch.tensor([[1.5, 0.0], [-0.5, 0.0]])
    quality = torch.tensor([[0.8], [0.0]])
    found = varifocal(logits, quality, torch.tensor([True, False]))
    p = logits[:, 0].sigmoid()
    entropy = -(0.8 * p[0].log() + 0.2 * (1 - p[0]).log())
    least = -(0.8 * torch.tensor(0.8).log() + 0.2 * torch.tensor(0.2).log())
    assert float(found[0]) == pytest.approx(float(entropy - least), rel=1e-3)
    assert float(found[1]) == pytest.approx(float(-0.75 * p[1] ** 2 * (1 - p[1]).log()), rel=1e-5)


def test_giou_and_oks_have_their_published_values() -> None:
    one, apart = torch.tensor([0.0, 0, 1, 1]), torch.tensor([2.0, 0, 3, 1])
    assert float(giou(one, one)) == pytest.approx(1)
    assert float(giou(one, apart)) == pytest.approx(-1 / 3)
    points = torch.tensor([[0.5, 0.5], [0.1, 0.1]])
    true = torch.tensor([[0.6, 0.5, 2.0], [0.9, 0.9, 0.0]])
    box = torch.tensor([0.5, 0.5, 0.4, 0.5])
    found = oks(points, true, box, torch.tensor([0.07, 0.07]), (100, 200))
    wanted = torch.exp(torch.tensor(-(20.0**2) / (2 * 80 * 50 * 0.14**2)))
    assert float(found) == pytest.approx(float(wanted), rel=1e-4)
