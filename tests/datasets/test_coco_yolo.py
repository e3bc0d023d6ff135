"""Labelled images on disk: what is written is read, and every fault is named."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from kinograph.engines.datasets.coco_yolo.read import LabelsError, read_coco_yolo, read_pixels
from kinograph.engines.datasets.coco_yolo.write import write_images, write_kinds
from kinograph.engines.datasets.made_cuboids import kinds, make_cuboids
from kinograph.engines.errors import InputError, MediaError

IDENTITY = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_cuboids_come_back_as_they_were_made(tmp_path: Path) -> None:
    made = make_cuboids(range(3), size=(64, 96), most=2, classes=2)
    write_kinds(kinds(2), tmp_path)
    write_images(made.truths, made.images, made.masks, tmp_path, "train")
    found = read_coco_yolo(tmp_path, "train")
    assert found.kinds.classes == kinds(2).classes
    assert found.kinds.skeleton == kinds(2).skeleton
    for one, other in zip(found.kinds.rotations, kinds(2).rotations, strict=True):
        assert torch.equal(one, other)
    assert found.notes == ()
    for number, (truth, wanted) in enumerate(zip(found.images, made.truths, strict=True)):
        assert truth.size == (64, 96)
        assert torch.equal(truth.classes, wanted.classes)
        torch.testing.assert_close(truth.boxes, wanted.boxes, atol=1e-6, rtol=0)
        there = wanted.keypoints[..., 2:] > 0
        torch.testing.assert_close(truth.keypoints, wanted.keypoints * there, atol=1e-6, rtol=0)
        for name in ("rotation", "translation", "offsets", "intrinsics"):
            torch.testing.assert_close(getattr(truth, name), getattr(wanted, name))
        torch.testing.assert_close(truth.z, wanted.z)
        torch.testing.assert_close(truth.cad_points, wanted.cad_points)
        pixels = read_pixels(truth, (64, 96)).movedim(0, -1)
        assert float((pixels / 255 - made.images[number]).abs().max()) <= 0.5 / 255 + 1e-6
        assert truth.mask is not None
        with Image.open(truth.mask) as mask:
            assert torch.equal(
                torch.frombuffer(bytearray(mask.tobytes()), dtype=torch.uint8).view(64, 96),
                made.masks[number],
            )


Written = Callable[..., Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Write one image of 20x10 px, with two classes and one keypoint."""

    def write(
        labels: str | None = "0 0.5 0.5 0.2 0.2 0.5 0.5 2\n",
        sidecar: object = None,
        description: object = None,
    ) -> Path:
        (tmp_path / "images/val").mkdir(parents=True)
        (tmp_path / "labels/val").mkdir(parents=True)
        Image.new("RGB", (20, 10)).save(tmp_path / "images/val/a.png")
        if labels is not None:
            (tmp_path / "labels/val/a.txt").write_text(labels)
        if sidecar is not None:
            text = sidecar if isinstance(sidecar, str) else json.dumps(sidecar)
            (tmp_path / "labels/val/a.json").write_text(text)
        kept = description or {"class_names": ["cup", "can"], "keypoint_names": ["top"]}
        (tmp_path / "dataset.json").write_text(json.dumps(kept))
        return tmp_path

    return write


def test_the_contract_in_its_other_forms_is_read(written: Written) -> None:
    root = written(
        "0 0.5 0.5 0.2 0.2 0.5 0.5 2\n\n1 0.5 0.5 1 1 0 0 0\n",
        {
            "pose": {"R": IDENTITY, "t": [0, 0, 2]},
            "K_gt": [[30, 0, 10], [0, 31, 5], [0, 0, 1]],
            "D_obj": 1.5,
            "cad_points": [[0, 0, 0], [0, 0, 1]],
            "image_size": {"width": 20, "height": 10},
            "depth_path": "depth/a.png",
        },
        {"names": {"0": "cup", "1": "can"}, "keypoint_names": ["top"]},
    )
    found = read_coco_yolo(root, "val")
    truth = found.images[0]
    assert truth.classes.tolist() == [0, 1]
    assert truth.rotation is not None
    assert truth.rotation.tolist() == [IDENTITY, IDENTITY]
    assert truth.intrinsics is not None
    assert truth.intrinsics.tolist() == [30, 31, 10, 5]
    assert truth.z is not None
    assert truth.z.tolist() == [1.5, 1.5]
    assert len(truth.cad_points) == 2
    assert len(found.notes) == 1
    assert found.notes[0].endswith("a.json: depth_path: not used")


@pytest.mark.parametrize("labels", [None, "", "\n"])
def test_an_image_without_labels_has_no_objects(written: Written, labels: str | None) -> None:
    truth = read_coco_yolo(written(labels), "val").images[0]
    assert len(truth) == 0
    assert truth.keypoints.shape == (0, 1, 3)


GOOD = "0 0.5 0.5 0.2 0.2 0.5 0.5 2"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 0.5 0.5 0.2", r"expected class cx cy w h and 1 times x y v, 8 numbers, found 4"),
        ("2 0.5 0.5 0.2 0.2 0.5 0.5 2", r"class: expected 0\.\.1, as .* 2 classes, found 2"),
        ("0.5 0.5 0.5 0.2 0.2 0.5 0.5 2", "class: expected .* found 0.5"),
        ("-1 0.5 0.5 0.2 0.2 0.5 0.5 2", "class: expected .* found -1"),
        ("0 0.5 0.5 -0.2 0.2 0.5 0.5 2", "expected a box of some width and height, found -0.2x0.2"),
        ("0 0.95 0.5 0.2 0.2 0.5 0.5 2", "expected a box inside the image.*found 0.95 0.5 0.2 0.2"),
        ("0 320 240 60 50 0.5 0.5 2", "expected a box inside the image, as parts"),
        ("0 nan 0.5 0.2 0.2 0.5 0.5 2", "expected numbers, found NaN or infinity"),
        ("0 x 0.5 0.2 0.2 0.5 0.5 2", "expected numbers, found 'x'"),
        (
            "0 0.5 0.5 0.2 0.2 0.5 0.5 3",
            "keypoint top: expected a visibility of 0, 1 or 2, found 3",
        ),
        ("0 0.5 0.5 0.2 0.2 1.5 0.5 1", r"keypoint top: expected x and y in 0\.\.1, found 1.5 0.5"),
    ],
)
def test_a_malformed_line_is_named_with_its_file(written: Written, line: str, message: str) -> None:
    root = written(f"{GOOD}\n{line}\n{GOOD}\n")
    with pytest.raises(LabelsError, match=f"a.txt: line 2: {message}") as caught:
        read_coco_yolo(root, "val")
    assert len(caught.value.problems) == 1


def test_every_rejected_line_is_named(written: Written) -> None:
    root = written("5 0 0 0 0 0 0 0\n" * 30)
    with pytest.raises(LabelsError, match="and 10 more") as caught:
        read_coco_yolo(root, "val")
    assert [f"line {n + 1}:" in text for n, text in enumerate(caught.value.problems)] == [True] * 30


@pytest.mark.parametrize(
    ("sidecar", "message"),
    [
        ("{", "a.json: is not JSON"),
        ([], "a.json: expected an object, found a list of 0"),
        ({"R": 1}, r"a.json: expected the members R_gt, .*, found 'R'"),
        ({"R_gt": [IDENTITY, IDENTITY]}, "R_gt: expected rotations of 1 objects, found 2"),
        ({"R_gt": [[1, 0, 0], [0, 1, 0]]}, "R_gt: expected 3 rows, found 2"),
        (
            {"R_gt": [[[1, 0, 0], [0, 1, 0], [0, 0, -1]]]},
            r"R_gt\[0\]: expected a rotation .* mirro",
        ),
        ({"R_gt": [[[2, 0, 0], [0, 1, 0], [0, 0, 1]]]}, r"R_gt\[0\]: expected a rotation .* stret"),
        ({"R_gt": 5}, "R_gt: expected a list of 1 3x3 matrices, found 5"),
        ({"t_gt": [[0, 0, -1]]}, "t_gt: expected places before the camera, z above 0"),
        ({"t_gt": [[0, 0]]}, r"t_gt\[0\]: expected 3 numbers, found 2"),
        ({"t_gt": [[0, 0, None]]}, r"t_gt\[0\]\[2\]: expected a number"),
        ({"z_gt": [1, 2]}, "z_gt: expected 1 numbers, found 2"),
        ({"D_obj": 0}, "D_obj: expected depths above 0 m"),
        ({"intrinsics": {"fx": 1, "fy": 1, "cx": 1}}, 'intrinsics: expected an object with "cy"'),
        ({"intrinsics": {"fx": 0, "fy": 1, "cx": 1, "cy": 1}}, "expected focal lengths above 0"),
        (
            {"K_gt": [[1, 2, 3], [0, 1, 2], [0, 0, 1]]},
            "K_gt: expected a 3x3 matrix .* without skew",
        ),
        ({"cad_points": [[], []]}, "cad_points: expected points of 1 objects, found 2"),
        ({"image_hw": [20, 10]}, "a.json: expected the size of a.png, 20x10, found 10x20"),
        ({"mask_path": "../../x.png"}, "a.json: mask_path: expected the name of a file"),
        ({"mask_path": "masks/a.png"}, "mask_path: expected a file of the data set"),
        ({"mask_path": "a.png", "mask_format": "rle"}, "mask_format: expected 'instances'"),
    ],
)
def test_a_malformed_sidecar_is_named_with_its_member(
    written: Written, sidecar: object, message: str
) -> None:
    with pytest.raises(LabelsError, match=message):
        read_coco_yolo(written(sidecar=sidecar), "val")


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ({"keypoint_names": []}, 'dataset.json: expected an object with "names"'),
        ({"class_names": []}, "class_names: expected at least one class"),
        ({"class_names": ["a", "a"]}, "class_names: expected at most 4096 names, each once"),
        ({"names": {"1": "a"}}, r"names: expected names by the numbers 0\.\.0"),
        ({"class_names": ["a"], "skeleton": [[0, 1]]}, r"skeleton\[0\]\[0\]: expected a whole"),
        ({"class_names": ["a"], "sigmas": [1]}, "sigmas: expected 0 numbers, one per keypoint"),
        ({"class_names": ["a"], "other": 1}, "dataset.json: expected the members .* found 'other'"),
        (
            {"class_names": ["a"], "symmetries": {"b": {}}},
            "symmetries.b: expected one of the classes a, found 'b'",
        ),
        (
            {"class_names": ["a"], "symmetries": {"a": {"axis": [0, 0, 0]}}},
            "symmetries.a.axis: expected a direction, found zero",
        ),
        (
            {"class_names": ["a"], "symmetries": {"a": {"rotations": [[[1, 0, 0]] * 3]}}},
            "symmetries.a.rotations: expected rotation matrices",
        ),
    ],
)
def test_a_malformed_description_is_named_with_its_member(
    written: Written, description: object, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read_coco_yolo(written(description=description), "val")


def test_folders_without_images_or_description_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a folder images/train, found none"):
        read_coco_yolo(tmp_path)
    (tmp_path / "images/train").mkdir(parents=True)
    with pytest.raises(InputError, match=r"expected images .* found none"):
        read_coco_yolo(tmp_path)
    Image.new("RGB", (20, 10)).save(tmp_path / "images/train/a.png")
    with pytest.raises(InputError, match=r"expected dataset.json or labels/train/classes.json"):
        read_coco_yolo(tmp_path)
    with pytest.raises(InputError, match="split: expected the name of a file"):
        read_coco_yolo(tmp_path, "../../etc")


def test_files_that_do_not_pair_and_damaged_pictures_are_named(written: Written) -> None:
    root = written()
    (root / "labels/val/b.txt").write_text(GOOD)
    (root / "images/val/c.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    Image.new("RGB", (20, 10)).save(root / "images/val/a.jpg")
    with pytest.raises(LabelsError) as caught:
        read_coco_yolo(root, "val")
    text = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 3
    assert "b.txt: expected an image of this name, found none" in text
    assert "c.png: is not an image, or is damaged" in text
    assert "a.png: has the same labels as a.jpg; rename one" in text


def test_a_truncated_image_is_refused_when_its_pixels_are_read(written: Written) -> None:
    root = written()
    path = root / "images/val/a.png"
    noise = torch.randint(0, 255, (10, 20, 3), dtype=torch.uint8)
    Image.fromarray(noise.numpy()).save(path)
    path.write_bytes(path.read_bytes()[:200])
    truth = read_coco_yolo(root, "val").images[0]
    with pytest.raises(MediaError, match=r"a\.png: is not an image, or is damaged"):
        read_pixels(truth, (10, 20))
