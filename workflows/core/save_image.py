"""Save Image: a PNG for each image, which carries the graph."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ...engines.errors import MediaError
from ...engines.files import atomic_write
from ...nodes.standin import host, io, ui
from ...nodes.standin.prefix import filled_in
from ...nodes.streaming import Folder, Rule, Saves, Values
from .carried import carried_graph
from .pixels import save_png


class _Pictures(Folder):
    """PNGs that get consecutive names when all are there.

    path: that of the first
    """

    _first = 0

    def write(self, values: Values) -> None:
        self.folder.mkdir(exist_ok=True)
        for image in values["images"]:
            path = self.folder / f"{self.frame_count}.png"
            save_png(image, path, self.carried)
            self.unsynced.append(path)
            self.frame_count += 1

    def prepare(self) -> None:
        """Choose consecutive numbers, from that of the path on unless they are taken by now."""
        stem, self._first = self._numbered(self.path)
        pattern = re.compile(re.escape(stem) + r"_(\d+)_?", re.IGNORECASE)
        taken = [
            int(found[1])
            for path in self.path.parent.iterdir()
            if path != self.parts and (found := pattern.match(path.name))
        ]
        if any(self._first <= number < self._first + self.frame_count for number in taken):
            self._first = max(taken) + 1

    def mark(self) -> dict[str, Any]:
        return {**super().mark(), "first": self._first}

    def resume(self, mark: Mapping[str, Any]) -> None:
        self._first = mark["first"]
        if not self._first:  # else they are being renamed
            super().resume(mark)
        self.frame_count = mark["frames"]

    @staticmethod
    def _numbered(path: Path) -> tuple[str, int]:
        found = re.fullmatch(r"(.*)_(\d+)_", path.stem)
        assert found is not None  # as `host.save_path` makes them
        return found[1], int(found[2])

    def finish(self) -> tuple[Path, ...]:
        stem, _ = self._numbered(self.path)
        names = [
            self.path.with_name(f"{stem}_{self._first + i:05}_.png")
            for i in range(self.frame_count)
        ]
        for i, name in enumerate(names):
            part = self.folder / f"{i}.png"
            if part.exists():
                if name.exists():
                    raise MediaError(
                        f"{name}: was created meanwhile; move it away, and run the same command "
                        "again"
                    )
                shutil.move(part, name)
        self.text = "\n".join(map(str, names))
        return tuple(names)


class SaveImage(io.ComfyNode):
    """Writes a PNG for each image, which carries the graph."""

    STREAMING = Rule("sink", ("images",), saves=Saves(_Pictures, suffix=".png"), shows="images")
    ORDER = 60

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SaveImage",
            display_name="Save Image",
            category="image",
            is_output_node=True,
            inputs=[
                io.Image.Input("images", tooltip="The images to save."),
                io.String.Input("filename_prefix", default="ComfyUI"),
            ],
        )

    @classmethod
    def execute(cls, images: Tensor, filename_prefix: str) -> io.NodeOutput:
        paths = []
        # once for all images: the second may change between two
        prefix = filled_in(filename_prefix, (images.shape[1], images.shape[2]))
        carried = carried_graph(cls.hidden)
        step = host.progress(len(images))
        for image in images:
            path = host.save_path(prefix, ".png")
            with atomic_write(path) as aside:
                save_png(image, aside, carried)
            paths.append(str(path))
            step(1)
        return io.NodeOutput(ui=ui.PreviewText("\n".join(paths)))
