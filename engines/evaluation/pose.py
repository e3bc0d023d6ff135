"""How good poses are: COCO's average precision over annotated frames, and pixels by joint.

The precisions are pycocotools' own; what is added here is who is judged, and the distances.
"""

import copy
import hashlib
import io
import math
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import InputError
from ..files import sha256_of
from ..pose.files import look, openpose_folder, predictions, read_poses
from ..pose.files.coco import PERSON, to_coco
from ..pose.files.document import FARTHEST, Value, load
from ..pose.poses import Poses
from ..pose.skeletons import COCO_17
from .report import report

SCHEMA = 1
SUMMARY = (  # pycocotools' order
    *("ap", "ap_50", "ap_75", "ap_medium", "ap_large"),
    *("ar", "ar_50", "ar_75", "ar_medium", "ar_large"),
)
HEIGHTS = {"small": (0.0, 96.0), "medium": (96.0, 192.0), "large": (192.0, math.inf)}
MATCH = 0.5  # least OKS of the pairs whose joints are measured


@dataclass(frozen=True)
class _Image:
    id: int
    name: str
    size: tuple[int, int]  # height, width


@dataclass(frozen=True)
class _Truth:
    """Annotations, checked. people: as pycocotools takes them."""

    path: Path
    images: list[_Image]
    people: list[dict[str, Any]]


def evaluate_poses(
    poses: Poses, annotations: Path, *, images: Sequence[int] | None = None
) -> dict[str, Any]:
    """Judge poses by a file of COCO keypoint annotations.

    images: id of the image that each frame is; None: an image is the frame of the number in its
            file name or, if those do not fit, of its id. Frames without annotations do not count

    Joints that are not seen count as missed, wherever they lie. Returns the report, which is
    JSON: `summary` (COCO's ten figures), `heights` (the same by the person's height in pixels),
    `joints` (mean distance in pixels), `counts`, `thresholds`, `meta`; None where there was
    nothing to judge. Raises `InputError` without pycocotools, for malformed annotations, for
    frames that do not fit the images.
    """
    truth = _annotations(annotations)
    joined, how = _images_of(poses, truth, images)
    results = _results_of(poses, joined, scaled=False, truth=truth)
    return _report(results, truth, {"frames": len(poses), "joined_by": how})


def evaluate_file(path: Path, annotations: Path) -> dict[str, Any]:
    """Judge a file, or OpenPose's folder, of poses in any of the forms that are read.

    COCO results are taken as they are. Predictions are joined to the images by name and scaled
    to their sizes. The rest is mapped as `evaluate_poses` does. Raises as it does, and for a
    malformed file of poses.
    """
    truth = _annotations(annotations)
    form, document = look(path)
    about: dict[str, Any] = {"file": str(path), "sha256": _sha256(path), "form": form}
    if form == "coco":
        results = _results_in(document, truth)
    elif form == "predictions":
        names = [image.name for image in truth.images]
        poses = predictions.parse(document, canvas=(1, 1), images=names, others=True)
        results = _results_of(poses, truth.images, scaled=True, truth=truth)
    else:
        poses = _read(path, form, truth)
        joined, how = _images_of(poses, truth, None)
        results = _results_of(poses, joined, scaled=False, truth=truth)
        about |= {"frames": len(poses), "joined_by": how}
    return _report(results, truth, about)


def _annotations(path: Path) -> _Truth:
    """The images and people of a COCO file, refused with the place in it when malformed."""
    document = load(path)
    if not isinstance(document.raw, dict):
        raise document.wrong("COCO keypoint annotations, an object with images and annotations")
    images: dict[int, _Image] = {}
    for entry in document.needed("images").entries("a list of images"):
        name = entry.member("file_name")
        image = _Image(
            id=entry.needed("id").whole(0),
            name="" if name is None else name.text(),
            size=(entry.needed("height").whole(1), entry.needed("width").whole(1)),
        )
        if image.id in images:
            raise entry.needed("id").wrong("one image of an id", f"{image.id} twice")
        images[image.id] = image
    if not images:
        raise document.wrong("at least one image", "none")
    people: list[dict[str, Any]] = []
    for entry in document.needed("annotations").entries("a list of annotations"):
        if entry.needed("image_id").whole(0) not in images:
            raise entry.needed("image_id").wrong("the id of an image")
        if entry.needed("category_id").raw != PERSON:
            raise entry.needed("category_id").wrong(f"{PERSON} (person)")
        keypoints = entry.needed("keypoints").numbers(3 * len(COCO_17))
        labelled = sum(flag > 0 for flag in keypoints[2::3])
        if not set(keypoints[2::3]) <= {0, 1, 2}:
            raise entry.needed("keypoints").wrong("flags 0, 1 or 2 as every third number")
        stated = entry.member("num_keypoints")
        if stated is not None and stated.raw != labelled:
            raise stated.wrong(f"{labelled}, the keypoints that have a flag")
        crowd = entry.member("iscrowd")
        people.append(
            {
                "id": len(people) + 1,  # pycocotools takes the id 0 for nobody
                "image_id": entry.needed("image_id").raw,
                "category_id": PERSON,
                "iscrowd": 0 if crowd is None else crowd.whole(0, 1),
                "area": entry.needed("area").number(0.01, FARTHEST**2),
                "bbox": entry.needed("bbox").numbers(4),
                "num_keypoints": labelled,
                "keypoints": keypoints,
            }
        )
    return _Truth(path, list(images.values()), people)


def _read(path: Path, form: str, truth: _Truth) -> Poses:
    """Poses of a form without image names; what they do not say comes from the images."""
    sizes = {image.size for image in truth.images}
    canvas = next(iter(sizes)) if len(sizes) == 1 else None
    if form != "openpose":
        return read_poses(path, canvas=canvas)
    if canvas is None:
        raise InputError(
            f"{path}: OpenPose's files do not say the size of the frames, and the images of "
            f"{truth.path} have {len(sizes)} sizes; give COCO results or predictions"
        )
    poses = openpose_folder.read(path, canvas=canvas)
    numbers = _numbers(truth, 2**40)
    least = 0 if numbers is None else max(numbers[0]) + 1
    if len(poses) < least:  # nobody was seen to the end
        poses = openpose_folder.read(path, canvas=canvas, frames=least)
    return poses


def _numbers(truth: _Truth, frames: int) -> tuple[list[int], str] | None:
    """The frame of each image, by file names or ids, and by which; None if neither fits."""
    named = [predictions.number_in(image.name) for image in truth.images]
    for keys, how in ((named, "file names"), ([image.id for image in truth.images], "ids")):
        found = [key for key in keys if key is not None and key < frames]
        if len(set(found)) == len(truth.images):
            return found, how
    return None


def _images_of(
    poses: Poses, truth: _Truth, ids: Sequence[int] | None
) -> tuple[list[_Image | None], str]:
    """The image of each frame, None where it is not annotated; and how that was found out."""
    joined: list[_Image | None]
    if ids is not None:
        if len(ids) != len(poses):
            raise InputError(
                f"images: expected one id for each of {len(poses)} frames, found {len(ids)}"
            )
        known = {image.id: image for image in truth.images}
        joined = [known.get(image) for image in ids]
        if not any(joined):
            raise InputError(f"images: expected ids of images of {truth.path}, found none of them")
        return joined, "the ids given"
    numbers = _numbers(truth, len(poses))
    if numbers is None:
        first = truth.images[0]
        raise InputError(
            f"{truth.path}: images: expected frame numbers in 0..{len(poses) - 1}, each once, as "
            f"the last number of the file names or as ids, as there are poses for {len(poses)} "
            f"frames; found e.g. {first.name!r} with the id {first.id}"
        )
    joined = [None] * len(poses)
    for number, image in zip(numbers[0], truth.images, strict=True):
        joined[number] = image
    return joined, numbers[1]


def _results_of(
    poses: Poses, joined: Sequence[_Image | None], *, scaled: bool, truth: _Truth
) -> list[dict[str, Any]]:
    """COCO results of the annotated frames.

    scaled: the canvas stands for the images' sizes; else it must be their size
    """
    pairs = [(frame, image) for frame, image in enumerate(joined) if image is not None]
    height, width = poses.canvas
    for _, image in pairs:
        if not scaled and image.size != poses.canvas:
            raise InputError(
                f"{truth.path}: image {image.id}: expected {width}x{height}, the size of the "
                f"frames that the poses are of, found {image.size[1]}x{image.size[0]}"
            )
    frames = torch.tensor([frame for frame, _ in pairs], device=poses.device)
    sides = torch.tensor([image.size[::-1] for _, image in pairs], device=poses.device)
    scale = sides / torch.tensor([width, height], device=poses.device)  # [F,2]
    here = Poses(
        keypoints=poses.keypoints[frames] * scale[:, None, None],
        confidence=poses.confidence[frames],
        boxes=poses.boxes[frames] * scale.repeat(1, 2)[:, None],
        scores=poses.scores[frames],
        track_ids=poses.track_ids[frames],
        count=poses.count[frames],
        canvas=poses.canvas,
        skeleton=poses.skeleton,
    )
    return to_coco(here, [image.id for _, image in pairs])


def _results_in(document: Value, truth: _Truth) -> list[dict[str, Any]]:
    """COCO results of a file on annotated images; any numbers for scores and confidences."""
    results = []
    for entry in document.entries("a list of results"):
        if entry.needed("category_id").raw != PERSON:
            raise entry.needed("category_id").wrong(f"{PERSON} (person)")
        result: dict[str, Any] = {
            "image_id": entry.needed("image_id").whole(0),
            "category_id": PERSON,
            "keypoints": entry.needed("keypoints").numbers(3 * len(COCO_17)),
            "score": entry.needed("score").number(-FARTHEST, FARTHEST),
        }
        box = entry.member("bbox")
        if box is not None and not box.is_empty_list():
            result["bbox"] = box.numbers(4)
        results.append(result)
    known = {image.id for image in truth.images}
    judged = [result for result in results if result["image_id"] in known]
    if results and not judged:
        raise InputError(
            f"{document.source}: expected results for images of {truth.path}, found none of "
            f"{len(results)} with the id of one; check that the two belong together"
        )
    return judged


def _report(results: list[dict[str, Any]], truth: _Truth, about: dict[str, Any]) -> dict[str, Any]:
    ignored = sum(bool(p["iscrowd"] or not p["num_keypoints"]) for p in truth.people)
    with redirect_stdout(io.StringIO()):  # pycocotools tells its progress
        judge = _judge(results, truth)
        judge.summarize()
        summary = dict(zip(SUMMARY, map(_figure, judge.stats), strict=True))
        joints = _joints(judge)
        heights = _by_height(judge)
    thresholds = {
        "oks": [round(float(t), 2) for t in judge.params.iouThrs],
        "sigmas": judge.params.kpt_oks_sigmas.tolist(),
        "max_people": int(judge.params.maxDets[-1]),
        "joints_oks": MATCH,
        "heights": {name: [low, _finite(high)] for name, (low, high) in HEIGHTS.items()},
    }
    meta = {
        "predictions": about,
        "annotations": {"file": str(truth.path), "sha256": sha256_of(truth.path)},
    }
    figures = {
        "thresholds": thresholds,
        "counts": {
            "images": len(truth.images),
            "people": len(truth.people) - ignored,
            "ignored_people": ignored,
            "predictions": len(results),
        },
        "summary": summary,
        "heights": heights,
        "joints": joints,
    }
    return report("pose", SCHEMA, figures, about=meta, packages=("numpy", "pycocotools"))


def _judge(results: list[dict[str, Any]], truth: _Truth) -> Any:
    """pycocotools' evaluator, which has evaluated and accumulated."""
    try:
        coco, cocoeval = import_module("pycocotools.coco"), import_module("pycocotools.cocoeval")
    except ImportError as error:
        raise InputError(
            "evaluating poses needs pycocotools, which is not here; run: pip install pycocotools"
        ) from error
    annotated, found = coco.COCO(), coco.COCO()
    categories = [{"id": PERSON, "name": "person"}]
    images = [{"id": image.id} for image in truth.images]
    annotated.dataset = {"images": images, "annotations": truth.people, "categories": categories}
    annotated.createIndex()
    if results:
        boxed = all("bbox" in result for result in results)  # pycocotools looks at the first only
        wanted = ("image_id", "category_id", "keypoints", "score", *(("bbox",) if boxed else ()))
        found = annotated.loadRes([{key: copy.copy(r[key]) for key in wanted} for r in results])
    else:
        found.dataset = {"images": images, "annotations": [], "categories": categories}
        found.createIndex()
    judge = cocoeval.COCOeval(annotated, found, "keypoints")
    judge.evaluate()
    judge.accumulate()
    return judge


def _joints(judge: Any) -> dict[str, Any]:
    """Distances between the joints of people that were found, matched at OKS `MATCH`."""
    pairs = []
    similar = []
    for image in judge.evalImgs[: len(judge.params.imgIds)]:  # those of every area come first
        if image is None:
            continue
        key = image["image_id"], image["category_id"]
        annotated = [person["id"] for person in judge._gts[key]]
        for row, (one, other, ignored) in enumerate(
            zip(image["dtIds"], image["dtMatches"][0], image["dtIgnore"][0], strict=True)
        ):
            if other and not ignored:
                pairs.append((judge.cocoDt.anns[one], judge.cocoGt.anns[int(other)]))
                similar.append(float(judge.ious[key][row, annotated.index(int(other))]))
    shape = (len(pairs), len(COCO_17), 3)
    told = np.array([one["keypoints"] for one, _ in pairs], float).reshape(shape)
    true = np.array([other["keypoints"] for _, other in pairs], float).reshape(shape)
    labelled = true[..., 2] > 0
    seen = labelled & (told[..., 2] > 0)
    distance = np.hypot(*np.moveaxis(told[..., :2] - true[..., :2], -1, 0))
    return {
        "people": len(pairs),
        "mean_oks": float(np.mean(similar)) if similar else None,
        **_distances(distance, labelled, seen),
        "by_joint": {
            name: _distances(distance[:, j], labelled[:, j], seen[:, j])
            for j, name in enumerate(COCO_17.joints)
        },
    }


def _distances(
    distance: NDArray[np.float64], labelled: NDArray[np.bool_], seen: NDArray[np.bool_]
) -> dict[str, Any]:
    return {
        "mean_px": float(distance[seen].mean()) if seen.any() else None,
        "joints": int(seen.sum()),
        "missed": int((labelled & ~seen).sum()),
    }


def _by_height(judge: Any) -> dict[str, Any]:
    """The figures for people of each class of `HEIGHTS`, as COCO has them for areas.

    OKS has been computed with the areas; from here on the heights stand in their place, so that
    people of other heights are neither missed nor found falsely.
    """
    for people in (*judge._gts.values(), *judge._dts.values()):
        for person in people:
            person["area"] = person["bbox"][3]
    params = judge.params
    params.areaRng = [[low, math.nextafter(high, 0)] for low, high in HEIGHTS.values()]
    params.areaRngLbl = list(HEIGHTS)
    most = params.maxDets[-1]
    judge.evalImgs = [
        judge.evaluateImg(image, category, limits, most)
        for category in params.catIds
        for limits in params.areaRng
        for image in params.imgIds
    ]
    judge._paramsEval = copy.deepcopy(params)
    judge.accumulate()
    precision, recall = judge.eval["precision"], judge.eval["recall"]  # [T,R,K,A,M], [T,K,A,M]
    images = len(params.imgIds)
    return {
        name: {
            "people": sum(
                int((image["gtIgnore"] == 0).sum())
                for image in judge.evalImgs[i * images : (i + 1) * images]
                if image is not None
            ),
            "ap": _mean(precision[:, :, :, i]),
            "ar": _mean(recall[:, :, i]),
        }
        for i, name in enumerate(HEIGHTS)
    }


def _mean(values: NDArray[np.float64]) -> float | None:
    """Of what is there: -1 stands for nobody to judge."""
    there = values[values > -1]
    return float(there.mean()) if there.size else None


def _figure(value: float) -> float | None:
    return None if value == -1 else float(value)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _sha256(path: Path) -> str:
    """Of a file; of a folder, of the names and sums of its files."""
    if not path.is_dir():
        return sha256_of(path)
    lines = [f"{sha256_of(p)}  {p.name}\n" for p in sorted(path.iterdir()) if p.is_file()]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
