"""Benchmark of bodies: from crops to vertices, from a file to an overlay, and drawing alone.

The baseline is what a program does that looks at one frame and one body at a time, in PyTorch.
"""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...engines.body.bodies import Bodies
from ...engines.body.choices import FOV
from ...engines.body.family import body_landmarks
from ...engines.body.fit import FitState, fit_bodies
from ...engines.body.landmarks import BodyPoints, in_camera, points_of_bodies, regions_of_boxes
from ...engines.body.rig import mannequin
from ...engines.body.skinning import PosedBodies, skin
from ...engines.environment import describe_device
from ...engines.errors import InputError
from ...engines.geometry.camera import Camera
from ...engines.geometry.turned_crops import crop_turned
from ...engines.pose.detect import detect_poses
from ...engines.pose.poses import Poses
from ...engines.pose.size import looks_for
from ...engines.pose.tracking import Tracker
from ...engines.render.body_meshes import body_meshes
from ...engines.render.mesh.draw import draw_meshes
from ...engines.runtime.devices import wait
from ...engines.runtime.engine import Engine
from ...engines.runtime.named import engine_named
from ...engines.video.read import FrameReader, read_video
from .measure import at_least_one, bench_report, peak, reset_peak, taken

MODEL, PEOPLE = "blazepose", "movenet_multipose"
STAGES = ("decode", "people", "points", "fit", "draw")
_DRAWN = (720, 1280)  # px, height and width of the frames that are drawn on
_TWO = 2  # bodies in each of them


def bench_bodies(
    video: Path,
    *,
    batch: int = 64,
    frames: int = 16,
    device: str = "auto",
    backend: str = "auto",
    precision: str = "auto",
    runs: int = 3,
    baseline: bool = True,
) -> dict[str, Any]:
    """Measure bodies of a video whose people the included network finds.

    batch:    bodies per call, from crops on the device to vertices there
    frames:   per call, from the file to bodies drawn over its frames, and of drawing alone
    baseline: also measure one frame and one body at a time in PyTorch

    `ms_per_body` is the time from crops to vertices; `ms_per_frame` has the stages from the file to
    the overlay and their sum, and drawing two bodies over 1280x720. Figures are medians over `runs`
    after calls that are not counted. Raises `InputError` for numbers below 1 and for a video
    without people.
    """
    at_least_one(batch=batch, frames=frames, runs=runs)
    build = partial(engine_named, device=device)
    chosen = partial(build, backend=backend, precision=precision)
    engine, people = chosen(MODEL, max_batch=batch), chosen(PEOPLE, max_batch=frames)
    where = engine.device
    clip = read_video(video).frames
    known = detect_poses(clip.to(where), people)
    crops = _crops(clip, known, engine, batch)
    reset_peak(where)
    found: dict[str, Any] = {"ms_per_body": {}, "ms_per_frame": {}}
    found["ms_per_body"]["batches"] = taken(partial(_vertices, crops, engine), where, runs) / batch
    found["ms_per_frame"]["batches"] = _stages(video, engine, people, frames, runs)
    bodies, footage = _two_bodies(crops, engine, frames)
    drawing = partial(overlay, footage, bodies)
    found["ms_per_frame"]["draw two"] = taken(drawing, where, runs) / frames
    used = peak(where)
    if baseline:
        one = build(MODEL, backend="torch", precision="fp32")
        others = build(PEOPLE, backend="torch", precision="fp32")
        found["ms_per_body"]["baseline"] = taken(partial(_vertices, crops[:1], one), where, runs)
        found["ms_per_frame"]["baseline"] = _stages(video, one, others, 1, 1)
        drawing = partial(overlay, footage[:1], bodies.slice(0, 1))
        found["ms_per_frame"]["baseline, draw two"] = taken(drawing, where, runs)
    return bench_report(
        "bodies",
        {
            "video": video.name,
            "size": [clip.shape[2], clip.shape[1]],
            "frames": len(clip),
            "people": int(known.count.sum()),
            "batch": batch,
            "frames_per_call": frames,
            "drawn": [_DRAWN[1], _DRAWN[0]],
            "runs": runs,
            "threads": torch.get_num_threads(),
            "backend": engine.backend,
            "precision": engine.precision,
            "device": describe_device(where),
            **found,
            "gpu_bytes": used,
        },
    )


def overlay(frames: Tensor, bodies: Bodies) -> Tensor:
    """Return frames [F,H,W,3] with bodies drawn over them."""
    return draw_meshes([body_meshes(bodies)], bodies.camera, len(frames), footage=frames)[0]


def _crops(clip: Tensor, people: Poses, engine: Engine, count: int) -> Tensor:
    """Return `count` crops [N,3,S,S] of the people in a clip on the device of the engine."""
    head = body_landmarks(engine.model)
    frame, place = people.present.nonzero(as_tuple=True)
    if not len(frame):
        raise InputError("video: expected people in it, found none; choose another one")
    taken_ = torch.arange(count, device=frame.device) % len(frame)
    boxes = people.boxes[frame[taken_], place[taken_]]
    regions = regions_of_boxes(boxes, frame[taken_], head.box_reach)
    crops = crop_turned(clip.to(frame.device), regions, head.size, fill=head.beyond)
    return crops.clamp(0, 1).to(engine.device)


def _bodies(crops: Tensor, engine: Engine) -> Bodies:
    """Return the bodies in crops, each as a frame of its own."""
    head = body_landmarks(engine.model)
    with torch.inference_mode():
        found = head.decode(engine.infer(crops))
        size, count, device = (head.size, head.size), len(crops), crops.device
        nobody = Poses.empty(count, size, device=device)
        points = BodyPoints.of(nobody, head.points)
        filled = BodyPoints(
            points=found.points[:, None],
            world=in_camera(found.world, torch.zeros(count, device=device))[:, None],
            visibility=found.visibility[:, None],
            boxes=points.boxes,
            scores=found.scores[:, None],
            track_ids=points.track_ids,
            count=torch.ones_like(points.count),
            canvas=size,
            names=head.points,
        )
        return fit_bodies(filled, Camera.of_field_of_view(size, FOV, device=device))[0]


def _vertices(crops: Tensor, engine: Engine) -> PosedBodies:
    """Return the surfaces of the bodies in crops."""
    bodies = _bodies(crops, engine)
    return skin(mannequin(), bodies.rotation[:, 0], bodies.translation[:, 0], bodies.shape[:, 0])


def _stages(
    video: Path, engine: Engine, people: Engine, frames: int, runs: int
) -> dict[str, float]:
    """Return the milliseconds per frame of every stage from the file to the overlay: of the run
    whose sum is the median, after one that is not counted."""
    found = sorted(
        (_run(video, engine, people, frames) for _ in range(runs + 1)),
        key=lambda times: times["total"],
    )
    return found[len(found) // 2]


def _run(video: Path, engine: Engine, people: Engine, step: int) -> dict[str, float]:
    """Return the milliseconds per frame of every stage of one run."""
    times = dict.fromkeys(STAGES, 0.0)
    clock = _Clock(times, engine.device)
    tracker = Tracker()
    state: FitState | None = None
    looks = None
    count = 0
    for frames in _read(video, step, clock):
        here = frames.to(engine.device)
        looks = looks or looks_for(here[:1], people)
        known = tracker.update(detect_poses(here, people, looks=looks))
        clock.took("people")
        points = points_of_bodies(here, known, engine)
        clock.took("points")
        camera = Camera.of_field_of_view(points.canvas, FOV, device=points.device)
        bodies, state = fit_bodies(points, camera, state)
        clock.took("fit")
        overlay(here, bodies)
        clock.took("draw")
        count += len(frames)
    each = {name: ms / count for name, ms in times.items()}
    return {**each, "total": sum(each.values())}


def _read(video: Path, step: int, clock: "_Clock") -> Iterator[Tensor]:
    """Yield the frames of a video, so many at a time."""
    reader = FrameReader(video)
    try:
        clock.start()
        while (frames := reader.take(step)) is not None:
            clock.took("decode")
            yield frames
            clock.start()
    finally:
        reader.close()


class _Clock:
    """Adds the milliseconds since it was last looked at to what took them."""

    def __init__(self, times: dict[str, float], device: torch.device):
        self._times, self._device = times, device
        self.start()

    def start(self) -> None:
        self._last = time.perf_counter()

    def took(self, stage: str) -> None:
        wait(self._device)
        now = time.perf_counter()
        self._times[stage] += (now - self._last) * 1000
        self._last = now


def _two_bodies(crops: Tensor, engine: Engine, frames: int) -> tuple[Bodies, Tensor]:
    """Return two bodies side by side in each of so many frames of 1280x720, and grey frames."""
    found = _bodies(crops[:1], engine)
    camera = Camera.of_field_of_view(_DRAWN, FOV, device=engine.device)
    empty = Bodies.empty(frames, _DRAWN, camera, mannequin(), bodies=_TWO, device=engine.device)
    aside = torch.tensor([[-0.7, 0.0, -3.0], [0.7, 0.0, -3.0]], device=engine.device)

    def each(values: Tensor) -> Tensor:
        return values.expand(frames, _TWO, *values.shape[2:]).contiguous()

    bodies = Bodies(
        rotation=each(found.rotation),
        translation=aside.repeat(frames, 1, 1),
        shape=each(found.shape),
        confidence=each(found.confidence),
        boxes=empty.boxes,
        scores=empty.scores + 1,
        track_ids=empty.track_ids,
        count=empty.count + _TWO,
        canvas=_DRAWN,
        camera=camera,
        rig=empty.rig,
    )
    return bodies, torch.full((frames, *_DRAWN, 3), 0.5, device=engine.device)
