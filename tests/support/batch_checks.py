"""Inputs for tests of batches, and checks of a batch's output that do not use Kinograph."""

import hashlib
import json
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

COPY = {
    "1": {"class_type": "LoadVideo", "inputs": {"file": "any.mp4"}},
    "2": {"class_type": "GetVideoComponents", "inputs": {"video": ["1", 0]}},
    "3": {
        "class_type": "SaveImage",
        "inputs": {"images": ["2", 0], "filename_prefix": "frames/f"},
    },
}
PICTURE = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "any.png"}},
    "2": {
        "class_type": "ImageScale",
        "inputs": {
            "image": ["1", 0],
            "upscale_method": "area",
            "width": 8,
            "height": 4,
            "crop": "disabled",
        },
    },
    "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "small"}},
}


def footage(path: Path, frames: int = 3) -> Path:
    """Write a video whose frames all differ; return `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height = 32, 16
        for number in range(frames):
            pixels = np.full((16, 32, 3), 7 * number % 256, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
        container.mux(stream.encode(None))
    return path


def picture(path: Path, colour: tuple[int, int, int] = (10, 20, 30)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 8), colour).save(path)
    return path


def files_of(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return modification time and content of the visible files of an output folder, by name."""
    return {
        p.relative_to(folder).as_posix(): (p.stat().st_mtime_ns, p.read_bytes())
        for p in sorted(folder.rglob("*"))
        if p.is_file() and not p.name.startswith((".", "manifest."))
    }


def listed(folder: Path) -> list[dict[str, Any]]:
    """Return the entries of the manifest, read as plain JSON."""
    data: list[dict[str, Any]] = json.loads((folder / "manifest.json").read_text())["inputs"]
    return data


def entries(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the entries of the manifest by the input's file name."""
    return {Path(entry["path"]).name: entry for entry in listed(folder)}


def verified(folder: Path) -> int:
    """Check size and SHA-256 of every output of the manifest; return the number of outputs."""
    outputs = [output for entry in listed(folder) for output in entry["outputs"]]
    for output in outputs:
        data = (folder / output["path"]).read_bytes()
        assert len(data) == output["bytes"]
        assert hashlib.sha256(data).hexdigest() == output["sha256"]
    # There are no other files, no duplicates and no partial ones.
    assert list(folder.glob(".*attempt*")) == []
    assert sorted(output["path"] for output in outputs) == sorted(files_of(folder))
    return len(outputs)
