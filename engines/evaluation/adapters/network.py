"""A trained network on any backend."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...datasets.records import Records
from ...detect.files.predictions import entries_of
from ...detect.rtdetr_pose.config import Config
from ...detect.rtdetr_pose.decode import MOST, SCORE, check_limits
from ...detect.rtdetr_pose.own import TrainedModel
from ...detect.rtdetr_pose.weights import Trained
from ...document import load
from ...errors import InputError
from ...geometry.placement import Size
from ...runtime.cache import EngineCache
from ...runtime.engine import Engine, build_engine
from .pictures import Picture


@dataclass(frozen=True)
class Limits:
    """Which detections are kept: with a score above `threshold`, `most` per image.

    Raises `InputError` for values out of range.
    """

    threshold: float = SCORE
    most: int = MOST

    def __post_init__(self) -> None:
        check_limits(self.threshold, self.most)


@dataclass
class NetworkAdapter:
    """A network that looks at pictures, `batch` at a time.

    trained: its classes and keypoints
    engine:  where it runs
    seconds: of each call: everything, and of that the network alone
    """

    trained: Trained
    engine: Engine
    limits: Limits = field(default_factory=Limits)
    batch: int = 16
    seconds: list[tuple[float, float]] = field(default_factory=list)

    @classmethod
    def open(
        cls,
        found: TrainedModel,
        *,
        backend: str = "auto",
        device: str = "auto",
        precision: str = "auto",
        limits: Limits | None = None,
        batch: int = 16,
        cache: EngineCache | None = None,
    ) -> NetworkAdapter:
        """Put a network on a backend, which has to agree with PyTorch in fp32 first.

        Raises `EngineError` if the request cannot be met.
        """
        engine = build_engine(
            found.model,
            found.network,
            backend=backend,
            device=device,
            precision=precision,
            max_batch=batch,
            cache=cache,
        )
        return cls(found.trained, engine, limits or Limits(), batch)

    @property
    def name(self) -> str:
        """The backend that was chosen."""
        return self.engine.backend

    def predict(self, records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return the entries of records; see `adapters`.

        Raises `InputError` for a malformed record and `MediaError` for a damaged picture.
        """
        return self.find([Picture.told(record) for record in records])

    def find(
        self, pictures: Sequence[Picture], progress: Callable[[int], None] | None = None
    ) -> list[dict[str, Any]]:
        """Return the entries of pictures, in order.

        progress: called with the number of pictures done since the last call

        Raises `MediaError` for a damaged picture and `InputError` for outputs that are not finite.
        """
        entries: list[dict[str, Any]] = []
        for start in range(0, len(pictures), self.batch):
            some = pictures[start : start + self.batch]
            entries += self._call(some)
            if progress is not None:
                progress(len(some))
        return entries

    def _call(self, pictures: Sequence[Picture]) -> list[dict[str, Any]]:
        started = time.perf_counter()
        size = self.trained.module.config.size
        read = [picture.pixels(size) for picture in pictures]
        pixels = torch.from_numpy(np.stack([image for image, _ in read]))
        images = pixels.to(self.engine.device).movedim(-1, 1).float().contiguous() / 255
        before = time.perf_counter()
        with torch.inference_mode():
            outputs = {name: v.cpu() for name, v in self.engine.infer(images).items()}
        spent = time.perf_counter() - before
        entries = entries_of(
            outputs,
            [picture.name for picture in pictures],
            size,
            intrinsics=[
                _scaled(picture, own, size)
                for picture, (_, own) in zip(pictures, read, strict=True)
            ],
            threshold=self.limits.threshold,
            most=self.limits.most,
        )
        self.seconds.append((time.perf_counter() - started, spent))
        return entries


def check_fits(trained: Trained, data: Records, source: Path) -> None:
    """Raise `InputError` that names the checkpoint for other classes or keypoints than the data
    set's."""
    for what, ours, theirs in (
        ("classes", trained.classes, data.kinds.classes),
        ("keypoints", trained.keypoints, data.kinds.keypoints),
    ):
        if ours != theirs:
            raise InputError(
                f"{source}: {what}: expected {', '.join(theirs) or 'none'}, as in {data.root}, "
                f"found {', '.join(ours) or 'none'}"
            )


def check_config(
    trained: Trained, source: Path, *, config: Path | None = None, size: Size | None = None
) -> None:
    """Raise `InputError` for a checkpoint of another config, or of another input size.

    config: a JSON file of a `Config`, or of an object with it as `network`
    size:   height and width
    """
    have = trained.module.config
    if config is not None:
        document = load(config)
        told = document.member("network") or document
        wanted = Config.from_json(told.raw, str(config))
        differing = [
            f"{name}: {value}, not {getattr(have, name)}"
            for name, value in vars(wanted).items()
            if value != getattr(have, name)
        ]
        if differing:
            raise InputError(
                f"{source}: is of another config than {config}: expected {'; '.join(differing)}"
            )
    if size is not None and size != have.size:
        raise InputError(
            f"{source}: image size: expected {size[1]}x{size[0]}, found a network that sees "
            f"{have.size[1]}x{have.size[0]} px; train one with --image-size {size[1]}x{size[0]}"
        )


def _scaled(picture: Picture, own: tuple[int, int], size: tuple[int, int]) -> torch.Tensor | None:
    """Return a picture's intrinsics in px of the network's input."""
    if picture.intrinsics is None:
        return None
    scale = np.array([size[1] / own[1], size[0] / own[0]] * 2)
    return torch.from_numpy(picture.intrinsics * scale)
