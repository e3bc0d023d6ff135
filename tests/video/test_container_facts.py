"""What a file says of itself is obeyed: orientation, pixel shape, colour, alpha, time, sound."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from kinograph.engines.errors import InputError, MediaError
from kinograph.engines.video.facts import Orientation, Transfer
from kinograph.engines.video.read import (
    FrameReader,
    read_some,
    read_video,
    sound_of,
    video_info,
    video_size,
)
from kinograph.engines.video.timing import ReadOptions
from kinograph.engines.video.tone import PEAK, light_to_pq, pq_to_light, to_sdr, toned

DATA = Path(__file__).parents[1] / "data" / "video"
SIZE = (48, 64)


def grey(value: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    return np.full((*size, 3), value, np.uint8)


def write(
    path: Path,
    times: Sequence[Fraction | float],
    *,
    rate: int = 10,
    aspect: Fraction | None = None,
    sound: tuple[float, float] | None = None,
    codec: str = "libx264",
    picture: Callable[[int], np.ndarray] = lambda n: grey(20 * n % 256),
) -> Path:
    """A file whose frame n is grey 20 n and stands at times[n]; sound (start, seconds) of ones."""
    base = Fraction(1, 1000)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = picture(0).shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.options = {"qp": "0", "bf": "0"}
        stream.codec_context.time_base = base
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        audio = container.add_stream("pcm_s16le", rate=8000) if sound else None
        for n, at in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(n), format="rgb24")
            frame.pts, frame.time_base = round(at * 1000), base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if sound is not None and audio is not None:
            begin, seconds = sound
            samples = np.full((1, round(seconds * 8000)), 0.5, np.float32)
            for k in range(0, samples.shape[1], 800):
                piece = av.AudioFrame.from_ndarray(samples[:, k : k + 800], "fltp", "mono")
                piece.sample_rate, piece.time_base = 8000, Fraction(1, 8000)
                piece.pts = round(begin * 8000) + k
                container.mux(audio.encode(piece))
            container.mux(audio.encode())
    return path


def values(frames: torch.Tensor) -> list[int]:
    """Which frame each is, by its grey."""
    return [round(float(frame.mean()) * 255 / 20) for frame in frames]


def test_a_rotated_file_comes_upright() -> None:
    path = DATA / "rotated_90.mp4"
    assert video_size(path) == (464, 832)
    info, clip = video_info(path), read_video(path)
    assert (info.size, info.frame_count) == ((464, 832), 8)
    assert clip.frames.shape == (8, 464, 832, 3)
    assert info.remarks == ("its frames are rotated by 90° counterclockwise as the file asks",)
    with av.open(str(path)) as container:
        stored = next(container.decode(video=0))
    # as newer ComfyUI does it
    wanted = np.rot90(stored.to_ndarray(format="rgb24"), k=stored.rotation // 90, axes=(0, 1))
    assert torch.equal((clip.frames[0] * 255).round().byte(), torch.from_numpy(wanted.copy()))


@pytest.mark.parametrize("flips", range(8))
def test_all_orientations_have_words_and_sizes(flips: int) -> None:
    orientation = Orientation(bool(flips & 1), bool(flips & 2), bool(flips & 4))
    assert orientation.size(2, 3) == ((3, 2) if flips & 1 else (2, 3))
    assert str(orientation)
    assert orientation.is_upright == (flips == 0)


def test_pixels_that_are_not_square_are_made_square(tmp_path: Path) -> None:
    path = write(tmp_path / "wide.mp4", [0, 0.1, 0.2], aspect=Fraction(4, 3))
    info = video_info(path)
    assert info.size == (48, 86)  # 64 x 4/3, even
    assert read_video(path).frames.shape == (3, 48, 86, 3)
    assert "not square (4:3)" in info.remarks[0]
    tall = write(tmp_path / "tall.mp4", [0, 0.1, 0.2], aspect=Fraction(1, 2))
    assert read_video(tall).frames.shape == (3, 96, 64, 3)


# frame n stands at: 5 frames at 10 fps, then 3 at 2.5 fps
VARYING = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.9, 1.3]
BY_TIME = [0, 1, 2, 3, 4, 5, 5, 5, 5, 6, 6, 6, 6, 7]


def test_varying_times_are_read_by_time(tmp_path: Path) -> None:
    path = write(tmp_path / "vfr.mkv", VARYING)
    info, clip = video_info(path), read_video(path)
    assert clip.rate == 10
    assert values(clip.frames)[: len(BY_TIME)] == BY_TIME
    assert info.frame_count == len(clip.frames)
    assert any("varying times" in remark and "10 fps" in remark for remark in info.remarks)
    reader = FrameReader(path, skip=7)
    part = reader.take(3)
    assert part is not None
    assert values(part) == BY_TIME[7:10]
    reader.close()
    some, count = read_some(path, [0, 9])
    assert (values(some), count) == ([0, 6], len(clip.frames))


def test_a_frame_that_is_a_little_late_changes_nothing(tmp_path: Path) -> None:
    times = [0, 0.1, 0.203, 0.3, 0.399, 0.5]
    path = write(tmp_path / "jitter.mkv", times)
    assert values(read_video(path).frames) == list(range(6))
    assert not video_info(path).remarks


@pytest.mark.parametrize(
    ("options", "wanted", "rate"),
    [
        (ReadOptions(start=0.3), list(range(3, 12)), 10),
        (ReadOptions(duration=0.4), [0, 1, 2, 3], 10),
        (ReadOptions(start=0.25, duration=0.5), [3, 4, 5, 6, 7], 10),
        (ReadOptions(every=3), [0, 3, 6, 9], Fraction(10, 3)),
        (ReadOptions(fps=Fraction(5)), [0, 2, 4, 6, 8, 10], 5),
        (ReadOptions(fps=Fraction(20), duration=0.4), [0, 0, 1, 1, 2, 2, 3, 3], 20),
        (ReadOptions(start=0.2, every=2, fps=Fraction(20), duration=0.4), [2, 3, 4, 5], 10),
    ],
)
def test_a_part_at_another_rate(
    tmp_path: Path, options: ReadOptions, wanted: list[int], rate: Fraction
) -> None:
    path = write(tmp_path / "clip.mp4", [n / 10 for n in range(12)])
    clip, info = read_video(path, options), video_info(path, options)
    assert (values(clip.frames), clip.rate) == (wanted, rate)
    assert (info.frame_count, info.rate) == (len(wanted), rate)


def test_a_late_start_is_sought_and_gives_the_same(tmp_path: Path) -> None:
    path = write(tmp_path / "long.mp4", [n / 10 for n in range(100)])
    whole = read_video(path).frames
    part = read_video(path, ReadOptions(start=7.3)).frames
    assert torch.equal(part, whole[73:])


@pytest.mark.parametrize(
    "wrong",
    [
        {"start": -1.0},
        {"start": float("nan")},
        {"duration": float("inf")},
        {"every": 0},
        {"fps": Fraction(-1)},
        {"fps": Fraction(2000)},
    ],
)
def test_options_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match=f"^{next(iter(wrong))}: expected"):
        ReadOptions(**wrong)  # type: ignore[arg-type]


def test_a_start_behind_the_end_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.mp4", [0, 0.1, 0.2])
    with pytest.raises(MediaError, match=r"no frames after 9 s; lower start"):
        read_video(path, ReadOptions(start=9))


@pytest.mark.parametrize(
    ("sound", "silence", "remark"),
    [
        ((0.0, 1.2), 0.0, None),
        ((0.5, 0.7), 0.5, "starts 0.50 s after the picture"),
        ((0.0, 2.0), 0.0, "ends 0.80 s after the picture"),
    ],
)
def test_sound_keeps_its_place(
    tmp_path: Path, sound: tuple[float, float], silence: float, remark: str | None
) -> None:
    path = write(tmp_path / "clip.mkv", [n / 10 for n in range(12)], sound=sound)
    clip = read_video(path)
    assert clip.audio is not None
    wave = clip.audio.waveform[0, 0]
    assert len(wave) == round(1.2 * 8000)
    first = int((wave != 0).nonzero()[0])
    assert first == pytest.approx(silence * 8000, abs=8)
    remarks = video_info(path).remarks
    assert (not remarks) if remark is None else any(remark in line for line in remarks)


def test_sound_of_a_part_is_that_of_the_part(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.mkv", [n / 10 for n in range(12)], sound=(0.5, 0.7))
    clip = read_video(path, ReadOptions(start=0.3, duration=0.6))
    assert clip.audio is not None
    wave = clip.audio.waveform[0, 0]
    assert len(wave) == round(0.6 * 8000)
    assert int((wave != 0).nonzero()[0]) == pytest.approx(0.2 * 8000, abs=8)


def test_a_video_that_starts_late_is_the_clip_s_beginning(tmp_path: Path) -> None:
    """Sound from before the first picture is left out, and said."""
    path = write(tmp_path / "late.mkv", [0.5 + n / 10 for n in range(8)], sound=(0.0, 1.3))
    info, clip = video_info(path), read_video(path)
    assert values(clip.frames) == list(range(8))
    assert clip.audio is not None
    assert clip.audio.waveform.shape[-1] == pytest.approx(0.8 * 8000, abs=8)
    assert any("0.50 s before the picture" in remark for remark in info.remarks)


def test_hdr_is_toned_to_sdr(clip_path: Path) -> None:
    path = DATA / "hdr_pq.mp4"
    info, clip, sdr = video_info(path), read_video(path), read_video(clip_path)
    assert any("HDR (PQ)" in remark for remark in info.remarks)
    assert float(clip.frames.mean()) == pytest.approx(0.49, abs=0.02)
    assert float((clip.frames - sdr.frames).abs().mean()) < 0.02


def test_the_pq_curve_is_that_of_st_2084() -> None:
    light = torch.tensor([0.0, 100.0, 203.0, 1000.0, 10_000.0], dtype=torch.float64)
    signal = light_to_pq(light)
    # ITU-R BT.2408, table 1, and ST 2084
    assert signal.tolist() == pytest.approx([0, 0.5081, 0.5807, 0.7518, 1], abs=1e-4)
    assert torch.allclose(pq_to_light(signal), light, atol=1e-6)


@pytest.mark.parametrize("transfer", [*Transfer, None])
def test_the_tone_curve_rises_keeps_grey_and_fills_the_range(transfer: Transfer | None) -> None:
    ramp = torch.linspace(0, 1, 256)[:, None].expand(-1, 3)
    out = toned(ramp, transfer, PEAK, wide_gamut=True)
    assert float((out.amax(-1) - out.amin(-1)).max()) < 1e-3  # grey stays grey
    assert bool((out[1:, 0] >= out[:-1, 0] - 1e-5).all())
    assert (float(out[0, 0]), float(out[-1, 0])) == pytest.approx((0, 1), abs=1e-3)


@pytest.mark.parametrize("transfer", [*Transfer, None])
def test_the_table_agrees_with_the_exact_curve(transfer: Transfer | None) -> None:
    """For colours near grey, which most footage is made of."""
    random = torch.Generator().manual_seed(0)
    grey_ = torch.rand(64, 64, 1, generator=random)
    colours = (grey_ + 0.05 * torch.randn(64, 64, 3, generator=random)).clamp(0.1, 1)
    found = to_sdr(colours, transfer, 0, wide_gamut=True).float()
    wanted = toned(colours, transfer, PEAK, wide_gamut=True) * 255
    error = (found - wanted).abs()
    assert float(error.mean()) < 0.6
    assert float(error.flatten().kthvalue(int(0.99 * error.numel())).values) < 6


def test_alpha_is_a_channel_apart() -> None:
    path = DATA / "alpha.webm"
    assert video_info(path).has_alpha
    assert read_video(path).alpha is None
    clip = read_video(path, alpha=True)
    assert clip.alpha is not None
    assert clip.alpha.shape == clip.frames.shape[:3]
    assert clip.alpha[:, :, :150].mean() > 0.99
    assert clip.alpha[:, :, 170:].mean() < 0.01
    # what is coded under it stays: nothing is blended
    assert torch.equal(clip.frames, read_video(path).frames)


def test_interlaced_video_is_deinterlaced(tmp_path: Path) -> None:
    """A bar that moves between the fields: combed as coded, straight as read."""
    path = tmp_path / "fields.mp4"

    def woven(n: int) -> np.ndarray:
        picture = grey(0, (96, 96))
        for field in (0, 1):
            x = 8 * n + 4 * field
            picture[field::2, x : x + 16] = 255
        return picture

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.height, stream.width, stream.pix_fmt = 96, 96, "yuv420p"
        stream.options = {"x264-params": "tff=1:qp=0"}
        for n in range(8):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(woven(n), format="rgb24")))
        container.mux(stream.encode())
    info, clip = video_info(path), read_video(path)
    assert info.remarks == ("it is interlaced; deinterlaced by bwdif",)
    assert len(clip.frames) == info.frame_count == 8

    def combing(frame: torch.Tensor) -> float:
        return float((frame[1:-1:2] - (frame[:-2:2] + frame[2::2]) / 2).abs().mean())

    assert combing(clip.frames[4]) < combing(torch.from_numpy(woven(4)).float() / 255) / 4


def test_cover_art_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.m4a"
    cover = tmp_path / "cover.png"
    Image.new("RGB", (64, 48), "red").save(cover)
    with av.open(str(path), "w", format="mp4") as container, av.open(str(cover)) as art:
        audio = container.add_stream("aac", rate=8000)
        picture = container.add_stream_from_template(art.streams.video[0])
        picture.disposition = av.stream.Disposition.attached_pic
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
        samples.sample_rate, samples.pts = 8000, 0
        container.mux(audio.encode(samples))
        container.mux(audio.encode())
        for packet in art.demux(video=0):
            if packet.size:
                packet.stream = picture
                packet.pts = packet.dts = 0
                container.mux(packet)
    with pytest.raises(MediaError, match="no video stream, only audio and cover art"):
        read_video(path)


# --- folders and patterns of pictures


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "frames"
    folder.mkdir()
    for n in range(12):
        Image.fromarray(grey(20 * n)).save(folder / f"f_{n}.png")
    return folder


def test_a_folder_of_pictures_is_a_clip_in_natural_order(pictures: Path) -> None:
    info, clip = video_info(pictures), read_video(pictures)
    assert values(clip.frames) == list(range(12))
    assert (info.size, info.frame_count, info.rate) == (SIZE, 12, 16)
    assert "no frame rate; read at 16 fps" in info.remarks[0]
    assert sound_of(pictures) is None
    options = ReadOptions(fps=Fraction(10), start=0.2, every=4)
    part = read_video(pictures, options)
    assert (values(part.frames), part.rate) == ([2, 6, 10], Fraction(5, 2))
    assert not video_info(pictures, options).remarks
    reader = FrameReader(pictures, skip=10)
    rest = reader.take(5)
    assert rest is not None
    assert values(rest) == [10, 11]
    assert reader.take(5) is None


def test_a_pattern_of_pictures_is_a_clip(pictures: Path) -> None:
    assert values(read_video(pictures / "f_%d.png").frames) == list(range(12))
    for n in range(12):
        (pictures / f"f_{n}.png").rename(pictures / f"g_{n + 5:03}.png")
    (pictures / "g_7.png").write_bytes(b"another, without zeros")
    assert values(read_video(pictures / "g_%03d.png").frames) == list(range(12))
    (pictures / "g_009.png").unlink()
    with pytest.raises(MediaError, match=r"g_009\.png is missing between 5 and 16"):
        read_video(pictures / "g_%03d.png")
    with pytest.raises(MediaError, match="no picture of this pattern"):
        read_video(pictures / "h_%03d.png")


def test_pictures_of_other_kinds(tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    with pytest.raises(MediaError, match="expected pictures"):
        read_video(folder)
    turned = Image.new("RGB", (48, 64), (20, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by 90°
    turned.save(folder / "0.jpg", exif=exif, quality=100)
    Image.new("RGBA", (64, 48), (40, 40, 40, 128)).save(folder / "1.png")
    deep = np.full((48, 64), 40 * 257, np.uint16)
    Image.fromarray(deep).save(folder / "2.png")
    clip = read_video(folder, alpha=True)
    assert values(clip.frames) == [1, 2, 2]
    assert not video_info(folder).has_alpha  # the first has none
    Image.new("RGB", (10, 10)).save(folder / "3.png")
    with pytest.raises(MediaError, match=r"3\.png: expected 64x48 as the first picture, found 10x"):
        read_video(folder)
    (folder / "3.png").write_bytes(b"no picture")
    with pytest.raises(MediaError, match=r"3\.png: is not an image"):
        read_video(folder)
