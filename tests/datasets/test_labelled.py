"""Data sets in other forms: Ultralytics' data.yaml and COCO's JSON, and what is wrong with them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from kinograph.engines.datasets.coco_yolo.read import LabelsError, as_tensors
from kinograph.engines.datasets.labelled import read_labelled
from kinograph.engines.datasets.person import person_kinds
from kinograph.engines.errors import InputError, KinographError

Changed = Callable[[dict[str, Any]], None]


def ultralytics(root: Path, labels: str = "1 0.5 0.5 0.2 0.4\n", **changes: object) -> Path:
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (root / kind / split).mkdir(parents=True)
        Image.new("RGB", (20, 10)).save(root / f"images/{split}/a.png")
        (root / f"labels/{split}/a.txt").write_text(labels)
    about = {"path": ".", "train": "images/train", "val": "images/val"}
    about |= {"names": {0: "cat", 1: "dog"}, "nc": 2, **changes}  # type: ignore[dict-item]
    about = {key: value for key, value in about.items() if value is not None}
    (root / "data.yaml").write_text(yaml.safe_dump(about))
    return root / "data.yaml"


def test_a_data_yaml_is_read_by_its_name_and_by_its_folder(tmp_path: Path) -> None:
    path = ultralytics(tmp_path)
    for root in (path, tmp_path):
        found = read_labelled(root, "val")
        assert found.kinds.classes == ("cat", "dog")
        (image,) = found.images
        assert (image.name, image.size) == ("images/val/a.png", (10, 20))
        assert image.classes.tolist() == [1]
        assert image.boxes.tolist() == [[0.5, 0.5, 0.2, 0.4]]
    (tmp_path / "list.txt").write_text("images/train/a.png\n./images/val/a.png\n")
    about = yaml.safe_load(path.read_text()) | {"train": ["list.txt"]}
    path.write_text(yaml.safe_dump(about))
    assert len(read_labelled(path).images) == 2
    tensors = as_tensors(read_labelled(path))
    assert tensors.kinds.rotations[1].shape == (1, 3, 3)
    assert tensors.images[0].rotation is None


def test_keypoints_of_a_data_yaml_have_two_or_three_numbers(tmp_path: Path) -> None:
    points = "0 0.5 0.5 0.2 0.4 0.5 0.5 0 0\n"
    found = read_labelled(ultralytics(tmp_path / "a", points, kpt_shape=[2, 2], flip_idx=[1, 0]))
    assert found.images[0].keypoints[0].tolist() == [[0.5, 0.5, 2], [0, 0, 0]]
    assert found.kinds.flip == (1, 0)
    person = "0 0.5 0.5 0.2 0.4" + " 0.5 0.5 1" * 17
    path = ultralytics(tmp_path / "b", person, kpt_shape=[17, 3], names=["person"], nc=1)
    assert read_labelled(path).kinds.keypoints == person_kinds().keypoints


@pytest.mark.parametrize(
    ("labels", "changes", "message"),
    [
        ("2 0.5 0.5 0.1 0.1", {}, r"a\.txt: line 1: class: expected 0\.\.1, as the data set has 2"),
        ("0 0.5 0.5 0.1 0.1\n0 1 1 1 1", {}, r"a\.txt: line 2: expected a box inside the image"),
        ("0 0.1 0.1 0.2 0.1 0.2 0.2", {}, r"a\.txt: line 1: expected class cx cy w h, found 7"),
        ("", {"nc": 3}, "nc: expected 2, as there are names, found 3"),
        ("", {"names": None}, 'data.yaml: expected an object with "names"'),
        ("", {"names": {0: "a", 2: "b"}}, r"data\.yaml: expected names by the numbers 0\.\.1"),
        (
            "",
            {"train": "none"},
            "train: expected a folder or a list of images, found .*none, which",
        ),
        ("", {"train": "labels/train"}, r"train: expected images \(.*\), found none"),
        (
            "",
            {"train": ["images/train", "images"]},
            "train: expected each image once, found .*twice",
        ),
        ("", {"train": None}, 'data.yaml: expected an object with "train"'),
        ("", {"kpt_shape": [2]}, "kpt_shape: expected a number of keypoints, and 2 or 3, found"),
        ("", {"kpt_shape": [2, 4]}, r"kpt_shape\[1\]: expected a whole number in 2\.\.3, found 4"),
        (
            "",
            {"kpt_shape": [2, 3], "flip_idx": [1, 1]},
            "flip_idx: expected each of 2 keypoints pa",
        ),
    ],
)
def test_what_is_wrong_with_a_data_yaml_is_named(
    tmp_path: Path, labels: str, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(KinographError, match=message):
        read_labelled(ultralytics(tmp_path, labels, **changes))


def test_a_file_that_is_no_yaml_is_refused(tmp_path: Path) -> None:
    path = ultralytics(tmp_path)
    for text in (b"names: [", b"\xff\xfe\x00", b"- 1"):
        path.write_bytes(text)
        with pytest.raises(InputError, match=r"data\.yaml: (is not YAML|expected an object)"):
            read_labelled(path)


def coco(root: Path, change: Changed = lambda document: None) -> Path:
    (root / "images").mkdir(parents=True)
    Image.new("RGB", (200, 100)).save(root / "images/a.png")
    points = [50, 20, 2] * 3 + [0, 0, 0] * 14
    document: dict[str, Any] = {
        "images": [{"id": 7, "file_name": "a.png", "width": 200, "height": 100}],
        "categories": [
            {"id": 1, "name": "person", "keypoints": list(person_kinds().keypoints)},
        ],
        "annotations": [
            {"image_id": 7, "category_id": 1, "bbox": [20, 10, 60, 40], "keypoints": points},
            {"image_id": 7, "category_id": 1, "bbox": [0, 0, 200, 100], "iscrowd": 1},
        ],
    }
    change(document)
    path = root / "annotations/person_keypoints_val.json"
    path.parent.mkdir()
    path.write_text(json.dumps(document))
    return path


def test_annotations_of_coco_are_read_with_keypoints_and_without_crowds(tmp_path: Path) -> None:
    path = coco(tmp_path)
    for root in (path, tmp_path):
        found = read_labelled(root, "val")
        (image,) = found.images
        assert image.name == "images/a.png"
        assert image.boxes.tolist() == [[0.25, 0.3, 0.3, 0.4]]
        assert image.keypoints[0, 0].tolist() == [0.25, 0.2, 2]
        assert image.keypoints[0, 3:].sum() == 0
        assert found.notes == (f"{path}: 1 groups (iscrowd): not used",)
    assert found.kinds.flip[1] == 2
    other = path.with_name("instances_val.json")
    other.write_text(path.read_text())
    assert read_labelled(tmp_path, "val").root == path  # that with keypoints
    other.rename(path.with_name("keypoints_more_val.json"))
    with pytest.raises(InputError, match="expected one file of annotations for val, found"):
        read_labelled(tmp_path, "val")


def changed(*way: object, to: object) -> Changed:
    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for step in way[:-1]:
            place = place[step]
        place[way[-1]] = to

    return change


ANNOTATION = ("annotations", 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            changed(*ANNOTATION, "bbox", to=[20, 10, 0, 40]),
            r"annotations\[0\].bbox: expected a box o",
        ),
        (
            changed(*ANNOTATION, "bbox", to=[180, 10, 60, 40]),
            "expected a box inside the image of 200",
        ),
        (changed(*ANNOTATION, "bbox", to=[1, 2, 3]), "bbox: expected 4 numbers, found 3"),
        (changed(*ANNOTATION, "image_id", to=8), "image_id: expected the id of an image, found 8"),
        (changed(*ANNOTATION, "category_id", to=8), "category_id: expected the id of a category"),
        (
            changed(*ANNOTATION, "keypoints", to=[1, 1, 3] * 17),
            "expected visibilities of 0, 1 or 2",
        ),
        (
            changed(*ANNOTATION, "keypoints", to=[500, 1, 2] * 17),
            "keypoints: expected places inside",
        ),
        (changed(*ANNOTATION, "keypoints", to=[1]), "keypoints: expected 51 numbers, found 1"),
        (
            changed("images", 0, "file_name", to="b.png"),
            r"file_name: expected an image in .*'b\.png'",
        ),
        (
            changed("images", 0, "file_name", to="../a.png"),
            "file_name: expected the name of a file",
        ),
        (
            changed("images", 0, "width", to=100),
            r"a\.png: expected 100x100 px, as .* says, found 200",
        ),
        (changed("images", to=[]), "images: expected at least one image, found none"),
        (changed("categories", to=[]), "categories: expected at least one category, each id once"),
        (changed("categories", to=3), "categories: expected a list of categories, found 3"),
    ],
)
def test_what_is_wrong_with_annotations_is_named(
    tmp_path: Path, change: Changed, message: str
) -> None:
    with pytest.raises(KinographError, match=message):
        read_labelled(coco(tmp_path, change), "val")


def test_all_wrong_annotations_are_listed_at_once(tmp_path: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        document["annotations"] = [{"image_id": 9}, {"image_id": 7, "category_id": 1}]

    with pytest.raises(LabelsError) as caught:
        read_labelled(coco(tmp_path, change), "val")
    assert len(caught.value.problems) == 2
