"""Metrics of bodies of a rig."""

import math
from dataclasses import replace

import pytest
import torch

from kinograph.engines.body.metrics.meter import Meter
from kinograph.engines.body.metrics.observe import observe
from kinograph.engines.body.rig import mannequin
from kinograph.engines.errors import InputError
from made_bodies import moving, times, turns_about_z


def test_a_knee_that_turns_and_a_body_that_walks() -> None:
    rig = mannequin()
    bodies = moving(frames=60, bodies=1)
    captured = times(60)
    rotation = torch.eye(3).repeat(60, 1, 52, 1, 1)
    rotation[:, 0, rig.index("calf_l")] = turns_about_z(math.radians(90) * captured).float()
    translation = torch.tensor([0.0, 0.0, -3.0]).repeat(60, 1, 1)
    translation[:, 0, 0] = 1.4 * captured.float()
    bodies = replace(bodies, rotation=rotation, translation=translation)
    meter = Meter()
    meter.add(observe(bodies, rig, captured))
    found = meter.summary()
    assert found is not None
    values = found.everybody.values
    assert values["pose_speed"] == pytest.approx(90 / 21, rel=1e-3)  # 22 joints without fingers
    assert values["speed"] == pytest.approx(1.4, rel=1e-4)
    assert found.tracks[0].track == 3
    meter = Meter()
    meter.add(observe(bodies, rig, captured, fingers=True))
    found = meter.summary()
    assert found is not None
    assert found.everybody.values["pose_speed"] == pytest.approx(90 / 51, rel=1e-3)


def test_empty_places_and_dropped_frames_do_not_count() -> None:
    bodies = moving(frames=6)
    count = torch.tensor([2, 2, 0, 1, 2, 2])
    bodies = replace(bodies, count=count)
    bodies.rotation[2:4, 1] = 0
    output = torch.tensor([True, True, True, True, True, False])
    meter = Meter()
    meter.add(observe(bodies, mannequin(), times(6), output=output))
    found = meter.summary()
    assert found is not None
    assert [(track.track, track.frames) for track in found.tracks] == [(3, 4), (4, 3)]
    assert found.everybody.detection == pytest.approx(100 * 4 / 6)


def test_another_rig() -> None:
    with pytest.raises(InputError, match="bodies: expected the rig mannequin, found smpl"):
        observe(replace(moving(frames=2), rig="smpl"), mannequin(), times(2))
