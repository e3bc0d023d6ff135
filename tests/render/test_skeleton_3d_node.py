"""Draw 3D Skeleton: what it shows and says."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from kinograph.engines.body.bodies import Bodies
from kinograph.engines.errors import InputError
from kinograph.engines.geometry.camera import Camera
from kinograph.engines.pose.poses import Poses
from kinograph.engines.pose.skeletons import COCO_17
from kinograph.engines.render.capsules.scail import Fade, draw_scail
from kinograph.nodes.body.draw_skeleton import DrawSkeleton3D
from made_bodies import moving

SIZE = (60, 100)
GIVEN: dict[str, Any] = {
    **{"style": "scail", "colours": "style", "width": 0, "height": 0, "fit": "stretch"},
    **{"nearest": 0.0, "fades_over": 0.0},
}


@pytest.fixture(scope="module")
def bodies() -> Bodies:
    return replace(moving(2), canvas=SIZE, camera=Camera.of_field_of_view(SIZE, 50.0))


def test_it_draws_what_the_engine_draws(bodies: Bodies) -> None:
    output = DrawSkeleton3D.execute(bodies, **GIVEN)
    image, mask = output.args
    assert torch.equal(image, draw_scail(bodies)[0])
    assert mask.shape == (2, *SIZE)
    assert output.ui.value.startswith("2 frames of 100x60; brightest at 2.")
    assert not output.ui.warnings
    wide = DrawSkeleton3D.execute(bodies, **GIVEN | {"width": 200}).args[0]
    assert wide.shape == (2, 120, 200, 3)


@pytest.mark.parametrize(
    ("nearest", "over"), [(2.0, 1.5), (2.0, 0.0), (0.0, 1.5)], ids=["both", "near", "over"]
)
def test_depth_as_it_is_set(bodies: Bodies, nearest: float, over: float) -> None:
    given = GIVEN | {"nearest": nearest, "fades_over": over}
    image = DrawSkeleton3D.execute(bodies, **given).args[0]
    assert not torch.equal(image, draw_scail(bodies)[0])
    if nearest and over:
        assert torch.equal(image, draw_scail(bodies, fade=Fade(nearest, over))[0])


def test_what_it_warns_of(bodies: Bodies) -> None:
    poses = Poses.empty(2, SIZE, skeleton=COCO_17.name)
    untracked = replace(bodies, track_ids=torch.full_like(bodies.track_ids, -1))
    output = DrawSkeleton3D.execute(untracked, **GIVEN | {"colours": "track"}, poses=poses)
    hands, tracks = output.ui.warnings
    assert hands.startswith("poses: these have no hands and faces")
    assert tracks == "colours: bodies without a track have the colours for one person"
    nobody = replace(bodies, count=torch.zeros(2, dtype=torch.int64))
    output = DrawSkeleton3D.execute(nobody, **GIVEN)
    assert list(output.ui.warnings) == ["no frame contains bodies; nothing is drawn"]
    assert not output.args[0].any()


def test_poses_of_other_frames_are_refused(bodies: Bodies) -> None:
    poses = Poses.empty(3, SIZE, skeleton=COCO_17.name)
    with pytest.raises(InputError, match="poses: expected 2 frames, as many as of the bodies"):
        DrawSkeleton3D.execute(bodies, **GIVEN, poses=poses)


def test_it_looks_at_the_whole_clip_unless_depth_is_set() -> None:
    survey = DrawSkeleton3D.STREAMING.survey
    assert survey is not None
    assert survey.needed(GIVEN)
    assert not survey.needed(GIVEN | {"nearest": 2.0, "fades_over": 3.0})
    assert str(survey.refusal).endswith("; set nearest and fades_over")
