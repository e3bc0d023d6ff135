"""Evaluate bodies in 3D: on pictures whose bodies are known, on clips, and by several cameras."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from ..body.bodies import Bodies
from ..body.choices import FOV
from ..body.feet import FootLock
from ..body.smoothing import BodySmoother, lag
from ..datasets.made_bodies import make_bodies
from ..environment import describe_device
from ..errors import InputError
from ..runtime.engine import Engine
from ..runtime.named import engine_named
from ..video.read import FrameReader, read_some, video_info
from .body_model import LIMBS, FoundBodies, as_people, find_bodies
from .body_motion import bone_spread, sliding, standing, stillness
from .body_poses import compare_bodies, compare_cameras, mean_of
from .pose import evaluate_poses
from .report import report

SCHEMA = 1
MADE, CLIP = "made", "clip"
PEOPLE = "movenet_multipose"
_AT_ONCE = 16  # frames in memory
_BETA, _BETA_ROTATION = 8.0, 2.0  # of Smooth Bodies
_EMPTY = (0.45, 0.85)  # of the width of the included clip: where nobody is in its first frame

Progress = Callable[[str, int], Callable[[int], None]]  # title, total -> step(number done)


def evaluate_bodies(
    data: Sequence[str],
    *,
    clip: Path,
    annotations: Path | None = None,
    count: int = 64,
    seed: int = 0,
    fov: float = FOV,
    model: str = "blazepose",
    backend: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Find bodies in every one of `data` and return the report, which is JSON.

    data:        made (synthetic pictures of the mannequin, whose pose is known), clip (the file
                 `clip`), a video file, or a folder with the videos of several cameras of one person
    annotations: COCO keypoints of the frames of `clip`, as `evaluate_poses` takes them
    count, seed: of made pictures
    fov:         vertical field of view of the cameras of footage, degrees
    progress:    makes a progress bar from the name of a video and its number of frames

    `results` has for each of them: of made pictures what `compare_bodies` returns; of a video how
    steady its bodies are and how far feet slide that stand (`steps`: as found, smoothed causally
    and in both directions, with feet held where they stand), how much the network's bones vary, and
    `marks`, how far their joints are from the annotated ones in the picture; of a folder what
    `compare_cameras` returns. Raises `InputError` for data that do not exist or are named twice,
    and for annotations without `clip`.
    """
    if twice := sorted({name for name in data if data.count(name) > 1}):
        raise InputError(f"data: expected all of them once, found {', '.join(twice)} twice")
    if annotations is not None and CLIP not in data:
        raise InputError(f"annotations: they are of {CLIP}, which is not among the data; add it")
    if count < 1:
        raise InputError(f"count: expected at least 1 picture, found {count}")
    engine_of = partial(engine_named, device=device, backend=backend, precision=precision)
    engines = engine_of(model), engine_of(PEOPLE)
    start = progress or (lambda title, total: lambda done: None)
    results: dict[str, Any] = {}
    for name in data:
        path = clip if name == CLIP else Path(name)
        if name == MADE:
            results[name] = _made(clip, count, seed, engines, start(name, count))
        elif path.is_dir():
            results[name] = _cameras(path, engines, fov, start)
        elif path.is_file():
            marks = annotations if name == CLIP else None
            results[name] = _video(path, engines, fov, marks, start)
        else:
            raise InputError(
                f"data: expected {MADE}, {CLIP}, a video or a folder of videos, found {name!r}, "
                "which is none"
            )
    about = {
        "model": {
            "name": engines[0].model.name,
            "backend": engines[0].backend,
            "precision": engines[0].precision,
            "device": describe_device(engines[0].device),
            "people": PEOPLE,
        },
        "settings": {"count": count, "seed": seed, "fov": fov},
    }
    return report("bodies", SCHEMA, {"results": results}, about=about)


def _made(
    clip: Path, count: int, seed: int, engines: tuple[Engine, Engine], step: Callable[[int], None]
) -> dict[str, Any]:
    """Return how right bodies are in made pictures."""
    first, _ = read_some(clip, [0])
    wide = first.shape[2]
    behind = first[:, :, round(wide * _EMPTY[0]) : round(wide * _EMPTY[1])]
    truths: list[Bodies] = []
    found: list[Bodies] = []
    for number in range(0, count, _AT_ONCE):
        made = make_bodies(number, min(_AT_ONCE, count - number), behind, seed=seed)
        ours = find_bodies([made.images], *engines, most=1, tracked=False, progress=step)
        truths.append(made.bodies)
        found.append(ours.bodies)
    return {"kind": MADE, **compare_bodies(Bodies.cat(truths), Bodies.cat(found))}


def _video(
    path: Path,
    engines: tuple[Engine, Engine],
    fov: float,
    annotations: Path | None,
    start: Progress,
) -> dict[str, Any]:
    """Return how steady bodies are in a video."""
    info = video_info(path)
    fps = float(info.rate)
    found = _found(path, engines, fov, 6, start)
    causal, both = (
        BodySmoother(fps=fps, beta=_BETA, beta_rotation=_BETA_ROTATION, direction=direction).update(
            found.bodies
        )
        for direction in ("causal", "both")
    )
    stands = standing(found.points, fps)
    steps = {
        name: {
            **stillness(bodies, fps),
            "feet": sliding(bodies, stands),
            "lag_frames": None if bodies is found.bodies else lag(found.bodies, bodies),
        }
        for name, bodies in {
            "found": found.bodies,
            "feet held": FootLock(fps).update(found.bodies),
            "smoothed": causal,
            "smoothed, feet held": FootLock(fps).update(causal),
            "smoothed both ways": both,
            "smoothed both ways, feet held": FootLock(fps, ahead=True).update(both),
        }.items()
    }
    marks = None if annotations is None else _marks(found.bodies, annotations)
    return {
        "kind": "video",
        "frames": len(found.bodies),
        "size": [found.bodies.canvas[1], found.bodies.canvas[0]],
        "fps": fps,
        "bodies": int(found.bodies.count.sum()),
        "bone_spread_percent": bone_spread(found.points),
        "steps": steps,
        "marks": marks,
    }


def _marks(bodies: Bodies, annotations: Path) -> dict[str, Any]:
    """Return how far joints of arms and legs are from where they were marked in the pictures."""
    people = as_people(bodies)
    judged = evaluate_poses(people, annotations)
    rows = [judged["joints"]["by_joint"][joint] for joint in LIMBS]
    compared = sum(row["joints"] for row in rows)
    total = sum(row["mean_px"] * row["joints"] for row in rows if row["joints"])
    return {
        "people": judged["joints"]["people"],
        "joints": compared,
        "missed": sum(row["missed"] for row in rows),
        "mean_px": total / compared if compared else None,
        "annotations": judged["meta"]["annotations"],
    }


def _cameras(
    folder: Path, engines: tuple[Engine, Engine], fov: float, start: Progress
) -> dict[str, Any]:
    """Return how far the cameras of a folder agree."""
    inside = folder / "videos" if (folder / "videos").is_dir() else folder
    videos = sorted(
        path for path in inside.iterdir() if path.suffix.lower() in (".mp4", ".avi", ".mov")
    )
    if len(videos) < 2:
        raise InputError(
            f"{folder}: expected the videos of at least two cameras in it or in {folder / 'videos'}"
            f", found {len(videos)} (.mp4, .avi, .mov)"
        )
    bodies = {path.stem: _found(path, engines, fov, 1, start).bodies for path in videos}
    pairs = compare_cameras(bodies)
    return {
        "kind": "cameras",
        "cameras": {name: len(found) for name, found in bodies.items()},
        "pairs": pairs,
        "clip_mm": mean_of(pairs, "clip_mm"),
        "frame_mm": mean_of(pairs, "frame_mm"),
    }


def _found(
    path: Path, engines: tuple[Engine, Engine], fov: float, most: int, start: Progress
) -> FoundBodies:
    """Return the bodies in a video, of which a few frames are in memory at a time."""
    step = start(path.name, video_info(path).frame_count)
    reader = FrameReader(path)

    def chunks() -> Iterator[Tensor]:
        while (frames := reader.take(_AT_ONCE)) is not None:
            yield frames

    try:
        return find_bodies(chunks(), *engines, fov=fov, most=most, progress=step)
    finally:
        reader.close()
