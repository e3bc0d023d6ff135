"""Graphs out of the metadata of pictures and videos; what strangers put there is refused."""

import json
import zlib
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from editor_cases import FOLDER, case, meaning, recording
from kinograph.engines.errors import GraphError
from kinograph.workflows.graph.load import load_graph
from kinograph.workflows.graph.model import graph_as_json


@pytest.mark.parametrize("names", [("prompt",), ("workflow",), ("prompt", "workflow")])
def test_a_png_gives_the_graph_that_it_carries(tmp_path: Path, names: tuple[str, ...]) -> None:
    forms = {"prompt": json.loads(recording("core_nodes").read_text()), "workflow": CORE}
    info = PngImagePlugin.PngInfo()
    for name in names:
        info.add_text(name, json.dumps(forms[name]))
    Image.new("RGB", (4, 4)).save(tmp_path / "made.png", pnginfo=info)
    graph = load_graph(tmp_path / "made.png")
    assert graph.source.endswith("made.png")
    assert meaning(graph_as_json(graph)) == forms["prompt"]


CORE = case("core_nodes")


@pytest.mark.parametrize("suffix", ["webp", "jpg"])
@pytest.mark.parametrize("names", [("prompt",), ("workflow",), ("workflow", "prompt")])
def test_a_picture_gives_the_graph_in_its_exif_data(
    tmp_path: Path, suffix: str, names: tuple[str, ...]
) -> None:
    forms = {"prompt": json.loads(recording("core_nodes").read_text()), "workflow": CORE}
    exif = Image.Exif()
    for tag, name in zip((0x010F, 0x0110), names, strict=False):
        exif[tag] = f"{name}:{json.dumps(forms[name])}"
    path = tmp_path / f"made.{suffix}"
    Image.new("RGB", (4, 4)).save(path, exif=exif)
    assert meaning(graph_as_json(load_graph(path))) == forms["prompt"]


def test_a_webp_of_comfyui_gives_its_graph() -> None:
    graph = load_graph(FOLDER / "frontend_1_58" / "graph_in_exif.webp")
    assert graph.nodes["1"].class_type == "LoadVideo"


def test_pictures_without_a_graph_are_refused(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "plain.webp")
    with pytest.raises(GraphError, match=r"plain\.webp: carries no graph"):
        load_graph(tmp_path / "plain.webp")
    (tmp_path / "text.webp").write_text("{}")
    with pytest.raises(GraphError, match=r"text\.webp: is not a picture, despite its name"):
        load_graph(tmp_path / "text.webp")


@pytest.mark.parametrize("packed", [False, True])
def test_a_png_gives_texts_of_every_kind(tmp_path: Path, packed: bool) -> None:
    """In letters of any script, after the pixels too."""
    data = {**CORE, "extra": {"title": "夏休み"}}
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "Grün", zip=packed)
    info.add_itxt("workflow", json.dumps(data, ensure_ascii=False), "ja", "名", zip=packed)
    path = tmp_path / "made.png"
    Image.new("RGB", (4, 4)).save(path, pnginfo=info)
    graph = load_graph(path)
    assert graph.workflow == data
    assert meaning(graph_as_json(graph)) == json.loads(recording("core_nodes").read_text())
    Image.new("RGB", (4, 4)).save(path)
    text = b"workflow\0" + json.dumps(CORE).encode()
    written = path.read_bytes()
    path.write_bytes(written[:-12] + chunk(b"tEXt", text) + written[-12:])
    assert load_graph(path).workflow == CORE


def chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data).to_bytes(4, "big")
    return len(data).to_bytes(4, "big") + kind + data + check


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (chunk(b"zTXt", b"prompt\0\0" + zlib.compress(bytes(65 * 2**20))), "longer than 67108864"),
        (chunk(b"zTXt", b"prompt\0\0" + zlib.compress(b"{}")[:-3]), "truncated"),
        (chunk(b"zTXt", b"prompt\0\0nothing packed"), "damaged PNG"),
        (chunk(b"iTXt", b"prompt\0\0\0\0\0\xff"), "damaged PNG"),
        (b"\x7f\xff\xff\xfftEXtprompt\0{}", "a text chunk of 2147483647 bytes"),
        (b"\x00\x00\x00\xfftEXtprompt\0{", "is not JSON"),
        (b"\x00\x00", "carries no graph"),
    ],
)
def test_a_png_that_unpacks_without_end_or_is_cut_off(
    tmp_path: Path, text: bytes, message: str
) -> None:
    size = (2**31 - 1).to_bytes(4, "big")
    head = chunk(b"IHDR", size + size + b"\x08\x02\0\0\0")  # its pixels would fill any memory
    path = tmp_path / "bomb.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + text + chunk(b"IEND", b""))
    with pytest.raises(GraphError, match=message):
        load_graph(path)


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
@pytest.mark.parametrize("form", ["tags", "comment", "comment of texts"])
def test_a_video_gives_the_graph_that_it_carries(tmp_path: Path, suffix: str, form: str) -> None:
    prompt = json.loads(recording("core_nodes").read_text())
    tags = {
        "tags": {"prompt": json.dumps(prompt), "workflow": "{}"},
        "comment": {"comment": json.dumps({"workflow": CORE})},
        "comment of texts": {"comment": json.dumps({"prompt": json.dumps(prompt)})},
    }[form]
    path = video(tmp_path / f"made{suffix}", tags)
    assert meaning(graph_as_json(load_graph(path))) == prompt


def video(path: Path, tags: dict[str, str]) -> Path:
    options = {"movflags": "use_metadata_tags"} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=options) as container:
        container.metadata.update(tags)
        stream = container.add_stream("libvpx" if path.suffix == ".webm" else "mpeg4", rate=8)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_media_without_a_graph_are_refused_with_what_they_carry(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "bare.png")
    with pytest.raises(GraphError, match=r"bare.png: carries no graph: .* found none"):
        load_graph(tmp_path / "bare.png")
    with pytest.raises(GraphError, match="carries no graph"):
        load_graph(video(tmp_path / "bare.mp4", {"comment": "hello"}))
    for name in ("broken.png", "broken.mp4"):
        (tmp_path / name).write_bytes(b"not what the name says")
        with pytest.raises(GraphError, match=f"{name}: is not a"):
            load_graph(tmp_path / name)
    info = PngImagePlugin.PngInfo()
    info.add_text("prompt", "{")
    Image.new("RGB", (4, 4)).save(tmp_path / "half.png", pnginfo=info)
    with pytest.raises(GraphError, match=r"half.png, prompt in its metadata: is not JSON"):
        load_graph(tmp_path / "half.png")
    with pytest.raises(GraphError, match="there is no such file"):
        load_graph(tmp_path / "none.png")


def test_a_comment_that_is_nested_beyond_any_use_is_no_graph(tmp_path: Path) -> None:
    held = json.dumps({"prompt": json.loads('{"a":' * 300 + "1" + "}" * 300)})
    with pytest.raises(GraphError, match="carries no graph"):
        load_graph(video(tmp_path / "deep.mp4", {"comment": held}))
