"""What an RT-DETR-pose network is made of."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from ...errors import InputError

STRIDE = 32
"""Height and width of the input are multiples of it."""

BACKBONES = {"plain": (), "movenet": (48, 144, 480)}
"""Backbones, and the channels of their maps at strides 8, 16 and 32 where those are fixed."""

_LATER = ("backbone",)  # members that older checkpoints lack; their networks have the defaults
_MOST = 4096  # of any count or width: far above what trains, far below what fills a memory


@dataclass(frozen=True)
class Config:
    """The architecture, with which a checkpoint is stored.

    classes:         C, kinds of objects, without the background
    keypoints:       K, of each object; 0 = none
    size:            height and width of the input, px
    queries:         Q, objects that are proposed per image
    stem:            channels at stride 2
    widths:          channels at strides 4, 8, 16 and 32
    depths:          residual blocks at each of these
    hidden:          channels of the encoder and the decoder
    heads:           of attention; divides `hidden`, and `hidden / heads` is even
    points:          sampled by each head on each of the three levels
    layers:          of the decoder
    feedforward:     channels inside the transformer's layers
    depth:           metres that a network without training puts every object at
    keypoint_scores: also tell whether each keypoint can be seen
    uncertainty:     also tell how far depth and rotation may be off
    backbone:        plain, of `stem`, `widths` and `depths`; or movenet, that of the embedded
                     network for people, for which these three do not count

    Raises `InputError` for a size or a count that makes no network.
    """

    classes: int
    keypoints: int = 0
    size: tuple[int, int] = (64, 64)
    queries: int = 12
    stem: int = 16
    widths: tuple[int, int, int, int] = (24, 40, 64, 96)
    depths: tuple[int, int, int, int] = (1, 1, 1, 1)
    hidden: int = 64
    heads: int = 4
    points: int = 4
    layers: int = 2
    feedforward: int = 128
    depth: float = 1.0
    keypoint_scores: bool = False
    uncertainty: bool = False
    backbone: str = "plain"

    def __post_init__(self) -> None:
        counts = {f.name: getattr(self, f.name) for f in fields(self) if f.type in (int, "int")}
        for name, value in counts.items():
            least = 0 if name == "keypoints" else 1
            if not least <= value <= _MOST:
                raise InputError(f"config: {name}: expected {least}..{_MOST}, found {value}")
        for name in ("widths", "depths"):
            if min(getattr(self, name)) < 1 or max(getattr(self, name)) > _MOST:
                raise InputError(
                    f"config: {name}: expected 1..{_MOST} each, found {getattr(self, name)}"
                )
        if min(self.size) < STRIDE or any(side % STRIDE or side > _MOST for side in self.size):
            raise InputError(
                f"config: size: expected multiples of {STRIDE} px up to {_MOST}, found "
                f"{self.size[1]}x{self.size[0]}"
            )
        if self.hidden % (2 * self.heads) or self.hidden % 4:
            raise InputError(
                f"config: hidden: expected a multiple of 4 and of twice the {self.heads} heads, "
                f"found {self.hidden}"
            )
        if self.queries > self.tokens:
            raise InputError(
                f"config: queries: expected at most {self.tokens}, which an input of "
                f"{self.size[1]}x{self.size[0]} px has places for, found {self.queries}"
            )
        if self.backbone not in BACKBONES:
            raise InputError(
                f"config: backbone: expected one of {', '.join(BACKBONES)}, found "
                f"{self.backbone[:40]!r}"
            )
        if not 0 < self.depth < 1e6:
            raise InputError(f"config: depth: expected metres above 0, found {self.depth}")

    @property
    def maps(self) -> tuple[int, ...]:
        """Channels of the backbone's maps at strides 8, 16 and 32."""
        return BACKBONES[self.backbone] or self.widths[1:]

    @property
    def levels(self) -> tuple[tuple[int, int], ...]:
        """Height and width of the feature maps at strides 8, 16 and 32."""
        return tuple((self.size[0] // s, self.size[1] // s) for s in (8, 16, 32))

    @property
    def tokens(self) -> int:
        """S, places of all feature maps together."""
        return sum(height * width for height, width in self.levels)

    def to_json(self) -> dict[str, Any]:
        """Return the config as JSON holds it."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_json(cls, raw: Any, source: str) -> "Config":
        """Return the config that `to_json` gave.

        source: named in errors, such as the checkpoint's file

        Raises `InputError` for missing, unknown or malformed members.
        """
        if not isinstance(raw, Mapping):
            raise InputError(f"{source}: config: expected an object, found a {type(raw).__name__}")
        known = {field.name: field for field in fields(cls)}
        if odd := sorted((set(raw) ^ set(known)) - (set(_LATER) - set(raw)), key=str):
            missing = [name for name in odd if name in known]
            what = f"no {', '.join(missing)}" if missing else f"unknown {', '.join(map(str, odd))}"
            raise InputError(f"{source}: config: expected {', '.join(known)}, found {what}")
        default = cls(classes=1)
        values = {}
        for name, value in raw.items():
            like = getattr(default, name)
            if isinstance(like, tuple):
                fits = isinstance(value, list | tuple) and len(value) == len(like)
                fits = fits and all(type(part) is int for part in value)
                value = tuple(value) if fits else value
            else:
                kinds = (int, float) if isinstance(like, float) else (type(like),)
                fits = type(value) in kinds
            if not fits:
                raise InputError(
                    f"{source}: config: {name}: expected a value such as {like!r}, found "
                    f"{str(value)[:40]!r}"
                )
            values[name] = value
        try:
            return cls(**values)
        except InputError as error:
            raise InputError(f"{source}: {error}") from error


NANO = Config(classes=1)
"""About 0.9 million parameters: for CPUs and tests."""

SMALL = replace(
    NANO,
    size=(320, 320),
    queries=60,
    stem=32,
    widths=(48, 96, 192, 288),
    depths=(1, 2, 2, 2),
    hidden=160,
    heads=8,
    layers=3,
    feedforward=512,
)
"""About 10 million parameters."""

SIZES = {"nano": NANO, "small": SMALL}
