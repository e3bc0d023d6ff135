"""Objects found in frames by an engine: where they lie, which are looked for, what is refused."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from kinograph.engines.detect.bounding_boxes import objects_to_bounding_boxes
from kinograph.engines.detect.detect import detect_objects, frames_at_once
from kinograph.engines.detect.family import object_family
from kinograph.engines.detect.labels import Labels
from kinograph.engines.detect.lens import stated_camera
from kinograph.engines.detect.objects import Objects
from kinograph.engines.detect.people import people_in, skeleton_of
from kinograph.engines.detect.rtdetr_pose.decode import decode
from kinograph.engines.errors import InputError, KinographError
from kinograph.engines.geometry.camera import Camera
from kinograph.engines.models import checkpoint
from kinograph.engines.models.registry import resolve
from kinograph.engines.pose.skeletons import COCO_17
from kinograph.engines.runtime.engine import Engine, build_engine
from kinograph.engines.runtime.network import network_of
from made_objects import LABELS, SIZE, made_objects, write_detector

CANVAS = (96, 128)


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    path = write_detector(tmp_path_factory.mktemp("detector") / "a.pt")
    model = resolve("rtdetr_pose:a.pt", folder=path.parent)
    return build_engine(model, network_of(model), backend="torch", device="cpu", max_batch=4)


@pytest.fixture(scope="module")
def frames() -> Tensor:
    return torch.rand(6, *CANVAS, 3, generator=torch.Generator().manual_seed(1))


def test_objects_are_those_of_the_stretched_frames(detector: Engine, frames: Tensor) -> None:
    camera = Camera.of_field_of_view(CANVAS, 50.0, axes="y_down")
    found = detect_objects(frames, detector, camera=camera, score_threshold=0.0, most=5)
    small = torch.nn.functional.interpolate(
        frames.movedim(-1, 1), (64, 64), mode="bilinear", antialias=True
    )
    fx, fy, cx, cy = (float(values) for values in (camera.fx, camera.fy, camera.cx, camera.cy))
    lens = torch.tensor([[fx / 2, fy * 2 / 3, cx / 2, cy * 2 / 3]]).expand(6, 4)
    parts = [detector.infer(part) for part in small.split(4)]
    outputs = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    wanted = decode(outputs, (64, 64), intrinsics=lens, threshold=0.0, most=5)
    assert found.canvas == CANVAS
    assert found.labels == LABELS
    assert found.count.tolist() == [5] * 6
    scale = torch.tensor([2.0, 1.5])
    torch.testing.assert_close(found.boxes, wanted.boxes * scale.repeat(2), atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(found.keypoints, wanted.keypoints * scale, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(found.translation, wanted.translation, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found.rotation, wanted.rotation, atol=1e-4, rtol=1e-4)
    assert found.camera is not None
    assert (float(found.camera.fx), found.camera.size) == (fx, CANVAS)


def test_parts_of_whole_batches_give_the_same(detector: Engine, frames: Tensor) -> None:
    assert frames_at_once(detector) == 4
    whole = detect_objects(frames, detector, score_threshold=0.0)
    parts = [detect_objects(part, detector, score_threshold=0.0) for part in frames.split(4)]
    joined = Objects.cat(parts)
    assert torch.equal(joined.boxes, whole.boxes)
    assert torch.equal(joined.count, whole.count)
    assert (whole.rotation, whole.camera) == (None, None)


def test_only_some_classes_are_looked_for(detector: Engine, frames: Tensor) -> None:
    every = detect_objects(frames, detector, score_threshold=0.0)
    books = detect_objects(frames, detector, score_threshold=0.0, classes=" Book ")
    numbers = every.classes[every.present]
    assert set(numbers.tolist()) == {0, 1}
    assert int(books.count.sum()) == int((numbers == 1).sum())
    assert bool((books.classes[books.present] == 1).all())
    with pytest.raises(InputError, match=r"classes: .*found 'cap'; there are cup and book"):
        detect_objects(frames, detector, classes="book, cap")


def test_keypoints_below_the_threshold_are_not_seen(detector: Engine, frames: Tensor) -> None:
    every = detect_objects(frames, detector, score_threshold=0.0)
    middle = float(every.scores[every.present].median())
    found = detect_objects(frames, detector, score_threshold=0.0, keypoint_threshold=middle)
    assert torch.equal(found.scores, every.scores)
    hidden = (every.scores < middle)[..., None].expand_as(found.confidence)
    assert not bool(found.confidence[hidden].any())
    assert bool((found.confidence[~hidden & found.present[..., None]] > 0).all())


def test_what_cannot_be_detected(detector: Engine, frames: Tensor, engine: Engine) -> None:
    with pytest.raises(InputError, match=r"finds no objects; .*Load RT-DETR Checkpoint"):
        detect_objects(frames, engine)
    for camera in (
        Camera.of_field_of_view((64, 64), axes="y_down"),
        Camera.of_field_of_view(CANVAS),
        Camera(*[torch.ones(5)] * 4, CANVAS, axes="y_down"),
    ):
        with pytest.raises(InputError, match="camera: expected one of 128x96 px with y down for 6"):
            detect_objects(frames, detector, camera=camera)
    with pytest.raises(InputError, match=r"score threshold in 0\.\.1"):
        detect_objects(frames, detector, score_threshold=1.0)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"bounds": [None]}, "config: bounds: expected 2 entries, one per class, found 1"),
        ({"bounds": [None, [[0, 0, 0], [1, 0, 1]]]}, r"bounds\[1\]: expected the least x, y, z"),
        ({"class_names": ["cup"]}, "class_names: expected 2 names, as the network has, found 1"),
    ],
)
def test_checkpoints_that_are_wrong(
    changed: dict[str, object], message: str, tmp_path: Path
) -> None:
    path = write_detector(tmp_path / "a.pt")
    content = checkpoint.load(path)
    content["config"] |= changed
    checkpoint.save({k: v for k, v in content.items() if k not in ("kind", "version")}, path)
    model = resolve("rtdetr_pose:a.pt", folder=tmp_path)
    with pytest.raises(KinographError, match=message):
        network_of(model)


def test_a_checkpoint_that_was_replaced_is_read_again(tmp_path: Path) -> None:
    write_detector(tmp_path / "a.pt")
    model = resolve("rtdetr_pose:a.pt", folder=tmp_path)
    about = object_family(model).about(model)
    assert (about.labels, about.step, about.most) == (LABELS, 7, 12)
    write_detector(tmp_path / "a.pt", labels=Labels(("ball",)))
    assert object_family(model).about(model).labels == Labels(("ball",))


@pytest.mark.parametrize(
    "text", ["1 2 3", "1 2 3 4 5", "a b c d", "0 9 1 1", "nan 1 1 1", "9 9 inf 1"]
)
def test_intrinsics_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match="intrinsics: expected four numbers in px"):
        stated_camera(SIZE, 50.0, text)


def test_the_stated_camera() -> None:
    assert stated_camera(SIZE, 0.0) is None
    camera = stated_camera(SIZE, 0.0, " 90, 91.5 64 48 ")
    assert camera is not None
    assert camera.table(torch.float32)[:, 0].tolist() == [90.0, 91.5, 64.0, 48.0]
    assert camera.axes == "y_down"


def test_boxes_for_other_packs_are_labelled_and_cut() -> None:
    objects = made_objects()
    moved = replace(objects, boxes=objects.boxes - torch.tensor([40.0, 0, 0, 0]))
    boxes = objects_to_bounding_boxes(moved)
    assert [[box["label"] for box in row] for row in boxes] == [["cup", "book"]] * 2 + [["cup"]]
    assert boxes[0][0]["x"] == 0.0
    assert boxes[0][0]["width"] == pytest.approx(float(objects.boxes[0, 0, 2]))
    unnamed = replace(objects, labels=Labels())
    assert objects_to_bounding_boxes(unnamed)[0][1]["label"] == "class 1"


def people(classes: tuple[str, ...], names: tuple[str, ...]) -> Objects:
    """Two objects of the classes 0 and 1 with keypoints at (number, 2 * number)."""
    points = torch.arange(17.0)[:, None] * torch.tensor([1.0, 2.0])
    return Objects(
        boxes=torch.tensor([[1.0, 2, 3, 4], [5, 6, 7, 8]])[None],
        scores=torch.tensor([[0.9, 0.8]]),
        classes=torch.tensor([[0, 1]]),
        count=torch.tensor([2]),
        canvas=(50, 60),
        keypoints=points.expand(1, 2, 17, 2),
        confidence=torch.full((1, 2, 17), 0.5),
        labels=Labels(classes, names),
    )


def test_people_are_those_with_the_joints_of_people() -> None:
    turned = tuple(joint.replace("_", " ").title() for joint in reversed(COCO_17.joints))
    found = people_in(people(("dog", "Person"), turned))
    assert found.count.tolist() == [1]
    assert found.boxes[0].tolist() == [[5.0, 6, 7, 8], [0.0, 0, 0, 0]]
    assert found.skeleton == COCO_17.name
    assert found.keypoints[0, 0, 0].tolist() == [16.0, 32.0]  # the nose was named last
    assert found.track_ids.tolist() == [[-1, -1]]
    assert people_in(people(("worker", "guest"), COCO_17.joints)).count.tolist() == [2]
    others = ("tail", *COCO_17.joints[1:])
    assert skeleton_of(Labels(("person",), others)) is None
    assert people_in(people(("person", "dog"), others)).count.tolist() == [0]
    assert people_in(made_objects()).count.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"skeleton": ((0, 3),)}, r"expected pairs of keypoints in 0\.\.2"),
        ({"bounds": (None,)}, "expected those of 2 classes, found 1"),
        ({"bounds": (None, ((0.0, 0, 0), (1.0, 0, 1)))}, "book: expected least below greatest"),
    ],
)
def test_labels_that_contradict_themselves(given: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Labels(**{**vars(LABELS), **given})  # type: ignore[arg-type]


def test_objects_keep_their_names() -> None:
    objects = made_objects()
    wide = objects.fitted((192, 128))
    torch.testing.assert_close(wide.boxes[..., 1::2], objects.boxes[..., 1::2] * 2)
    assert wide.camera is not None
    assert float(wide.camera.fy) == pytest.approx(2 * float(objects.camera.fy))  # type: ignore[union-attr]
    boxed = objects.fitted((192, 128), "letterbox")
    assert not bool(boxed.boxes[-1, 1].any()), "an empty place is zero, not in the border"
    with pytest.raises(InputError, match="expected names of 2 keypoints, found 3"):
        replace(
            objects, keypoints=objects.keypoints[:, :, :2], confidence=objects.confidence[..., :2]
        )
    other = replace(objects, labels=Labels(("cup", "book")))
    with pytest.raises(InputError, match="differ in canvas, keypoints, names or poses"):
        Objects.cat([objects, other])
