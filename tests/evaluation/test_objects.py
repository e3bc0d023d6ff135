"""Figures of detected objects: perfect ones, worse ones, missed ones."""

from dataclasses import replace

import pytest
import torch

from kinograph.engines.datasets.made_cuboids import kinds, make_cuboids
from kinograph.engines.datasets.object_truth import ObjectTruth
from kinograph.engines.detect.objects import Objects
from kinograph.engines.detect.rtdetr_pose.decode import to_corners
from kinograph.engines.errors import InputError
from kinograph.engines.evaluation.objects import evaluate_objects
from kinograph.engines.geometry.camera import Camera
from kinograph.engines.geometry.rotations import exp_map, to_matrices

SIZE = (64, 96)


@pytest.fixture(scope="module")
def truths() -> tuple[ObjectTruth, ...]:
    return make_cuboids(range(12), size=SIZE, classes=2).truths


def perfect(truths: tuple[ObjectTruth, ...]) -> Objects:
    frames, places = len(truths), 2
    found = Objects(
        boxes=torch.zeros(frames, places, 4),
        scores=torch.zeros(frames, places),
        classes=torch.zeros(frames, places, dtype=torch.int64),
        count=torch.tensor([len(truth) for truth in truths]),
        canvas=SIZE,
        keypoints=torch.zeros(frames, places, 0, 2),
        confidence=torch.zeros(frames, places, 0),
        rotation=torch.eye(3).repeat(frames, places, 1, 1),
        translation=torch.zeros(frames, places, 3),
        camera=Camera.of_field_of_view(SIZE, axes="y_down"),
    )
    assert found.rotation is not None
    assert found.translation is not None
    for frame, truth in enumerate(truths):
        here = frame, slice(len(truth))
        found.boxes[here] = to_corners(truth.boxes) * torch.tensor([96.0, 64, 96, 64])
        found.scores[here] = 0.9
        found.classes[here] = truth.classes
        assert truth.rotation is not None
        assert truth.translation is not None
        found.rotation[here] = truth.rotation
        found.translation[here] = truth.translation
    return found


def test_perfect_objects_have_perfect_figures(truths: tuple[ObjectTruth, ...]) -> None:
    figures = evaluate_objects(perfect(truths), truths, kinds(2))
    objects = sum(map(len, truths))
    assert (figures["objects"], figures["matched"]) == (objects, objects)
    assert figures["box_ap"] == pytest.approx(1)
    assert figures["rotation_median_deg"] == pytest.approx(0, abs=0.05)
    assert figures["translation_median_m"] == pytest.approx(0, abs=1e-6)
    assert figures["add_10"] == 1


def test_each_error_moves_its_own_figure(truths: tuple[ObjectTruth, ...]) -> None:
    right = perfect(truths)
    assert right.rotation is not None
    assert right.translation is not None
    turn = to_matrices(exp_map(torch.tensor([0.0, 0.0, 0.2])))
    turned = evaluate_objects(replace(right, rotation=right.rotation @ turn), truths, kinds(2))
    assert turned["rotation_median_deg"] == pytest.approx(11.459, abs=0.01)
    assert (turned["box_ap"], turned["add_10"]) == (pytest.approx(1), 1)
    moved = evaluate_objects(
        replace(right, translation=right.translation + torch.tensor([0.0, 0, 0.05])),
        truths,
        kinds(2),
    )
    assert moved["translation_median_m"] == pytest.approx(0.05, abs=1e-5)
    assert moved["add_10"] == 0  # a tenth of the diameter is 26 mm
    shifted = evaluate_objects(replace(right, boxes=right.boxes + 3), truths, kinds(2))
    assert shifted["box_ap"] < 0.8
    assert shifted["rotation_median_deg"] == pytest.approx(0, abs=0.05)


def test_half_turns_of_symmetric_cuboids_are_right(truths: tuple[ObjectTruth, ...]) -> None:
    right = perfect(truths)
    assert right.rotation is not None
    flipped = right.rotation @ torch.diag(torch.tensor([1.0, -1, -1]))
    alike = torch.where((right.classes == 1)[..., None, None], flipped, right.rotation)
    figures = evaluate_objects(replace(right, rotation=alike), truths, kinds(2))
    assert figures["rotation_median_deg"] == pytest.approx(0, abs=0.1)
    assert figures["add_10"] == 1
    wrong = evaluate_objects(replace(right, rotation=flipped), truths, kinds(2))
    symmetric = sum(int((truth.classes == 1).sum()) for truth in truths)
    assert wrong["add_10"] == pytest.approx(symmetric / wrong["objects"])


def test_what_is_missed_counts_as_wrong(truths: tuple[ObjectTruth, ...]) -> None:
    right = perfect(truths)
    nothing = evaluate_objects(
        replace(right, count=torch.zeros_like(right.count)), truths, kinds(2)
    )
    objects = sum(map(len, truths))
    kept = {"box_ap": 0.0, "box_ap_50": 0.0, "matched": 0, "add_10": 0.0, "adds_10": 0.0}
    kept |= {"objects": objects, "rotation_median_deg": 180.0, "translation_median_m": None}
    assert {name: nothing[name] for name in kept} == kept
    other = evaluate_objects(replace(right, classes=1 - right.classes), truths, kinds(2))
    assert (other["box_ap"], other["matched"]) == (0, 0)
    unposed = replace(right, rotation=None, translation=None, camera=None)
    figures = evaluate_objects(unposed, truths, kinds(2))
    assert figures["box_ap"] == pytest.approx(1)
    assert figures["rotation_median_deg"] == 180


def test_a_box_is_of_one_object_only(truths: tuple[ObjectTruth, ...]) -> None:
    truth = next(truth for truth in truths if len(truth) == 1)
    names = ("classes", "boxes", "keypoints", "rotation", "translation", "offsets")
    twice = {name: getattr(truth, name).repeat_interleave(2, 0) for name in names}
    double = replace(truth, **twice, cad_points=truth.cad_points * 2)
    figures = evaluate_objects(perfect((truth,)), (double,), kinds(2))
    assert (figures["objects"], figures["matched"], figures["add_10"]) == (2, 1, 0.5)


def test_without_truth_there_is_nothing_to_measure(truths: tuple[ObjectTruth, ...]) -> None:
    bare = tuple(
        replace(t, rotation=None, translation=None, offsets=None, cad_points=()) for t in truths
    )
    figures = evaluate_objects(perfect(truths), bare, kinds(2))
    assert figures["rotation_median_deg"] is None
    assert figures["add_10"] is None
    with pytest.raises(InputError, match="expected those of 11 images, found those of 12"):
        evaluate_objects(perfect(truths), truths[:11], kinds(2))
