"""Save Image (Advanced): a PNG of 8 or 16 bits or an EXR for each image."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engines.errors import InputError, MediaError
from ...engines.files import atomic_write
from ...nodes.standin import host, io, ui
from ...nodes.standin.prefix import filled_in
from ...nodes.streaming import Rule, Saves, Values
from .carried import carried_graph
from .pictures import Pictures
from .pixels import save_png

if TYPE_CHECKING:
    from torch import Tensor

_DEPTHS = {"png": ("8-bit", "16-bit"), "exr": ("32-bit float",)}
_SPACES = {"png": ("sRGB",), "exr": ("sRGB", "HDR", "linear")}
# Pixel formats of 16 bits by the number of channels: of NumPy's numbers, and of PNG's.
_DEEP = {1: ("gray16le", "gray16be"), 3: ("rgb48le", "rgb48be"), 4: ("rgba64le", "rgba64be")}
_CHANNELS = {1: "Y", 3: "RGB", 4: "RGBA"}
# Red, green, blue and white of Rec. 709 and Rec. 2020: CIE 1931 x and y.
_REC_709 = (0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329)
_REC_2020 = (0.708, 0.292, 0.17, 0.797, 0.131, 0.046, 0.3127, 0.329)


def _save(image: Tensor, path: Path, format: Mapping[str, Any], carried: Mapping[str, str]) -> None:
    """Write an image [H,W,C] as the options say, with `carried` as its metadata.

    Raises `InputError` for a number of channels that no picture has.
    """
    channels = image.shape[-1]
    if channels not in _CHANNELS:
        raise InputError(f"images: expected 1, 3 or 4 channels, found {channels}")
    space = format.get("input_color_space", "sRGB")
    if format["format"] == "exr":
        _save_exr(_linear(image, space), path, space, carried)
    elif format["bit_depth"] == "16-bit":
        path.write_bytes(_deep_png(image, carried))
    else:
        save_png(image[..., 0] if channels == 1 else image, path, carried)


def _linear(image: Tensor, space: str) -> Tensor:
    """Return the image [H,W,C] as scene-linear light; alpha stays."""
    import torch

    colours, alpha = image[..., :3], image[..., 3:]
    if space == "sRGB":
        curve = ((colours.clamp(min=0) + 0.055) / 1.055) ** 2.4
        colours = torch.where(colours <= 0.04045, colours / 12.92, curve)
    elif space == "HDR":  # the inverse of BT.2100's HLG
        curve = (torch.exp((colours.clamp(min=0.5) - 0.55991072928) / 0.17883277) + 0.28466892) / 12
        colours = torch.where(colours <= 0.5, colours**2 / 3, curve)
    return torch.cat([colours, alpha], dim=-1)


def _deep_png(image: Tensor, carried: Mapping[str, str]) -> bytes:
    """Return a PNG of 16 bits, as FFmpeg writes it; Pillow has none with colours."""
    import av
    import numpy as np
    import torch

    given, kept = _DEEP[image.shape[-1]]
    numbers = (image * 65535).clamp(0, 65535).to("cpu", torch.int32).numpy().astype(np.uint16)
    codec = av.CodecContext.create("png", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = image.shape[1], image.shape[0], kept
    codec.time_base = Fraction(1)
    pixels = numbers[..., 0] if image.shape[-1] == 1 else numbers
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=given)
    frame = frame.reformat(format=kept)
    frame.pts = 0
    data = b"".join(bytes(packet) for packet in [*codec.encode(frame), *codec.encode(None)])
    start = 8 + 25  # after the signature and the header
    texts = (
        _png_chunk(b"tEXt", key.encode("latin-1", "replace") + b"\0" + text.encode("latin-1"))
        for key, text in carried.items()
    )
    return data[:start] + b"".join(texts) + data[start:]


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _save_exr(image: Tensor, path: Path, space: str, carried: Mapping[str, str]) -> None:
    import numpy as np
    import OpenEXR
    import torch

    pixels = image.to("cpu", torch.float32).numpy()
    names = _CHANNELS[image.shape[-1]]
    header = {
        "compression": OpenEXR.ZIP_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        "chromaticities": _REC_2020 if space == "HDR" else _REC_709,
        **carried,
    }
    planes = {name: np.ascontiguousarray(pixels[..., i]) for i, name in enumerate(names)}
    try:
        OpenEXR.File(header, planes).write(str(path))
    except RuntimeError as error:
        raise MediaError(f"{path}: cannot be written ({error})") from error


class _Sink(Pictures):
    def save(self, image: Tensor, path: Path, values: Values) -> None:
        _save(image, path, values["format"], self.carried)


class SaveImageAdvanced(io.ComfyNode):
    """Writes a picture for each image, which carries the graph."""

    STREAMING = Rule(
        "sink",
        ("images",),
        saves=Saves(_Sink, suffix=".{}".format, format_input="format"),
        passes="images",
        shows="images",
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        options = [
            io.DynamicCombo.Option(
                name,
                [
                    io.Combo.Input("bit_depth", options=depths, default=depths[0]),
                    io.Combo.Input("input_color_space", options=_SPACES[name], default="sRGB"),
                ],
            )
            for name, depths in _DEPTHS.items()
        ]
        return io.Schema(
            node_id="SaveImageAdvanced",
            display_name="Save Image (Advanced)",
            category="image",
            is_output_node=True,
            inputs=[
                io.Image.Input("images", tooltip="The images to save."),
                io.String.Input("filename_prefix", default="ComfyUI"),
                io.DynamicCombo.Input("format", options),
            ],
            outputs=[io.Image.Output(display_name="images")],
        )

    @classmethod
    def validate_inputs(cls, format: Any = None) -> bool | str:
        name = format["format"]
        if name not in _DEPTHS:
            return f"format: expected one of {', '.join(_DEPTHS)}, found {str(name)[:60]!r}"
        if name == "exr" and find_spec("OpenEXR") is None:
            return "format: exr needs OpenEXR, which is not installed; run: pip install OpenEXR"
        return True

    @classmethod
    def execute(
        cls, images: Tensor, filename_prefix: str, format: Mapping[str, Any]
    ) -> io.NodeOutput:
        paths = []
        # once for all images: the time may change between two
        prefix = filled_in(filename_prefix, (images.shape[1], images.shape[2]))
        carried = carried_graph(cls.hidden)
        step = host.progress(len(images))
        for image in images:
            path = host.save_path(prefix, f".{format['format']}")
            with atomic_write(path) as aside:
                _save(image, aside, format, carried)
            paths.append(str(path))
            step(1)
        return io.NodeOutput(images, ui=ui.PreviewText("\n".join(paths)))
