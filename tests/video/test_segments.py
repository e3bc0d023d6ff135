"""Videos in segments: the same bytes however they were made, and they play."""

from fractions import Fraction
from pathlib import Path

import av
import pytest
import torch

from kinograph.engines.video.clip import Audio, Clip
from kinograph.engines.video.encoding import as_encoded
from kinograph.engines.video.read import FrameReader, read_some, read_video
from kinograph.engines.video.segments import (
    SEGMENT,
    join_segments,
    planes_of,
    to_bytes,
    write_segment,
)
from kinograph.engines.video.sound import FileSound, find_sound
from kinograph.engines.video.write import write_video


def moving(frames: int) -> torch.Tensor:
    made = torch.Generator().manual_seed(0)
    ground = torch.nn.functional.avg_pool2d(torch.rand(1, 3, 68, 264, generator=made), 5, 1, 2)[0]
    return torch.stack(
        [ground[:, 9:57, i % 200 : i % 200 + 64].movedim(0, -1) for i in range(frames)]
    )


def beeps(seconds: float, rate: int = 44100) -> Audio:
    """A tenth of a second of sound at each full second."""
    t = torch.arange(int(seconds * rate)) / rate
    wave = 0.5 * torch.sin(2 * torch.pi * 440 * t) * (t % 1 < 0.1)
    return Audio(wave.expand(1, 2, -1).clone(), rate)


@pytest.mark.parametrize("rate", [Fraction(15), Fraction(30000, 1001)])
@pytest.mark.parametrize("frames", [1, 2, 3, SEGMENT, SEGMENT + 1, 2 * SEGMENT + 7])
def test_a_joined_video_plays(frames: int, rate: Fraction, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    write_video(path, Clip(moving(frames), rate, beeps(float(frames / rate))))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.frames, stream.average_rate) == (frames, rate)
        assert stream.duration is not None
        assert stream.time_base is not None
        assert abs(stream.duration * stream.time_base - frames / rate) < Fraction(1, 1000)
        packets = [p for p in container.demux(stream) if p.pts is not None]
        stored = [p.dts for p in packets]
        assert stored == sorted(set(stored))
        assert all(p.pts >= p.dts for p in packets)
    with av.open(str(path)) as container:
        shown = [picture.time for picture in container.decode(video=0)]
    assert shown == pytest.approx([float(i / rate) for i in range(frames)], abs=1e-4)
    back = read_video(path)
    assert back.rate == rate
    assert float((back.frames - moving(frames)).abs().mean()) < 0.04


def test_sound_stays_with_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    rate = Fraction(30000, 1001)
    write_video(path, Clip(moving(400), rate, beeps(20)))
    sound = read_video(path).audio
    assert sound is not None
    assert sound.waveform.shape[2] / 44100 == pytest.approx(400 / float(rate), abs=0.06)
    for second in range(1, 13):
        start = int((second - 0.5) * 44100)
        loud = sound.waveform[0, 0, start:].abs() > 0.1
        assert int(loud.int().argmax()) / 44100 == pytest.approx(0.5, abs=0.005)


@pytest.mark.parametrize("seconds", [5, 60])
def test_sound_from_its_file_and_from_memory(seconds: int, tmp_path: Path) -> None:
    """The same bytes, whether the sound ends before the picture or behind it."""
    write_video(tmp_path / "a.mp4", Clip(moving(300), Fraction(15), beeps(seconds)))
    sound = find_sound(tmp_path / "a.mp4")
    assert isinstance(sound, FileSound)
    part = tmp_path / "part.mp4"
    write_segment(part, planes_of(to_bytes(moving(250))), Fraction(15))
    for name, audio in (("file", sound), ("memory", sound.audio())):
        join_segments(tmp_path / name, [part], Fraction(15), frames=250, sound=audio)
    assert (tmp_path / "file").read_bytes() == (tmp_path / "memory").read_bytes()
    assert read_video(tmp_path / "file").audio is not None


def test_the_same_bytes_each_time(tmp_path: Path) -> None:
    """x264 by itself gives others now and then for pictures as small as these."""
    for i in range(6):
        write_segment(tmp_path / str(i), planes_of(to_bytes(moving(120))), Fraction(15))
    assert len({(tmp_path / str(i)).read_bytes() for i in range(6)}) == 1


def test_nothing_else_is_left(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", Clip(moving(3), Fraction(15)), metadata={"prompt": "{}"})
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.metadata["prompt"] == "{}"


@pytest.mark.parametrize(
    ("given", "written"),
    [
        (Fraction(15), Fraction(15)),
        (Fraction(30000 / 1001), Fraction(30000, 1001)),
        (Fraction(23.976023976023978), Fraction(24000, 1001)),
        (Fraction(12.5), Fraction(25, 2)),
        (Fraction(29.97), Fraction(2997, 100)),
    ],
)
def test_rates(given: Fraction, written: Fraction) -> None:
    assert as_encoded(given) == written


@pytest.mark.parametrize("size", [1, 7, 100])
def test_frames_some_at_a_time(size: int, tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", Clip(moving(23), Fraction(15)))
    whole = read_video(tmp_path / "a.mp4").frames
    for skip in (0, 5, 23, 40):
        reader = FrameReader(tmp_path / "a.mp4", skip=skip)
        chunks = []
        while (chunk := reader.take(size)) is not None:
            chunks.append(chunk)
        found = torch.cat(chunks) if chunks else whole[:0]
        assert torch.equal(found, whole[skip:])
        reader.close()


def test_some_frames_and_the_number_of_all(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", Clip(moving(23), Fraction(15)))
    whole = read_video(tmp_path / "a.mp4").frames
    found, count = read_some(tmp_path / "a.mp4", [0, 7, 22, 30])
    assert count == 23
    assert torch.equal(found, whole[[0, 7, 22]])
