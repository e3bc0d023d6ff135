"""The figures of each image."""

from typing import Any

import numpy as np

from .judgement import ADD, SURE, Judgement


def image_rows(judged: Judgement) -> list[dict[str, Any]]:
    """Return a row per image, in order.

    Keys: `image`; `objects`, `detections` and `false_alarms`, detections above the score of
    `SURE` that are of no object; `matched`; `iou`, the mean of its objects, 0 for missed ones; the
    worst of its objects' `rotation_deg`, `translation_m` and `add_diameter`, the ADD as part of the
    diameter; and `wrong`, how many of them are missed or have an ADD above a tenth. None: not
    known, or, of metres, that of a missed object.
    """
    rows = []
    errors = judged.errors
    for number, (found, truth, pair) in enumerate(
        zip(judged.found, judged.truths, judged.pairs, strict=True)
    ):
        mine = errors.image == number
        part = errors.add[mine] / errors.diameter[mine]
        sure = found.scores > SURE
        sure[pair.place[pair.place >= 0]] = False
        wrong = errors.missed[mine] | (part >= ADD)
        rows.append(
            {
                "image": truth.name,
                "objects": len(truth),
                "detections": len(found),
                "false_alarms": int(sure.sum()),
                "matched": int((pair.place >= 0).sum()),
                "iou": float(pair.iou.mean()) if len(truth) else None,
                "rotation_deg": _worst(errors.rotation[mine]),
                "translation_m": _worst(errors.distance[mine]),
                "add_diameter": _worst(part),
                "wrong": int(wrong.sum()),
            }
        )
    return rows


def worst_first(rows: list[dict[str, Any]]) -> list[int]:
    """Return the numbers of images, those with the most that is wrong first."""

    def badness(number: int) -> tuple[float, ...]:
        row = rows[number]
        far = row["add_diameter"]
        return (
            -(row["wrong"] + row["false_alarms"]),
            -(np.inf if far is None and row["objects"] else far or 0),
            -(row["rotation_deg"] or 0),
            row["iou"] if row["iou"] is not None else 1.0,
            number,
        )

    return sorted(range(len(rows)), key=badness)


def _worst(values: Any) -> float | None:
    known = values[~np.isnan(values)]
    value = float(known.max()) if known.size else np.nan
    return value if np.isfinite(value) else None
