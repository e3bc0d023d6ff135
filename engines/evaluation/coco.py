"""COCO's figures for poses: pycocotools' average precision and recall, and distances by joint."""

import copy
import math
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..pose.files.coco import PERSON
from ..pose.skeletons import COCO_17
from .annotations import Annotations

SUMMARY = (  # pycocotools' order
    *("ap", "ap_50", "ap_75", "ap_medium", "ap_large"),
    *("ar", "ar_50", "ar_75", "ar_medium", "ar_large"),
)
HEIGHTS = {"small": (0.0, 96.0), "medium": (96.0, 192.0), "large": (192.0, math.inf)}
MATCH = 0.5  # least OKS of the pairs whose joints are measured


def judged(results: list[dict[str, Any]], truth: Annotations) -> Any:
    """Return pycocotools' evaluator after evaluating and accumulating."""
    try:
        coco, cocoeval = import_module("pycocotools.coco"), import_module("pycocotools.cocoeval")
    except ImportError as error:
        raise InputError(
            "evaluating poses needs pycocotools, which is not installed; "
            "run: pip install pycocotools"
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


def joint_distances(judge: Any) -> dict[str, Any]:
    """Return the distances between the joints of detected people, matched at OKS `MATCH`."""
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


def by_height(judge: Any) -> dict[str, Any]:
    """Return the figures for people of each class of `HEIGHTS`, as COCO has them for areas.

    OKS has been computed from the areas; from here on the heights replace them, so that people of
    other heights count neither as missed nor as false positives.
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
    """Return the mean of what was judged: -1 stands for nobody to judge."""
    there = values[values > -1]
    return float(there.mean()) if there.size else None


def figure(value: float) -> float | None:
    """Return one of pycocotools' figures; None for -1, which means nobody to judge."""
    return None if value == -1 else float(value)


def finite(value: float) -> float | None:
    """Return a number that JSON can hold; None for infinity."""
    return value if math.isfinite(value) else None
