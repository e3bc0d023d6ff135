"""From frames to frames: tiles, sizes, colours, channels, and what goes wrong."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinograph.engines.errors import DeviceMemoryError, EngineError, InputError
from kinograph.engines.models.registry import Model
from kinograph.engines.runtime.engine import Engine
from kinograph.engines.upscale import upscale
from kinograph.engines.upscale.colour import flicker, locked
from kinograph.engines.upscale.families.realesr_compact import Compact
from kinograph.engines.upscale.families.rrdbnet import RRDBNet, Shape
from kinograph.engines.upscale.tiles import Tiling
from kinograph.engines.upscale.upscale import Upscaler


@pytest.fixture(scope="module")
def engine(compact: Model) -> Engine:
    from kinograph.engines.runtime.engine import build_engine
    from kinograph.engines.runtime.network import network_of

    return build_engine(
        compact, network_of(compact), backend="torch", device="cpu", max_batch=4, sizes=(16, 256)
    )


def large(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Bicubic, as far as tests need it."""
    return F.interpolate(images.movedim(-1, 1), size, mode="bicubic", antialias=True)


@pytest.mark.parametrize(("tile", "overlap"), [(64, 18), (100, 18), (77, 20), (64, 0)])
def test_tiles_are_exact_from_the_radius_on(
    tile: int, overlap: int, engine: Engine, picture: Tensor
) -> None:
    """The radius of the compact network is 18: no seam at all from there."""
    frame = picture[:, :101]
    whole = Upscaler(engine, colour_lock=False).update(frame)
    tiled = Upscaler(engine, colour_lock=False, tile=tile, overlap=overlap)
    assert tiled.described((101, 128)).endswith("exact")  # overlap 0: what the network needs
    assert float((tiled.update(frame) - whole).abs().max()) * 255 < 1e-3


def test_tiles_that_see_less_are_not(engine: Engine, picture: Tensor) -> None:
    whole = Upscaler(engine, colour_lock=False).update(picture)
    tiled = Upscaler(engine, colour_lock=False, tile=64, overlap=4).update(picture)
    assert float((tiled - whole).abs().max()) * 255 > 0.1


@pytest.mark.parametrize("blend", [False, True])
@pytest.mark.parametrize(
    ("size", "tile", "overlap"),
    [
        ((50, 70), (20, 30), 4),
        ((33, 20), (20, 20), 9),
        ((41, 41), (40, 40), 3),
        ((9, 9), (9, 9), 4),
    ],
)
def test_tiles_cover_a_frame(
    size: tuple[int, int], tile: tuple[int, int], overlap: int, blend: bool
) -> None:
    tiling = Tiling(size, tile, overlap, blend)
    frames = torch.rand(2, 3, *size)
    tiles = tiling.cut(frames)
    assert tiles.shape == (2 * tiling.count, 3, *tile)
    nearest = F.interpolate(tiles, scale_factor=3.0, mode="nearest")
    wanted = F.interpolate(frames, scale_factor=3.0, mode="nearest")
    torch.testing.assert_close(tiling.join(nearest, 3), wanted, atol=1e-5, rtol=0)


def test_tiles_without_a_middle() -> None:
    with pytest.raises(InputError, match=r"tile: expected more than twice the overlap of 18 px"):
        Tiling((100, 100), (36, 36), 18, False)


def test_seams_of_deep_networks_are_blended(made, picture: Tensor) -> None:
    """A network that sees further than its tiles gives each another brightness."""
    deep = made(RRDBNet(Shape(16, 8, 6, 1)), "rrdbnet")
    tiled = Upscaler(deep, tile=64, overlap=8)
    assert tiled.described((128, 128)) == "9 tiles of 64x64 per frame, blended"
    tiling = tiled._plan((128, 128)).tiling
    tiles = torch.zeros(9, 1, 256, 256) + torch.arange(9.0).view(9, 1, 1, 1)

    def step(blend: bool) -> float:
        frame = replace(tiling, blend=blend).join(tiles, 4)
        return float((frame[..., 1:] - frame[..., :-1]).abs().max())

    assert step(False) == 1
    assert step(True) < 0.02
    assert tiled.update(picture).shape == (1, 512, 512, 3)


@pytest.mark.parametrize(
    ("settings", "size"),
    [
        ({}, (404, 268)),
        ({"scale": 2.0}, (202, 134)),
        ({"scale": 6.5}, (656, 436)),
        ({"width": 100}, (151, 100)),
        ({"height": 151}, (151, 100)),
        ({"width": 33, "height": 77}, (77, 33)),
    ],
)
def test_any_size(
    settings: dict[str, float], size: tuple[int, int], engine: Engine, picture: Tensor
) -> None:
    frame = picture[:, :101, :67]
    upscaler = Upscaler(engine, **settings)
    found = upscaler.update(frame)
    assert upscaler.size_of((101, 67)) == size
    assert found.shape == (1, *size, 3)
    apart = found.movedim(-1, 1) - large(frame, size)
    assert float(apart.abs().mean()) < 0.03  # nothing is shifted
    assert 0 <= float(found.min()) <= float(found.max()) <= 1


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize("size", [(1, 1), (5, 31), (20, 9)])
def test_odd_sizes_grey_and_alpha(channels: int, size: tuple[int, int], engine: Engine) -> None:
    frames = torch.rand(3, *size, channels)
    found = Upscaler(engine).update(frames)
    assert found.shape == (3, size[0] * 4, size[1] * 4, channels)
    if channels == 4:
        wanted = large(frames[..., 3:], (size[0] * 4, size[1] * 4)).clamp(0, 1)
        torch.testing.assert_close(found[..., 3], wanted[:, 0], atol=1e-5, rtol=0)


def test_strength_goes_from_bicubic_to_the_network(engine: Engine, picture: Tensor) -> None:
    plain, half, full = (
        Upscaler(engine, strength=s, colour_lock=False).update(picture) for s in (0.0, 0.5, 1.0)
    )
    wanted = large(picture, (512, 512)).clamp(0, 1).movedim(1, -1)
    torch.testing.assert_close(plain, wanted, atol=1e-5, rtol=0)
    assert float((full - plain).abs().mean()) > 0.005
    inside = (plain > 0) & (plain < 1) & (full > 0) & (full < 1)  # what is not cut off
    torch.testing.assert_close(half[inside], ((plain + full) / 2)[inside], atol=1e-5, rtol=0)


def test_8_bits_are_the_same_rounded(engine: Engine, picture: Tensor) -> None:
    exact = Upscaler(engine).update(picture)
    rounded = Upscaler(engine, eight_bit=True).update(picture)
    assert torch.equal(rounded, (exact * 255).round() / 255)


def test_the_colour_lock_keeps_colours(engine: Engine, picture: Tensor) -> None:
    """What the network shifts by more than a level of 255 on average comes back."""
    mean = picture.mean((0, 1, 2))
    free = Upscaler(engine, colour_lock=False).update(picture).mean((0, 1, 2))
    kept = Upscaler(engine).update(picture).mean((0, 1, 2))
    assert float((free - mean).abs().max()) * 255 > 1
    assert float((kept - mean).abs().max()) * 255 < 0.25


def test_a_still_clip_stays_still(engine: Engine, picture: Tensor) -> None:
    """Sensor noise on a still picture: what flickers, in levels of 255, where it is coarse."""
    clip = (picture + torch.randn(4, 128, 128, 3) * 4 / 255).clamp(0, 1)
    source = large(clip, (512, 512))
    free, kept = (
        Upscaler(engine, colour_lock=lock).update(clip).movedim(-1, 1) for lock in (False, True)
    )
    assert flicker(free) < flicker(source)  # the network takes noise away
    assert flicker(kept) < flicker(source)
    assert flicker(kept, 16) < flicker(source, 16) * 1.05
    # A network whose brightness wavers by two levels, as deep ones do.
    waver = torch.tensor([0, 2, -1, 1]).view(4, 1, 1, 1) / 255
    wavering = free + waver
    before = flicker(wavering, 16)
    after = flicker(locked(wavering, clip.movedim(-1, 1), 4), 16)
    assert before > 1.5
    assert after < 0.5
    assert flicker(picture.movedim(-1, 1).expand(3, -1, -1, -1)) == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scale": 20000.0}, "scale: expected 0 .* to 16, found 20000"),
        ({"scale": -1.0}, "scale: expected 0"),
        ({"width": 20000}, "width: expected 1 to 16384 px, or 0 to follow from scale, found 20000"),
        ({"height": -4}, "height: expected 1 to 16384 px"),
        ({"scale": 2.0, "width": 300}, "scale: expected 0 where width or height gives the size"),
        ({"tile": -1}, "tile: expected 0 or more"),
        ({"strength": 1.5}, "strength: expected 0 to 1, found 1.5"),
    ],
)
def test_settings_out_of_range(settings: dict[str, float], message: str, engine: Engine) -> None:
    with pytest.raises(InputError, match=message):
        Upscaler(engine, **settings)


def test_results_out_of_range(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"1 to 16384 px a side, found 0x0 from 16x16"):
        Upscaler(engine, scale=0.01).update(torch.rand(1, 16, 16, 3))
    with pytest.raises(InputError, match=r"found 16384x20480 from 8x10"):
        Upscaler(engine, width=16384).update(torch.rand(1, 10, 8, 3))
    monkeypatch.setattr(
        upscale.psutil, "virtual_memory", lambda: type("Memory", (), {"available": 2**20})
    )
    with pytest.raises(
        InputError, match=r"9 frames of 256x256 take 0.0 GiB .* run the graph in ch"
    ):
        Upscaler(engine).update(torch.rand(9, 64, 64, 3))


def test_frames_that_are_no_pictures(engine: Engine) -> None:
    for wrong in (torch.rand(4, 4, 3), torch.rand(1, 4, 4, 2), torch.rand(0, 4, 4, 3)):
        with pytest.raises(InputError, match="image: expected images"):
            Upscaler(engine).update(wrong)
    with pytest.raises(InputError, match="divide by 255"):
        Upscaler(engine).update(torch.rand(1, 20, 20, 3) * 255)


def test_a_tile_for_which_the_engine_was_not_built(made, compact: Model) -> None:
    narrow = made(compact, sizes=(128, 256))
    with pytest.raises(InputError, match="tile: expected at least 128 px, for which the engine"):
        Upscaler(narrow, tile=64).update(torch.rand(1, 300, 300, 3))
    small = Upscaler(narrow).update(torch.rand(1, 20, 30, 3))  # extended, then cut
    assert small.shape == (1, 80, 120, 3)


class _Scarce:
    """An engine's `infer` that runs out of memory above so many pixels."""

    def __init__(self, engine: Engine, pixels: int):
        self.infer, self.pixels, self.asked = engine.infer, pixels, []

    def __call__(self, images: Tensor) -> object:
        self.asked.append(tuple(images.shape))
        if images.shape[0] * images.shape[2] * images.shape[3] > self.pixels:
            raise DeviceMemoryError("cpu: out of memory with 4 frames of 128x128")
        return self.infer(images)


def test_out_of_memory_the_tile_is_halved(
    made, compact: Model, picture: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = made(compact, batch=4)
    clip = picture.expand(3, -1, -1, -1)
    wanted = Upscaler(engine, colour_lock=False).update(clip)
    scarce = _Scarce(engine, 70 * 70)
    monkeypatch.setattr(engine, "infer", scarce)
    upscaler = Upscaler(engine, colour_lock=False)
    done: list[int] = []
    found = upscaler.update(clip, done.append)
    assert sum(done) == 3
    assert float((found - wanted).abs().max()) * 255 < 1e-3  # nothing lost
    assert upscaler.notes[-1] == "cpu ran out of memory: went on with tiles of 64 px"
    asked = len(scarce.asked)
    again = Upscaler(engine, colour_lock=False)  # the next chunk knows
    again.update(picture)
    assert not again.notes
    assert all(shape[2] <= 64 for shape in scarce.asked[asked:])


def test_out_of_memory_for_the_smallest_tile(
    made, compact: Model, picture: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = made(compact, batch=4)
    monkeypatch.setattr(engine, "infer", _Scarce(engine, 10))
    with pytest.raises(EngineError, match="out of memory even with one tile of 64 px"):
        Upscaler(engine).update(picture)


@pytest.mark.parametrize(("value", "what"), [(float("nan"), "NaN or infinity"), (0.0, "black")])
def test_nothing_black_and_no_nan(
    value: float, what: str, made, compact: Model, picture: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = made(compact, batch=1)
    whole = engine.infer

    def broken(images: Tensor) -> dict[str, Tensor]:
        calls.append(1)
        found = whole(images)["image"]
        return {"image": torch.full_like(found, value) if len(calls) == 2 else found}

    calls: list[int] = []
    monkeypatch.setattr(engine, "infer", broken)
    with pytest.raises(EngineError, match=rf"torch in fp32 gives {what} for frame 1; choose prec"):
        Upscaler(engine).update(picture.expand(3, -1, -1, -1))
    calls.clear()
    black = torch.zeros(2, 32, 32, 3)  # what is black may stay so
    Upscaler(engine, colour_lock=True).update(black) if value == 0 else None


def test_a_network_that_takes_steps_of_two(made, picture: Tensor) -> None:
    """Frames are extended to its stride, and cut again."""
    engine = made(RRDBNet(Shape(16, 8, 1, 2)), "rrdbnet")
    assert Upscaler(engine).update(picture[:, :31, :33]).shape == (1, 62, 66, 3)
    tiled = Upscaler(engine, tile=63).update(picture[:, :97])
    assert tiled.shape == (1, 194, 256, 3)


def test_a_compact_network_of_another_scale(made) -> None:
    network = Compact(16, 1, 2)
    nn.init.zeros_(network.body[-1].weight)
    nn.init.zeros_(network.body[-1].bias)
    frames = torch.rand(1, 20, 24, 3)
    found = Upscaler(made(network, "realesr_compact"), colour_lock=False).update(frames)
    wanted = frames.repeat_interleave(2, 1).repeat_interleave(2, 2)
    torch.testing.assert_close(found, wanted)
