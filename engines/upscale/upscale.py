"""Upscaling frames: whole or in tiles, in batches, to any size."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from weakref import WeakKeyDictionary

import psutil
import torch
import torch.nn.functional as F
from torch import Tensor

from ..checks import check_range
from ..errors import DeviceMemoryError, EngineError, InputError
from ..host_copy import Arrival, host_empty, to_device
from ..runtime.engine import Engine
from ..words import counted
from .choices import LARGEST_SCALE
from .colour import locked
from .family import Traits, traits_of
from .network import OUTPUT
from .tiles import Tiling

Progress = Callable[[int], None]

LARGEST = 16384  # px, longest side of the result
_TILE = 512  # px, where frames are too large for the engine and the user gives no size
_LEAST_TILE = 64  # px; smaller ones are nearly all overlap
_BLACK, _DARK = 1 / 255, 8 / 255  # a result below one is wrong if its source is above the other

# Longest side, px, and frames at once with which an engine ran out of memory before: a run in
# chunks does not have to find out again.
_limits: "WeakKeyDictionary[Engine, _Limit]" = WeakKeyDictionary()


@dataclass(frozen=True)
class _Limit:
    tile: int = LARGEST
    images: int = 1 << 20


@dataclass(frozen=True)
class _Plan:
    """How frames of one size are run.

    tiling: of the frames as the network gets them, extended to what it takes
    frames: how many are computed together
    images: tiles per call of the network
    """

    tiling: Tiling
    frames: int
    images: int


@dataclass(frozen=True)
class _Made:
    """N frames that are being computed and copied.

    first:    number of the first one
    wrong:    [2,N], see `_wrong`; undefined before it has arrived
    arrivals: of `wrong` and of the frames
    """

    first: int
    wrong: Tensor
    arrivals: tuple[Arrival, Arrival]


@dataclass
class Upscaler:
    """Frames at a larger size, by a network.

    engine:      of an upscaling model
    scale:       the result is so many times as high and wide; 0 = the network's own
    width, height: of the result, px, instead of a scale; one alone keeps the shape of the frames
    tile:        longest side of what the network gets at once, px; 0 = the whole frame if the
                 engine takes it, else 512
    overlap:     pixels that a tile sees beyond what it gives; 0 = what the network needs
    strength:    share of the network in the result, 0..1; the rest is bicubic
    colour_lock: keep the low frequencies of the frames
    eight_bit:   round to 8 bits before the result leaves the device: a quarter of the bytes

    notes: what was done differently from what was asked, one line each

    Raises `InputError` for numbers out of range and an engine of another kind.
    """

    engine: Engine
    scale: float = 0.0
    width: int = 0
    height: int = 0
    tile: int = 0
    overlap: int = 0
    strength: float = 1.0
    colour_lock: bool = True
    eight_bit: bool = False
    notes: list[str] = field(default_factory=list, init=False)
    traits: Traits = field(init=False)

    def __post_init__(self) -> None:
        self.traits = traits_of(self.engine.model)
        if not 0 <= self.scale <= LARGEST_SCALE:
            raise InputError(
                f"scale: expected 0 (the network's own) to {LARGEST_SCALE:g}, found {self.scale:g}"
            )
        for name in ("width", "height"):
            if not 0 <= (side := getattr(self, name)) <= LARGEST:
                raise InputError(
                    f"{name}: expected 1 to {LARGEST} px, or 0 to follow from scale, found {side}"
                )
        if self.scale and (self.width or self.height):
            raise InputError(
                "scale: expected 0 where width or height gives the size, found "
                f"{self.scale:g}; set one of them to 0"
            )
        for name in ("tile", "overlap"):
            if getattr(self, name) < 0:
                raise InputError(f"{name}: expected 0 or more, found {getattr(self, name)}")
        if not 0 <= self.strength <= 1:
            raise InputError(f"strength: expected 0 to 1, found {self.strength:g}")

    def size_of(self, source: tuple[int, int]) -> tuple[int, int]:
        """Return height and width of the result for frames of a height and width.

        Raises `InputError` for a result without pixels or larger than what makes sense.
        """
        high, wide = source
        scale = self.scale or self.traits.scale
        if self.width or self.height:
            height = self.height or round(self.width * high / wide)
            width = self.width or round(self.height * wide / high)
        else:
            height, width = round(high * scale), round(wide * scale)
        if not (1 <= height <= LARGEST and 1 <= width <= LARGEST):
            raise InputError(
                f"scale, width, height: expected a result of 1 to {LARGEST} px a side, found "
                f"{width}x{height} from {wide}x{high}"
            )
        return height, width

    def frames_at_once(self, source: tuple[int, int]) -> int:
        """Return how many frames of a height and width are computed together."""
        return self._plan(source).frames

    def described(self, source: tuple[int, int]) -> str:
        """Return how frames of a height and width are computed, in words."""
        tiling = self._plan(source).tiling
        if tiling.count == 1:
            return "whole frames"
        high, wide = tiling.tile
        how = "blended" if tiling.blend else "exact"
        return f"{counted(tiling.count, 'tile')} of {wide}x{high} per frame, {how}"

    def update(self, frames: Tensor, progress: Progress | None = None) -> Tensor:
        """Return the frames [F,H,W,C] 0..1, on the CPU, at the new size; C is 1, 3 or 4 (alpha).

        progress: called with frames done since the last call

        Raises `InputError` for frames that are not images in 0..1, and for more of them than fit
        into memory; `EngineError` where the network gives NaN or black, and where the device's
        memory is too small for the smallest tile.
        """
        check_pictures("image", frames)
        source = (frames.shape[1], frames.shape[2])
        target = self.size_of(source)
        count, channels = len(frames), frames.shape[3]
        _check_room(count, target, channels)
        found = host_empty(count, *target, channels)
        plan, done = self._plan(source), 0
        before: _Made | None = None
        while done < count:
            chunk = frames[done : done + plan.frames]
            try:
                made = self._made(chunk, plan, target, found[done : done + len(chunk)], done)
            except (DeviceMemoryError, torch.OutOfMemoryError) as error:
                if before is not None:  # what it holds may be what was missing
                    self._finish(before, progress)
                    before = None
                else:
                    plan = self._smaller(source, plan, error)
                continue
            done += len(chunk)
            # While these are copied to the host, the device computes the next.
            if before is not None:
                self._finish(before, progress)
            before = made
        if before is not None:
            self._finish(before, progress)
        return found

    def _finish(self, made: "_Made", progress: Progress | None) -> None:
        """Wait until frames are on the CPU. Raises `EngineError` for NaN and black."""
        wrong, frames = made.arrivals
        wrong.finish()
        _check_result(made.wrong, made.first, self.engine)
        frames.finish()
        if progress is not None:
            progress(made.wrong.shape[1])

    def _made(
        self, frames: Tensor, plan: _Plan, target: tuple[int, int], into: Tensor, first: int
    ) -> "_Made":
        """Start to compute frames [N,H,W,C] at the new size, and to copy them `into` [N,h,w,C].

        first: number of the first of these frames
        """
        pictures = to_device(frames, self.engine.device).movedim(-1, 1).clamp(0, 1)
        colour = pictures[:, :3].expand(-1, 3, -1, -1)
        upscaled = self._upscaled(colour, plan)
        found = _wrong(upscaled, colour).float()
        wrong = torch.empty(found.shape)
        checked = Arrival(found, wrong)
        if self.colour_lock:
            upscaled = locked(upscaled, colour, self.traits.scale)
        if self.strength < 1:
            plain = _resized(colour, (upscaled.shape[2], upscaled.shape[3]))
            upscaled = torch.lerp(plain, upscaled, self.strength)
        made = _resized(upscaled, target)
        if pictures.shape[1] == 1:
            made = made.mean(1, keepdim=True)
        elif pictures.shape[1] == 4:
            made = torch.cat([made, _resized(pictures[:, 3:], target)], 1)
        made = made.movedim(1, -1).clamp(0, 1)
        if self.eight_bit:
            made = (made * 255).round().to(torch.uint8)
        return _Made(first, wrong, (checked, Arrival(made, into)))

    def _upscaled(self, colour: Tensor, plan: _Plan) -> Tensor:
        """Return [N,3,H,W] at the network's scale, [N,3,H*scale,W*scale] fp32."""
        height, width = colour.shape[2:]
        high, wide = plan.tiling.size
        tiles = plan.tiling.cut(F.pad(colour, (0, wide - width, 0, high - height), "replicate"))
        parts = [self._infer(part.contiguous()) for part in tiles.split(plan.images)]
        scale = self.traits.scale
        whole = plan.tiling.join(parts[0] if len(parts) == 1 else torch.cat(parts), scale)
        return whole[..., : height * scale, : width * scale]

    def _infer(self, tiles: Tensor) -> Tensor:
        """Return what the network makes of tiles [N,3,h,w], as fp32 with white at 1."""
        found, white = self.engine.infer(tiles)[OUTPUT].float(), self.traits.white
        return found if white == 1 else found / white

    def _plan(self, source: tuple[int, int]) -> _Plan:
        """Return how to run frames of a height and width."""
        engine, network = self.engine, self.engine.network
        limit = _limits.get(engine, _Limit())
        stride = network.stride
        low, high = engine.sizes
        extended = [max(-(-side // stride) * stride, network.least) for side in source]
        if max(extended) < low:  # an engine can be built for larger frames only
            extended[extended.index(max(extended))] = -(-low // stride) * stride
        if network.fixed is not None:
            tile = network.fixed
            extended = [max(side, part) for side, part in zip(extended, tile, strict=True)]
        else:
            longest = self._longest(max(extended), high, limit)
            if longest < max(low, network.least):
                raise InputError(
                    f"tile: expected at least {max(low, network.least)} px, for which the engine "
                    f"was built, found {longest}; raise tile, or lower min_size in Build Engine"
                )
            most = longest // stride * stride
            tile = (min(extended[0], most), min(extended[1], most))
        parts = [part for part, side in zip(tile, extended, strict=True) if part < side]
        share = 2 if self.traits.exact else 4  # blending needs room between the overlaps
        fits = (min(parts, default=LARGEST) - 1) // share
        overlap = self.overlap or min(self.traits.overlap, fits)
        exact = self.traits.exact and overlap >= self.traits.radius
        if stride > 1:
            overlap = -(-overlap // stride) * stride
        tiling = Tiling((extended[0], extended[1]), tile, overlap, not exact)
        images = min(engine.batch_for(*tile), limit.images)
        return _Plan(tiling, max(1, images // tiling.count), images)

    def _longest(self, side: int, most: int, limit: _Limit) -> int:
        """Return the longest side that the network may get at once, of frames of a longest side."""
        wish = self.tile or (side if side <= most else _TILE)
        return min(wish, most, limit.tile)

    def _smaller(self, source: tuple[int, int], plan: _Plan, error: Exception) -> _Plan:
        """Return a plan that needs half the memory, and note it.

        Raises `EngineError` if there is none.
        """
        self.engine.unload()  # CUDA graphs hold the memory of what they captured
        if self.engine.device.type == "cuda":
            torch.cuda.empty_cache()
        limit = _limits.get(self.engine, _Limit())
        tile = max(plan.tiling.tile)
        if min(plan.images, plan.frames * plan.tiling.count) > 1:
            limit = replace(limit, images=min(plan.images, plan.frames * plan.tiling.count) // 2)
            note = f"{counted(limit.images, 'image')} at once"
        elif tile // 2 >= self._least_tile:
            limit = replace(limit, tile=tile // 2)
            note = f"tiles of {tile // 2} px"
        else:
            raise EngineError(
                f"{self.engine.device}: out of memory even with one tile of {tile} px; close other "
                "programs that use the device, or choose a smaller model"
            ) from error
        _limits[self.engine] = limit
        self.notes.append(f"{self.engine.device} ran out of memory: went on with {note}")
        return self._plan(source)

    @property
    def _least_tile(self) -> int:
        network = self.engine.network
        if network.fixed is not None:
            return LARGEST
        overlap = self.overlap or self.traits.overlap
        return max(_LEAST_TILE, self.engine.sizes[0], network.least, 2 * overlap + 1)


def check_pictures(name: str, image: Tensor) -> None:
    """Raise `InputError` unless `image` is [F,H,W,C] in 0..1 with 1, 3 or 4 channels."""
    if image.ndim != 4 or image.shape[3] not in (1, 3, 4):
        raise InputError(
            f"{name}: expected images of shape [frames, height, width, channels] with 1 channel "
            f"(grey), 3 (RGB) or 4 (RGB and alpha), found {list(image.shape)}"
        )
    if 0 in image.shape:
        raise InputError(f"{name}: expected images with pixels, found {list(image.shape)}")
    check_range(name, image)


def _check_room(count: int, size: tuple[int, int], channels: int) -> None:
    """Raise `InputError` if so many images of a size do not fit into the machine's memory."""
    needed, free = 4 * count * size[0] * size[1] * channels, psutil.virtual_memory().available
    if needed > free:
        raise InputError(
            f"image: {counted(count, 'frame')} of {size[1]}x{size[0]} take {needed / 2**30:.1f} "
            f"GiB of memory, and {free / 2**30:.1f} GiB are free; choose a smaller result, or run "
            "the graph in chunks with kinograph run --chunk 16"
        )


def _wrong(upscaled: Tensor, source: Tensor) -> Tensor:
    """Return which frames [2,N] have become NaN or infinite, and which black, on their device."""
    low, high = upscaled.flatten(1).aminmax(dim=1)
    broken = ~(low.isfinite() & high.isfinite())
    black = (high < _BLACK) & (source.flatten(1).amax(1) > _DARK)
    return torch.stack([broken, black])


def _check_result(wrong: Tensor, first: int, engine: Engine) -> None:
    """Raise `EngineError` if any frame is `wrong` [2,N], see `_wrong`.

    first: number of the first of these frames, for the message
    """
    for frames, what in zip(wrong > 0, ("NaN or infinity", "black"), strict=True):
        if bool(frames.any()):
            raise EngineError(
                f"image: {engine.model.name} on {engine.backend} in {engine.precision} gives "
                f"{what} for frame {first + int(frames.nonzero()[0, 0])}; choose precision fp32 or "
                "another backend in Build Engine"
            )


def _resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Return images [N,C,h,w] at a size; every pixel counts where they become smaller."""
    if (images.shape[2], images.shape[3]) == size:
        return images
    return F.interpolate(images, size, mode="bicubic", antialias=True)
