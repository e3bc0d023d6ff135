"""Who is where: order, occlusion, gaps, cuts and chunks."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from kinograph.engines.body.as_poses import as_poses
from kinograph.engines.body.bodies import Bodies
from kinograph.engines.datasets.made_bodies import posed_bodies
from kinograph.engines.errors import InputError
from kinograph.engines.geometry.camera import Camera
from kinograph.engines.pose.poses import Poses
from kinograph.engines.render.bodies.draw import draw_bodies
from kinograph.engines.render.people_masks.labels import Labels
from kinograph.engines.render.people_masks.masker import Masker
from made_bodies import moving
from masked_people import CANVAS, walking
from posed_heads import SIZE as HEADS_SIZE
from posed_heads import turning_heads


def joined(masker: Masker, found: dict[str, Any], *cuts: int) -> Labels:
    """Return the labels of a clip that comes in chunks which end at `cuts`."""
    length = len(next(iter(found.values())))
    ends = [*cuts, length]
    return Labels.cat(
        [
            masker.update({name: each.slice(start, stop) for name, each in found.items()})
            for start, stop in zip([0, *cuts], ends, strict=True)
        ]
    )


def of_track(masker: Masker, labels: Labels, track: int) -> Tensor:
    """Return the masks [F,H,W] bool of a track."""
    number = masker.state.tracks.index(track) + 1
    return labels.by_person(torch.tensor([number]))[:, 0]


def test_limbs_cover_joints_and_no_more_than_a_body() -> None:
    poses = walking((100.0, 0.0), frames=1)
    masker = Masker()
    mask = masker.update({"poses": poses}).mask()[0]
    points = poses.keypoints[0, 0].long()
    assert mask[points[:, 1], points[:, 0]].all()
    assert not mask[170:205, 98:103].any(), "between the legs"
    rows, columns = mask.nonzero().unbind(1)
    assert rows.min() < 40, "hair"
    assert rows.max() > 205, "shoes"
    assert columns.min() > 100 - 60
    assert columns.max() < 100 + 60
    wider = Masker(margin=0.5).update({"poses": poses}).mask()[0]
    assert (wider >= mask).all()
    assert wider.sum() > 1.2 * mask.sum()


def test_numbers_follow_first_appearance_and_then_the_place() -> None:
    """As SCAIL-2's node orders: who comes later is last, however far to the left."""
    present = torch.ones(6, 3, dtype=torch.bool)
    present[:2, 2] = False
    poses = walking((240.0, 0.0), (110.0, 0.0), (30.0, 0.0), scale=0.4, present=present)
    masker = Masker()
    labels = masker.update({"poses": poses})
    assert masker.state.tracks == (3, 7, 5)
    assert masker.state.since == (0, 0, 2)
    assert masker.state.seen == (6, 6, 4)
    assert masker.state.initial is not None
    assert len(masker.state.initial) == 2
    assert of_track(masker, labels, 5).flatten(1).any(1).tolist() == [False] * 2 + [True] * 4


def test_who_is_in_front_hides_the_others() -> None:
    """The larger one, or whose feet are lower; who is not asked for still hides."""
    poses = walking((100.0, 0.0), (130.0, 0.0), frames=1)
    large = replace(poses, keypoints=poses.keypoints.clone())
    middle = torch.tensor([130.0, 90.0])
    large.keypoints[0, 1] = (
        (large.keypoints[0, 1] - middle) * 1.1 + middle - torch.tensor([0, 40.0])
    )
    alone = {}
    for track, person in ((7, slice(0, 1)), (3, slice(1, 2))):
        kept = replace(
            large,
            **{
                name: getattr(large, name)[:, person]
                for name in ("keypoints", "confidence", "boxes", "scores", "track_ids")
            },
            count=torch.ones(1, dtype=torch.int64),
        )
        alone[track] = Masker().update({"poses": kept}).mask()[0] > 0
    both = alone[7] & alone[3]
    assert both.sum() > 500
    for in_front, front, behind in (("size", 3, 7), ("lower", 7, 3)):
        masker = Masker(in_front=in_front)
        labels = masker.update({"poses": large})
        assert torch.equal(of_track(masker, labels, front)[0], alone[front])
        seen = alone[behind] & ~alone[front]
        assert torch.equal(of_track(masker, labels, behind)[0], seen)
        only = Masker(in_front=in_front, wanted=[range(behind, behind + 1)])
        assert torch.equal(
            only.update({"poses": large}).mask()[0] > 0, alone[behind] & ~alone[front]
        )
        assert only.state.others == (front,)


def test_close_ups_go_on_to_the_edge() -> None:
    """Of a bust neither hips nor elbows are seen."""
    poses = walking((160.0, 0.0), frames=1, scale=2.7)
    points = poses.keypoints + torch.tensor([0.0, 140.0])
    seen = poses.confidence.clone()
    seen[:, :, 7:] = 0
    mask = Masker().update({"poses": replace(poses, keypoints=points, confidence=seen)}).mask()[0]
    assert mask[239, 150:170].all(), "the torso"
    assert mask[180, [113, 207]].all(), "upper arms"
    far = replace(walking((160.0, 0.0), frames=1), confidence=seen)  # of who stands behind a table
    rows = Masker().update({"poses": far}).mask()[0].any(1).nonzero()
    assert rows.max() < 90


def test_surfaces_of_bodies_are_their_silhouettes_and_hide_each_other_by_depth() -> None:
    bodies = moving(2)
    masker = Masker()
    labels = masker.update({"bodies": bodies, "poses": as_poses(bodies)})
    drawn = draw_bodies(bodies, samples=1)
    assert torch.equal(labels.mask(), drawn.mask)
    for place, track in enumerate((3, 4)):
        keep = torch.zeros_like(bodies.present)
        keep[:, place] = True
        alone = draw_bodies(bodies.kept(keep), samples=1).mask > 0
        mine = of_track(masker, labels, track)
        assert (mine <= alone).all()
        assert mine.any()
    assert not (of_track(masker, labels, 3) & of_track(masker, labels, 4)).any()


def test_a_person_without_a_body_in_a_frame_is_drawn_by_limbs() -> None:
    bodies = moving(2, bodies=1)
    poses = as_poses(bodies)
    some = bodies.kept(torch.tensor([[True], [False]]))
    labels = Masker().update({"poses": poses, "bodies": some}).mask()
    assert torch.equal(labels[0], Masker().update({"bodies": bodies}).mask()[0])
    assert torch.equal(labels[1], Masker().update({"poses": poses}).mask()[1])


def test_limbs_are_near_the_silhouettes_of_made_bodies() -> None:
    """What was not among the bodies that the radii are fitted to."""
    bodies = posed_bodies(torch.arange(1000, 1012), 0, (448, 384))
    bodies = replace(bodies, track_ids=torch.zeros_like(bodies.track_ids))
    true = draw_bodies(bodies, samples=1).mask > 0
    found = Masker().update({"poses": as_poses(bodies)}).mask() > 0
    iou = (found & true).sum((1, 2)) / (found | true).sum((1, 2))
    assert iou.mean() > 0.8
    assert iou.min() > 0.7


def test_heads_are_round_their_boxes() -> None:
    heads = turning_heads(3)
    masker = Masker()
    labels = masker.update({"heads": heads})
    for place, track in enumerate((1, 2)):
        rows, columns = of_track(masker, labels, track)[0].nonzero().unbind(1)
        x0, y0, x1, y1 = heads.boxes[0, place].tolist()
        assert rows.min() < y0
        assert columns.min() < x0 + 4
        assert columns.max() > x1 - 5
        assert rows.max() > y0 + 0.8 * (y1 - y0)
        assert rows.max() - rows.min() < 2.2 * (y1 - y0)
    assert labels.codes.shape[1:] == HEADS_SIZE


def test_masks_stay_over_gaps_behind_others_and_end_at_cuts() -> None:
    present = torch.ones(8, 2, dtype=torch.bool)
    present[2:6, 0] = False
    poses = walking((100.0, 0.0), (250.0, -30.0), frames=8, present=present)
    masker = Masker(hold=3)
    labels = masker.update({"poses": poses})
    held = of_track(masker, labels, 7)
    assert held.flatten(1).any(1).tolist() == [True] * 5 + [False] + [True] * 2
    other = of_track(masker, labels, 3)
    assert torch.equal(held[3], held[1] & ~other[3])
    assert (held[1] & other[4]).any()
    assert not (held[4] & other[4]).any(), "behind who is found"
    assert masker.state.seen == (4, 8), "what is held is not found"
    cut = torch.tensor([False, False, False, True, False, False, False, False])
    ended = Masker(hold=3)
    labels = ended.update({"poses": poses}, cut)
    assert (
        of_track(ended, labels, 7).flatten(1).any(1).tolist()
        == [True] * 3 + [False] * 3 + [True] * 2
    )


def test_a_person_who_is_lost_at_once_and_a_single_frame() -> None:
    present = torch.zeros(5, 1, dtype=torch.bool)
    present[0] = True
    masker = Masker(hold=2)
    labels = masker.update({"poses": walking((100.0, 5.0), frames=5, present=present)})
    assert labels.mask().flatten(1).any(1).tolist() == [True] * 3 + [False] * 2
    alone = replace(walking((100.0, 0.0), (200.0, 0.0), frames=1), track_ids=torch.full((1, 2), -1))
    single = Masker()
    single.update({"poses": alone})
    assert single.state.tracks == (0, 1), "places stand for tracks"
    with pytest.raises(InputError, match="expected people with tracks where there are several"):
        single.update({"poses": alone})


@pytest.mark.parametrize("grow", [0, 5, -3])
def test_chunks_give_the_same(grow: int) -> None:
    made = torch.Generator().manual_seed(3)
    present = torch.rand(12, 3, generator=made) > 0.3
    present[0] = torch.tensor([True, True, False])
    poses = walking((60.0, 9.0), (160.0, -7.0), (300.0, -25.0), frames=12, present=present)
    bodies = moving(12)
    camera = Camera.of_field_of_view(CANVAS, 50.0)
    bodies = replace(bodies, canvas=CANVAS, camera=camera).kept(bodies.present & (present[:, :2]))
    found = {"poses": poses, "bodies": bodies}
    whole = Masker(hold=2, grow=grow, margin=0.1)
    expected = joined(whole, found)
    for cuts in ((1, 2, 3, 7), (6,), tuple(range(1, 12))):
        masker = Masker(hold=2, grow=grow, margin=0.1)
        labels = joined(masker, found, *cuts)
        assert torch.equal(labels.codes, expected.codes)
        assert torch.equal(labels.number, expected.number)
        assert masker.state.tracks == whole.state.tracks
        assert masker.state.seen == whole.state.seen
        assert torch.equal(masker.state.first, whole.state.first)
        assert torch.equal(masker.state.initial, whole.state.initial)
    assert len(whole.state.tracks) == 4, "track 3 is a body in some frames, limbs in others"


def test_another_size_and_grown_masks() -> None:
    poses = walking((100.0, 0.0), frames=1)
    mask = Masker().update({"poses": poses}).mask()[0]
    half = Masker(size=(120, 160)).update({"poses": poses}).mask()[0]
    assert half.sum() == pytest.approx(float(mask.sum()) / 4, rel=0.05)
    crop = Masker(size=(240, 240), fit="crop").update({"poses": poses}).mask()[0]
    assert torch.equal(crop, mask[:, 40:280])
    grown = Masker(grow=4).update({"poses": poses}).mask()[0]
    shrunk = Masker(grow=-4).update({"poses": poses}).mask()[0]
    assert grown.sum() > mask.sum() > shrunk.sum() > 0
    assert (shrunk <= mask).all()
    assert (mask <= grown).all()


def test_nobody() -> None:
    masker = Masker(hold=3)
    labels = masker.update({"poses": Poses.empty(4, CANVAS)})
    assert not labels.mask().any()
    assert masker.state.tracks == ()
    unseen = walking((100.0, 0.0))
    blind = replace(unseen, confidence=torch.zeros_like(unseen.confidence))
    assert not Masker().update({"poses": blind}).mask().any()
    broken = replace(unseen, keypoints=unseen.keypoints * torch.nan)
    assert not Masker().update({"poses": broken}).mask().any()


TWO = walking((60.0, 0.0), (200.0, 0.0))
MOVED: Bodies = replace(moving(6), canvas=CANVAS)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({}, "expected poses, heads or bodies, found none of them; connect at least one"),
        (
            {"poses": TWO, "bodies": MOVED.slice(0, 5)},
            "bodies: expected those of the same frames as poses, 6 frames of 320x240, found 5",
        ),
        ({"poses": TWO, "heads": turning_heads(6)}, "found 6 frames of 160x120; detect both"),
        ({"poses": Poses.empty(3, CANVAS, skeleton="ap10k_17")}, "poses: expected people"),
        (
            {"poses": replace(TWO, track_ids=torch.full_like(TWO.track_ids, -1))},
            "several; put Track Poses before Masks of People",
        ),
        (
            {"poses": TWO, "bodies": replace(MOVED, track_ids=TWO.track_ids * 0 - 1)},
            "bodies: have no tracks, so it is not known who of the poses they are; connect the ",
        ),
        (
            {"poses": replace(TWO, track_ids=torch.ones_like(TWO.track_ids))},
            "poses: frame 0 has track 1 twice",
        ),
    ],
)
def test_what_has_no_masks(found: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Masker().update(found)


def test_an_unknown_order() -> None:
    with pytest.raises(InputError, match="in_front: expected one of size, lower, found 'up'"):
        Masker(in_front="up").update({"poses": TWO})
