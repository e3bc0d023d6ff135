"""What is measured of objects: perfect predictions, each kind of error, and bad files."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kinograph.engines.datasets.records import RecordKinds, Records
from kinograph.engines.detect.symmetry import Symmetries
from kinograph.engines.errors import InputError
from kinograph.engines.evaluation.judge.judgement import Judgement, figures
from kinograph.engines.evaluation.judge.table import image_rows, worst_first
from kinograph.engines.evaluation.judge.turns import about, alike, between
from kinograph.engines.evaluation.objects import judge_predictions, objects_report
from kinograph.engines.evaluation.page.page import page_of
from made_predictions import Entries, changed, turned, write


@pytest.fixture
def judged(data: Records, tmp_path: Path) -> Any:
    def judge(entries: Any) -> Judgement:
        return judge_predictions(write(entries, tmp_path / "p.json"), data)

    return judge


def test_perfect_predictions_have_no_error(judged: Any, right: Entries, data: Records) -> None:
    found = figures(judged(right))
    objects = sum(map(len, data.images))
    ones = {name for name in found if name.startswith(("box_a", "keypoint_a", "pck"))}
    ones |= {"add_10", "adds_10"}
    assert {found["matched"], found["objects"]} == {objects}
    for name in found.keys() - {"matched", "objects"}:
        assert found[name] == pytest.approx(float(name in ones), abs=1e-5), name


def test_each_error_moves_its_own_figures(judged: Any, right: Entries) -> None:
    before = figures(judged(right))

    def moved(change: Any) -> dict[str, Any]:
        after = figures(judged(changed(right, change)))
        return {n: v for n, v in after.items() if v != pytest.approx(before[n], abs=1e-4)}

    spun = moved(lambda d: turned(d, 10))
    assert spun["rotation_median_deg"] == pytest.approx(10, abs=1e-3)
    assert spun["pnp_rotation_median_deg"] == pytest.approx(10, abs=0.05)
    assert not spun.keys() & {"box_ap", "keypoint_ap", "translation_median_m", "depth_median_m"}
    deep = moved(lambda d: d.update(log_z=d["log_z"] + 0.1))
    assert deep["depth_median_m"] > 0.04
    assert deep["translation_median_m"] >= deep["depth_median_m"]
    assert deep["add_10"] < 0.1
    assert not deep.keys() & {"box_ap", "keypoint_ap", "rotation_median_deg"}
    joints = moved(lambda d: d.update(keypoints=[v + 0.02 for v in d["keypoints"]]))
    assert joints["keypoint_ap"] < 1
    assert joints["reprojection_median"] > 0.03
    assert not joints.keys() & {"box_ap", "rotation_median_deg", "add_10", "add_median_m"}
    boxes = moved(lambda d: d["bbox"].update(w=d["bbox"]["w"] * 0.8))
    assert boxes["box_ap"] < 0.9
    assert not boxes.keys() & {"keypoint_ap", "rotation_median_deg", "add_10", "matched"}
    unposed = moved(lambda d: d.pop("log_z"))
    assert unposed["translation_median_m"] is None
    assert unposed["add_10"] == 0
    assert "rotation_median_deg" not in unposed


def test_confusion_images_and_the_page(
    judged: Any, right: Entries, data: Records, tmp_path: Path
) -> None:
    """A missed object, one of another class, and a false alarm, each where it belongs."""
    worse = copy.deepcopy(right)
    lost = worse[0]["detections"].pop(0)
    other = worse[1]["detections"][0]
    other["class_id"] = 1 - other["class_id"]
    alarm = {**worse[2]["detections"][0], "bbox": {"cx": 0.9, "cy": 0.1, "w": 0.05, "h": 0.05}}
    worse[2]["detections"].append(alarm)
    found = judged(worse)
    table = found.confusion
    truth = data.images[1].classes[0]
    assert table[truth, 1 - truth] == 1
    assert table[lost["class_id"], 2] == 1
    assert table[2, alarm["class_id"]] == 1
    assert table.sum() == sum(map(len, data.images)) + 1
    rows = image_rows(found)
    assert [rows[n]["matched"] - rows[n]["objects"] for n in (0, 1, 2, 3)] == [-1, -1, 0, 0]
    assert [rows[n]["false_alarms"] for n in (0, 1, 2, 3)] == [0, 1, 1, 0]
    order = worst_first(rows)
    assert order[0] == 1  # missed, and a false alarm, too
    assert set(order[1:3]) == {0, 2}
    report = objects_report(found, tmp_path / "p.json", data)
    page = page_of(found, report, worst=3)
    assert page.count('<figure class="shot">') == 3
    assert page.count('class="chart"') == 5
    assert page.count('<rect class="missed"') == 2
    assert page.count('<rect class="alarm"') == 2
    assert "http" not in page.replace("http-equiv", "")  # nothing is fetched
    assert page_of(found, report, worst=0).count("data:image") == 0


def test_names_from_files_are_text_on_the_page(
    judged: Any, right: Entries, data: Records, tmp_path: Path
) -> None:
    found = judged(right)
    kinds = RecordKinds(("<script>", "b"), *list(vars(data.kinds).values())[1:6])
    hostile = Judgement(**{**vars(found), "kinds": kinds})
    page = page_of(hostile, objects_report(found, tmp_path / "p.json", data), worst=10)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_nothing_found_is_all_wrong_and_says_why(
    judged: Any, right: Entries, data: Records, tmp_path: Path
) -> None:
    nothing = judged([{**entry, "detections": []} for entry in right])
    found = figures(nothing)
    zero = ("box_ap", "keypoint_ap", "pck", "add_10", "adds_10", "matched")
    assert {name: found[name] for name in zero} == dict.fromkeys(zero, 0)
    assert found["rotation_median_deg"] == 180
    report = objects_report(nothing, tmp_path / "p.json", data)
    assert report["unmeasured"]["add_median_m"].startswith("half of the objects or more")
    assert report["unmeasured"]["pnp_rotation_median_deg"] == "no found object has intrinsics"
    assert {name for name, value in found.items() if value is None} == report["unmeasured"].keys()


def test_rotations_agree_with_those_of_training() -> None:
    """Of classes without, with finite, and with endless symmetries, in float64 against float32."""
    random = np.random.default_rng(0)
    q = random.standard_normal((40, 4))
    quarter = about(np.array([0, 0, 1.0]), np.radians([0, 90, 180, 270]))
    axes = np.array([[0, 0, 0], [0, 0, 0], [0.6, 0, 0.8]])
    kinds = RecordKinds(
        ("a", "b", "c"), rotations=(np.eye(3)[None], quarter, np.eye(3)[None]), axes=axes
    )
    spins = about(np.array([1.0, 0, 0]), q[:, 0] * 3) @ about(np.array([0, 0.6, 0.8]), q[:, 1] * 3)
    found, wanted = spins[:20], spins[20:]
    theirs = Symmetries.of(
        [torch.from_numpy(turns).float() for turns in kinds.rotations],
        torch.from_numpy(axes).float(),
    )
    for kind in range(3):
        ours = [
            between(alike(w, f, kinds, kind), f).min() for w, f in zip(wanted, found, strict=True)
        ]
        right = theirs.angle(
            torch.from_numpy(found).float(),
            torch.from_numpy(wanted).float(),
            torch.full((20,), kind),
        )
        np.testing.assert_allclose(ours, right.rad2deg(), atol=0.05)
    assert between(np.eye(3), about(np.array([0, 0, 1.0]), np.array([1e-9]))[0]) == pytest.approx(
        np.degrees(1e-9), rel=1e-6
    )


def first(entries: Entries) -> dict[str, Any]:
    found: dict[str, Any] = entries[0]["detections"][0]
    return found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: first(c).update(score=7), r"\[0\]\.detections\[0\]\.score: expected a number"),
        (lambda c: first(c)["bbox"].update(w=-0.1), r"bbox\.w: expected a number in 0\.\.1"),
        (lambda c: first(c).update(rot6d=[1, 0, 0, 2, 0, 0]), "found zeros or parallel rows"),
        (
            lambda c: first(c).update(k_delta=[-1, 0, 0, 0]),
            "expected focal lengths that stay above",
        ),
        (lambda c: first(c).update(keypoints=[{"x": 0, "y": 0, "v": 1}]), "expected 8 keypoints"),
        (
            lambda c: c[0]["detections"].append(copy.deepcopy(first(c))),
            r"detections\[\d\]: expected each detection once, found that of \[0\] again",
        ),
        (lambda c: c[3].update(image="images/val/zzz.png"), "expected an image of the data set"),
        (lambda c: c[3].update(image="000002.png"), "expected each image once, found"),
        (lambda c: c.pop(), "expected predictions for all 10 images, found none for"),
    ],
)
def test_bad_predictions_are_refused(
    judged: Any, right: Entries, change: Any, message: str
) -> None:
    worse = copy.deepcopy(right)
    change(worse)
    with pytest.raises(InputError, match=message):
        judged(worse)


def test_the_three_forms_of_a_file(judged: Any, right: Entries, tmp_path: Path) -> None:
    wanted = figures(judged(right))
    named = [{**e, "image": f"C:\\data\\{e['image'].rpartition('/')[2]}"} for e in right]
    wrapped = {"schema_version": 1, "predictions": named, "meta": {"images": 10}}
    assert figures(judged(wrapped)) == wanted
    by_image = {entry["image"]: entry["detections"] for entry in right}
    bare = figures(judged(by_image))  # no input size, so no places in space
    assert (bare["box_ap"], bare["rotation_median_deg"]) == (1, pytest.approx(0, abs=1e-5))
    assert bare["translation_median_m"] is None
    cut = {**wrapped, "meta": {"images": 12}}
    with pytest.raises(InputError, match="expected 10, as there are entries; the file is part of"):
        judged(cut)
    (tmp_path / "p.json").write_text('[{"image": "a", "detections": [{"score": NaN')
    with pytest.raises(InputError, match=r"p\.json: expected numbers, found NaN"):
        judge_predictions(tmp_path / "p.json", Records(tmp_path, "val", RecordKinds(("a",)), ()))
