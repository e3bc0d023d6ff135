"""Headless forms of ComfyUI's core nodes (tests/comfyui compares them with the real ones)."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from kinograph.engines.errors import MediaError
from kinograph.nodes.standin import host
from kinograph.workflows import core_nodes


@pytest.mark.parametrize("method", ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"])
@pytest.mark.parametrize(("crop", "size"), [("disabled", (20, 30)), ("center", (40, 16))])
def test_image_scale(method: str, crop: str, size: tuple[int, int]) -> None:
    image = torch.rand(2, 32, 48, 3)
    width, height = size
    scaled = core_nodes.ImageScale.execute(image, method, width, height, crop).args[0]
    assert scaled.shape == (2, height, width, 3)
    keep = core_nodes.ImageScale.execute(image, method, 0, 0, crop).args[0]
    assert keep is image
    half = core_nodes.ImageScale.execute(image, method, 24, 0, crop).args[0]
    assert half.shape == (2, 16, 24, 3)


def test_load_image_alpha_is_the_mask(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (6, 4), (255, 0, 0, 255))
    picture.putpixel((2, 1), (0, 255, 0, 0))
    picture.save(tmp_path / "a.png")
    with host.using(host.Settings(inputs=(tmp_path,))):
        image, mask = core_nodes.LoadImage.execute("a.png").args
    assert image.shape == (1, 4, 6, 3)
    assert float(mask[0, 1, 2]) == 1
    assert float(mask.sum()) == 1


def test_load_image_without_alpha_and_turned(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6  # to be turned by a quarter
    Image.new("RGB", (6, 4)).save(tmp_path / "a.jpg", exif=exif)
    image, mask = core_nodes.LoadImage.execute(str(tmp_path / "a.jpg")).args
    assert image.shape == (1, 6, 4, 3)
    assert mask.shape == (1, 64, 64)
    assert not mask.any()


def test_load_image_takes_every_frame_of_an_animation(tmp_path: Path) -> None:
    pages = [Image.new("RGB", (8, 8), (i * 80, 0, 0)) for i in range(3)]
    pages[0].save(tmp_path / "a.gif", save_all=True, append_images=pages[1:])
    image, _ = core_nodes.LoadImage.execute(str(tmp_path / "a.gif")).args
    assert image.shape == (3, 8, 8, 3)


@pytest.mark.parametrize("content", [b"", b"text", b"\x89PNG\r\n\x1a\n\x00\x00"])
def test_load_image_that_is_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(MediaError, match=r"a.png: is not an image, or is damaged"):
        core_nodes.LoadImage.execute(str(path))


def test_save_image_counts_and_cuts_to_bytes(tmp_path: Path) -> None:
    images = torch.full((2, 4, 4, 3), 0.999)
    with host.using(host.Settings(output=tmp_path)):
        for _ in range(2):
            core_nodes.SaveImage.execute(images, "sub/x")
    names = sorted(p.name for p in (tmp_path / "sub").iterdir())
    assert names == [f"x_0000{i}_.png" for i in (1, 2, 3, 4)]
    assert int(np.asarray(Image.open(tmp_path / "sub" / names[0])).max()) == 254


def test_a_video_that_is_passed_through_is_copied(tmp_path: Path, clip_path: Path) -> None:
    with host.using(host.Settings(output=tmp_path)):
        video = core_nodes.LoadVideo.execute(str(clip_path)).args[0]
        core_nodes.SaveVideo.execute(video, "copy", "auto", "auto")
    assert (tmp_path / "copy_00001_.mp4").read_bytes() == clip_path.read_bytes()


@pytest.mark.parametrize(
    ("source", "text"), [("a", "a"), (3, "3"), ({"x": 1}, '{\n    "x": 1\n}'), (Path("/"), "/")]
)
def test_preview_any(source: object, text: str) -> None:
    assert core_nodes.PreviewAny.execute(source).ui.value == text


def test_primitives() -> None:
    by_id = {node.define_schema().node_id: node for node in core_nodes.CORE_NODES}
    assert by_id["PrimitiveInt"].execute(3).args == (3,)
    assert by_id["PrimitiveString"].execute("x").args == ("x",)
