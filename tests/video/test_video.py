"""Reading and writing real video files, whole ones and broken ones."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from kinograph.engines.errors import MediaError
from kinograph.engines.files import atomic_write
from kinograph.engines.video.clip import Audio, Clip
from kinograph.engines.video.encoding import padded
from kinograph.engines.video.read import read_video, video_size
from kinograph.engines.video.write import write_video
from video_files import cut, remux


def moving(frames: int = 9, height: int = 48, width: int = 64) -> torch.Tensor:
    """A bright square that travels: compresses well, and every frame is its own."""
    clip = torch.full((frames, height, width, 3), 0.2)
    for i in range(frames):
        clip[i, 16:32, 4 * i : 4 * i + 16] = torch.tensor([0.9, 0.6, 0.1])
    return clip


def tone(seconds: float, channels: int = 2) -> Audio:
    t = torch.arange(int(seconds * 44100)) / 44100
    wave = 0.5 * torch.sin(2 * torch.pi * 440 * t)
    return Audio(wave.expand(1, channels, -1).clone(), 44100)


def test_the_shipped_clip(clip: Clip, clip_path: Path) -> None:
    assert clip.frames.shape == (33, 464, 832, 3)
    assert clip.frames.dtype == torch.float32
    assert clip.rate == 15
    assert clip.audio is None
    assert video_size(clip_path) == (464, 832)
    with av.open(str(clip_path)) as container:
        for i, frame in enumerate(container.decode(video=0)):
            wanted = torch.from_numpy(frame.to_ndarray(format="rgb24")) / 255
            assert torch.equal(clip.frames[i], wanted)


@pytest.mark.parametrize("rate", [Fraction(15), Fraction(24), Fraction(30000, 1001)])
def test_there_and_back(tmp_path: Path, rate: Fraction) -> None:
    path = tmp_path / "new" / "ümläut and space.mp4"
    done: list[int] = []
    write_video(path, Clip(moving(), rate), metadata={"prompt": "{}"}, progress=done.append)
    assert sum(done) == 9
    back = read_video(path)
    assert back.frames.shape == (9, 48, 64, 3)
    assert float((back.frames - moving()).abs().mean()) < 0.02
    assert abs(back.rate - rate) < Fraction(1, 1000)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        assert container.metadata["prompt"] == "{}"


@pytest.mark.parametrize("channels", [1, 2])
def test_sound_is_kept_and_no_longer_than_the_picture(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "sound.mp4"
    write_video(path, Clip(moving(30), Fraction(15), tone(5, channels)))
    sound = read_video(path).audio
    assert sound is not None
    assert sound.rate == 44100
    assert sound.waveform.shape[1] == channels
    assert sound.waveform.shape[2] / 44100 == pytest.approx(2, abs=0.06)
    loud = sound.waveform[0, 0, 10000:40000]
    spectrum = torch.fft.rfft(loud).abs()
    assert float(spectrum.argmax()) * 44100 / 30000 == pytest.approx(440, abs=2)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"no.mp4: expected a video file, but it does not exist"):
        read_video(tmp_path / "no.mp4")
    with pytest.raises(MediaError, match=r"expected pictures .* but there are none in it"):
        read_video(tmp_path)


def test_files_that_are_no_video(tmp_path: Path) -> None:
    path = tmp_path / "noise.mp4"
    for content in (b"", b"hello", np.random.default_rng(0).bytes(5000)):
        path.write_bytes(content)
        with pytest.raises(MediaError, match=r"noise.mp4: is not a video that FFmpeg can read"):
            read_video(path)


def test_audio_only(tmp_path: Path) -> None:
    path = tmp_path / "song.m4a"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        wave = tone(0.5, 1).waveform[0].numpy()
        frame = av.AudioFrame.from_ndarray(wave, format="flt", layout="mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(MediaError, match=r"song.m4a: has no video stream, only audio"):
        read_video(path)


@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.9, 0.99])
def test_a_truncated_file(tmp_path: Path, clip_path: Path, part: float) -> None:
    """Wherever the file ends, the message names it; frames are never dropped in silence."""
    path = cut(clip_path, tmp_path / "cut.mp4", part)
    with pytest.raises(MediaError, match=r"cut.mp4: (is not a video|breaks off)"):
        read_video(path)


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_a_truncated_file_with_its_index_in_front(
    tmp_path: Path, clip_path: Path, part: float
) -> None:
    whole = remux(clip_path, tmp_path / "whole.mp4", options={"movflags": "faststart"})
    path = cut(whole, tmp_path / "cut.mp4", part)
    with pytest.raises(MediaError, match=r"cut.mp4: breaks off .* frames"):
        read_video(path)


def test_a_video_without_frames(tmp_path: Path) -> None:
    path = tmp_path / "empty.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=15)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    with pytest.raises(MediaError, match=r"empty.avi: "):
        read_video(path)


def test_odd_sides_are_padded_by_repeating_the_edge(tmp_path: Path) -> None:
    frames = torch.zeros(2, 47, 33, 3)
    frames[:, -8:, -8:] = 1.0  # a white corner
    write_video(tmp_path / "odd.mp4", Clip(frames, Fraction(15)))
    found = read_video(tmp_path / "odd.mp4")
    assert found.frames.shape == (2, 48, 34, 3)
    assert found.frames[:, -4:, -4:].mean() > 0.95
    assert padded(47, 33).startswith("padded from 33x47 to 34x48")
    assert not padded(48, 34)


def test_no_frames_leave_no_file(tmp_path: Path) -> None:
    path = tmp_path / "none.mp4"
    with pytest.raises(MediaError, match=r"no frames to write"):
        write_video(path, Clip(torch.zeros(0, 48, 32, 3), Fraction(15)))
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_survives_a_failed_write(tmp_path: Path) -> None:
    path = tmp_path / "keep.txt"
    path.write_text("old")

    def fail_half_way() -> None:
        with atomic_write(path) as aside:
            aside.write_text("half")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail_half_way()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["keep.txt"]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MediaError, match=r"cannot be written .* choose another output folder"):
        write_video(tmp_path / "file" / "a.mp4", Clip(moving(), Fraction(15)))


def test_more_frames_than_memory(clip_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sysconf", lambda name: 2**12)  # 16 MiB of memory
    with pytest.raises(
        MediaError, match=r"people.mp4: its frames need .* GiB of memory, and there are 0"
    ):
        read_video(clip_path)


def test_the_picture_size_must_not_change(tmp_path: Path) -> None:
    path = tmp_path / "change.mjpeg"
    data = b""
    for size in ((64, 48), (32, 48)):
        single = tmp_path / "one.jpg"
        with av.open(str(single), "w", format="mjpeg") as container:
            stream = container.add_stream("mjpeg", rate=1)
            stream.width, stream.height, stream.pix_fmt = *size, "yuvj420p"
            frame = av.VideoFrame.from_ndarray(
                np.zeros((size[1], size[0], 3), np.uint8), format="rgb24"
            )
            container.mux(stream.encode(frame.reformat(format="yuvj420p")))
            container.mux(stream.encode(None))
        data += single.read_bytes()
    path.write_bytes(data)
    with pytest.raises(MediaError, match="picture size changes at frame 1 from 64x48 to 32x48"):
        read_video(path)
