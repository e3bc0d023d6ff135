"""Several ways to estimate flow, side by side: on known motion, on footage, and on stills."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..flow.choices import DIS_PRESETS
from ..video.read import read_video
from .flow_footage import NOISE, judge_footage, judge_still, scaled_down
from .flow_model import DATA, DIS, Progress, datasets_of, evaluate_engine, flow_engine
from .report import report

SCHEMA = 1
PARTS = (1.0, 0.5)  # of the frames' longer side
FRAMES = 17  # of each clip


@dataclass(frozen=True)
class Way:
    """One way to estimate flow: DIS with a preset, or a network with a number of updates (0: the
    usual one)."""

    model: str
    preset: str = "medium"
    updates: int = 0

    @classmethod
    def read(cls, text: str, *, preset: str = "medium") -> "Way":
        """Read MODEL, MODEL@UPDATES, dis or dis@PRESET; preset: of plain dis.

        Raises `InputError` for anything else after the @.
        """
        model, at, more = text.rpartition("@")
        if not at or "/" in more:  # part of the path of a file
            return cls(text, preset)
        if model == DIS:
            if more not in DIS_PRESETS:
                raise InputError(
                    f"model: expected dis@ and one of {', '.join(DIS_PRESETS)}, found {text[:60]!r}"
                )
            return cls(model, more)
        if not more.isdecimal() or not int(more):
            raise InputError(
                f"model: expected a number of updates after the @, found {text[:60]!r}"
            )
        return cls(model, preset, int(more))

    @property
    def title(self) -> str:
        """What it is called in a table."""
        if self.model == DIS:
            return f"dis@{self.preset}"
        return f"{self.model}@{self.updates}" if self.updates else self.model


def compare_flow_models(
    ways: Sequence[Way],
    data: Sequence[str] = DATA,
    *,
    footage: Sequence[Path] = (),
    backend: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    limit: int = 0,
    clip: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Estimate the flow of the data sets at the frames' own size and at half of it, and of footage,
    in every way.

    footage: videos, of whose first 17 frames `judge_footage` judges, scaled down to 832 px; the
             first one's first frame is that of the still footage
    backend, device, precision: of networks; the others are as in `evaluate_flow_model`

    Returns JSON: `ways`, by title, with `model` (what computed the flow), `datasets` (by name, then
    `whole` and `half`, each as in `evaluate_flow`, errors in px of the frames), `footage` (by
    name, see `judge_footage`) and `still` (see `judge_still`; None without footage).

    Raises `InputError` for a way that is given twice, and as `evaluate_flow_model`.
    """
    titles = [way.title for way in ways]
    if twice := sorted({title for title in titles if titles.count(title) > 1}):
        raise InputError(f"model: expected every model once, found {', '.join(twice)} twice")
    datasets = datasets_of(data, limit=limit, clip=clip)
    clips = {}
    for path in footage:
        frames = read_video(path).frames[:FRAMES]
        if len(frames) < 2:
            raise InputError(f"{path}: expected at least 2 frames, found {len(frames)}")
        clips[path.name] = scaled_down(frames)
    results: dict[str, Any] = {}
    for way in ways:
        options = (
            {}
            if way.model == DIS
            else {"backend": backend, "device": device, "precision": precision}
        )
        engine = flow_engine(way.model, updates=way.updates, **options)
        found: dict[str, Any] = {dataset.name: {} for dataset in datasets}
        for name, part in zip(("whole", "half"), PARTS, strict=True):
            judged = evaluate_engine(
                datasets,
                engine,
                preset=way.preset,
                part=part,
                progress=None if progress is None else _titled(progress, way.title),
            )
            for dataset, figures in judged["datasets"].items():
                found[dataset][name] = figures
        still = next(iter(clips.values()), None)
        results[way.title] = {
            "model": judged["meta"]["model"],
            "datasets": found,
            "footage": {
                name: judge_footage(frames, engine, way.preset) for name, frames in clips.items()
            },
            "still": None if still is None else judge_still(still[0], engine, way.preset),
        }
    about = {
        "settings": {"limit": limit, "parts": list(PARTS), "still_noise": NOISE},
        "footage": [str(path) for path in footage],
    }
    return report("flow_comparison", SCHEMA, {"ways": results}, about=about, packages=("numpy",))


def _titled(progress: Progress, title: str) -> Progress:
    return lambda name, total: progress(f"{title}: {name}", total)
