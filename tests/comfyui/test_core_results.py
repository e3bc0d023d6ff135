"""Core nodes give what ComfyUI's own give: the same graph in both, pictures and texts compared."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from comfyui_server import ComfyUI
from core_graphs import run_nodes, texts_of

pytestmark = pytest.mark.comfyui

Nodes = dict[str, tuple[str, dict[str, Any]]]
PICTURE, OTHER, MASK = ["l", 0], ["o", 0], ["m", 0]
METHODS = ("nearest-exact", "bilinear", "area", "bicubic", "lanczos")
FLAGS = {"case_insensitive": True, "multiline": True, "dotall": False}
TEXT = "Shot_01 take_2\nshot_03 take_4"
BASE: Nodes = {
    "l": ("LoadImage", {"image": "core.png"}),
    "o": ("ImageScale", {"image": PICTURE, "upscale_method": "area", "width": 17, "height": 13}),
    "m": ("ImageToMask", {"image": PICTURE, "channel": "green"}),
}
BASE["o"][1]["crop"] = "center"

# The node, its inputs, and which of its outputs are images, masks or values.
CASES: dict[str, tuple[str, dict[str, Any], str]] = {
    **{
        f"ImageScaleBy {how}": (
            "ImageScaleBy",
            {"image": PICTURE, "upscale_method": how, "scale_by": 1.37},
            "i",
        )
        for how in METHODS
    },
    "ImageScaleToTotalPixels": (
        "ImageScaleToTotalPixels",
        {"image": PICTURE, "upscale_method": "bicubic", "megapixels": 0.01},
        "i",
    ),
    "ImageScaleToMaxDimension": (
        "ImageScaleToMaxDimension",
        {"image": PICTURE, "upscale_method": "lanczos", "largest_size": 31},
        "i",
    ),
    "ResizeAndPadImage": (
        "ResizeAndPadImage",
        {
            "image": PICTURE,
            "target_width": 50,
            "target_height": 50,
            "padding_color": "white",
            "interpolation": "area",
        },
        "i",
    ),
    "GetImageSize": ("GetImageSize", {"image": PICTURE}, "vvv"),
    "ImageFromBatch": ("ImageFromBatch", {"image": PICTURE, "batch_index": 5, "length": 2}, "i"),
    "RepeatImageBatch": ("RepeatImageBatch", {"image": PICTURE, "amount": 2}, "i"),
    **{
        f"ImageStitch {way} {match}": (
            "ImageStitch",
            {
                "image1": PICTURE,
                "image2": OTHER,
                "direction": way,
                "match_image_size": match,
                "spacing_width": 3,
                "spacing_color": "red",
            },
            "i",
        )
        for way in ("right", "up")
        for match in (True, False)
    },
    "ImageCompositeMasked": (
        "ImageCompositeMasked",
        {
            "destination": PICTURE,
            "source": OTHER,
            "x": 30,
            "y": 3,
            "resize_source": False,
            "mask": MASK,
        },
        "i",
    ),
    "ImagePadForOutpaint": (
        "ImagePadForOutpaint",
        {"image": PICTURE, "left": 8, "top": 16, "right": 0, "bottom": 0, "feathering": 9},
        "im",
    ),
    "ImageInvert": ("ImageInvert", {"image": PICTURE}, "i"),
    "EmptyImage": (
        "EmptyImage",
        {"width": 5, "height": 4, "batch_size": 2, "color": 0x12AB34},
        "i",
    ),
    "SolidMask": ("SolidMask", {"value": 0.3, "width": 5, "height": 4}, "m"),
    "MaskToImage": ("MaskToImage", {"mask": MASK}, "i"),
    "InvertMask": ("InvertMask", {"mask": MASK}, "m"),
    "GrowMask": ("GrowMask", {"mask": MASK, "expand": 3, "tapered_corners": True}, "m"),
    "GrowMask less": ("GrowMask", {"mask": MASK, "expand": -2, "tapered_corners": False}, "m"),
    **{
        f"MaskComposite {operation}": (
            "MaskComposite",
            {"destination": MASK, "source": MASK, "x": 5, "y": 3, "operation": operation},
            "m",
        )
        for operation in ("multiply", "add", "subtract", "and", "or", "xor")
    },
    # Before 0.33 ComfyUI took the wrong rows and columns on the right and at the bottom.
    "FeatherMask": (
        "FeatherMask",
        {"mask": MASK, "left": 9, "top": 99, "right": 0, "bottom": 0},
        "m",
    ),
    "ThresholdMask": ("ThresholdMask", {"mask": MASK, "value": 0.4}, "m"),
    "SplitImageWithAlpha": ("SplitImageWithAlpha", {"image": PICTURE}, "im"),
    "JoinImageWithAlpha": ("JoinImageWithAlpha", {"image": PICTURE, "alpha": MASK}, "i"),
    "Canny": ("Canny", {"image": PICTURE, "low_threshold": 0.1, "high_threshold": 0.3}, "i"),
    "StringConcatenate": (
        "StringConcatenate",
        {"string_a": "a", "string_b": "b", "delimiter": "-"},
        "v",
    ),
    "StringSubstring": ("StringSubstring", {"string": TEXT, "start": 2, "end": -3}, "v"),
    "StringLength": ("StringLength", {"string": TEXT}, "v"),
    "StringTrim": ("StringTrim", {"string": " a ", "mode": "Right"}, "v"),
    "StringReplace": ("StringReplace", {"string": TEXT, "find": "o", "replace": "00"}, "v"),
    "StringContains": (
        "StringContains",
        {"string": TEXT, "substring": "SHOT", "case_sensitive": False},
        "v",
    ),
    "StringCompare": (
        "StringCompare",
        {"string_a": TEXT, "string_b": "shot", "mode": "Starts With", "case_sensitive": True},
        "v",
    ),
    "RegexMatch": ("RegexMatch", {"string": TEXT, "regex_pattern": "^SHOT", **FLAGS}, "v"),
    **{
        f"RegexExtract {mode}": (
            "RegexExtract",
            {
                "string": TEXT,
                "regex_pattern": r"shot_(\d+) (t\w+)",
                "mode": mode,
                "group_index": 2,
                **FLAGS,
            },
            "v",
        )
        for mode in ("First Match", "All Matches", "First Group", "All Groups")
    },
    "RegexReplace": (
        "RegexReplace",
        {"string": TEXT, "regex_pattern": r"_(\d)", "replace": r"<\1>", "count": 2, **FLAGS},
        "v",
    ),
}


def graph() -> Nodes:
    """All cases in one graph; what each gives is saved or shown."""
    nodes = dict(BASE)
    for number, (kind, inputs, outputs) in enumerate(CASES.values()):
        id_ = f"n{number}"
        nodes[id_] = (kind, inputs)
        for slot, output in enumerate(outputs):
            link: list[Any] = [id_, slot]
            if output == "v":
                nodes[f"{id_}v{slot}"] = ("PreviewAny", {"source": link})
                continue
            if output == "m":
                nodes[f"{id_}c{slot}"] = ("MaskToImage", {"mask": link})
                link = [f"{id_}c{slot}", 0]
            prefix = f"core/{id_}x{slot}x"
            nodes[f"{id_}s{slot}"] = ("SaveImage", {"images": link, "filename_prefix": prefix})
    return nodes


def pixels(folder: Path) -> dict[str, Any]:
    """Every picture, by name."""
    found = {}
    for path in sorted(folder.glob("*.png")):
        with Image.open(path) as picture:
            found[path.name] = np.asarray(picture).astype(int)
    return found


@pytest.fixture(scope="module")
def both(comfy: ComfyUI, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, Any]]:
    """What both give: texts by node, pictures by name."""
    here = tmp_path_factory.mktemp("here")
    made = np.random.default_rng(0)
    noise = made.integers(0, 256, (12, 15, 3), dtype=np.uint8)
    picture = Image.fromarray(noise).resize((45, 36), Image.Resampling.BICUBIC)
    picture.save(here / "core.png")
    comfy.place_input(here / "core.png")
    nodes = graph()
    data = {id_: {"class_type": kind, "inputs": inputs} for id_, (kind, inputs) in nodes.items()}
    shown = comfy.run(json.loads(json.dumps(data)))
    report = run_nodes(nodes, here / "out", here)
    assert report.ok, report.errors
    said = texts_of(report)
    texts = {
        id_: (said[id_], shown[id_]["text"][0])
        for id_, (kind, _) in nodes.items()
        if kind == "PreviewAny"
    }
    ours, theirs = (pixels(folder / "core") for folder in (here / "out", comfy.base / "output"))
    assert ours.keys() == theirs.keys()
    return {**texts, **{name: (ours[name], theirs[name]) for name in ours}}


@pytest.mark.parametrize("case", CASES)
def test_the_same_results(case: str, both: dict[str, tuple[Any, Any]]) -> None:
    id_ = f"n{list(CASES).index(case)}"
    found = {name: pair for name, pair in both.items() if name.startswith((f"{id_}v", f"{id_}x"))}
    assert found
    for name, (ours, theirs) in found.items():
        if isinstance(ours, str):
            assert ours == theirs
            continue
        assert ours.shape == theirs.shape, name
        if case == "Canny":  # the last bits of its sums decide at a threshold
            assert (ours != theirs).mean() < 0.01
        else:
            assert np.abs(ours - theirs).max() <= 1, name
