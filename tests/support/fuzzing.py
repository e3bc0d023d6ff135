"""Give the command what strangers could give it, for some seconds, and check what it does.

python fuzzing.py KIND SEED SECONDS FOLDER [CASE] prints the number of cases, or says what is wrong
with one and exits with status 1; CASE runs that one alone. The answer to any input is: exit status
0 or 2; with 2 a message of bounded length; nothing written outside the output folder; an end within
`_LONGEST` seconds; less than `_MEMORY` bytes of memory.
"""

import contextlib
import faulthandler
import hashlib
import io
import json
import os
import random
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from PIL import Image

from chunked_clips import footage, graph_of, make_poses, make_video, tracks_graph
from kinograph.nodes.standin import host
from kinograph.workflows import cli
from kinograph.workflows.chunked import resumable_run as chunked
from kinograph.workflows.execution.run_graph import run_graph
from kinograph.workflows.graph.model import graph_as_json

_LONGEST = 20  # s of a case
_MEMORY = 2 * 2**30
_MOST_WORDS = 20_000  # characters of all that is said on the error stream

Change = Callable[[random.Random], Any]
_HOSTILE: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1,
    3,
    2**31,
    2**63,
    10**400,
    1e308,
    -0.5,
    float("nan"),
    float("inf"),
    "",
    " ",
    "\0",
    "a\0b",
    "\ud800",
    "x" * 300,
    "é" * 5000,
    "../../above",
    "/dev/zero",
    "/dev/stdin",
    "..",
    ".",
    "%999999999d",
    "%0250d.png",
    "a/b/c",
    "auto",
    "pipe",
    [],
    {},
    [[]],
    ["1", 0],
    ["1", 99],
    ["9", -1],
    {"a": None},
    list(range(2000)),
)


def _changed(data: Any, chance: random.Random) -> Any:
    """Return JSON data with one to four places changed."""
    data = json.loads(json.dumps(data))
    for _ in range(chance.randint(1, 4)):
        holder, key = _place(data, chance)
        if holder is None:
            return deepcopy(chance.choice(_HOSTILE))
        action = chance.randrange(5)
        if action == 0:
            del holder[key]
        elif action == 1 and isinstance(holder, dict):
            holder[chance.choice(["1", "x", "class_type", "é" * 300, "\ud800"])] = deepcopy(
                holder[key]
            )
        elif action == 2:
            deep: Any = holder[key]
            for _ in range(chance.choice([1, 3, 150, 250])):
                deep = [deep] if chance.random() < 0.5 else {"a": deep}
            holder[key] = deep
        else:
            holder[key] = deepcopy(chance.choice(_HOSTILE))
    return data


def _place(data: Any, chance: random.Random) -> tuple[Any, Any]:
    """Return a list or an object somewhere in the data, and a key in it."""
    holder, key = None, None
    while isinstance(data, list | dict) and data and (holder is None or chance.random() < 0.8):
        holder = data
        key = chance.choice(list(data)) if isinstance(data, dict) else chance.randrange(len(data))
        data = holder[key]
    return holder, key


def _damaged(content: bytes, chance: random.Random) -> bytes:
    """Return bytes with some changed, cut off, doubled or put in."""
    data = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 5, 30])):
        if not data:
            break
        at = chance.randrange(len(data))
        near = min(len(data), at + chance.choice([1, 2, 4, 8, 100]))
        action = chance.randrange(6)
        if action == 0:
            data[at] ^= 1 << chance.randrange(8)
        elif action == 1:
            data[at:near] = b"\xff" * (near - at)
        elif action == 2:
            data[at:near] = b"\0" * (near - at)
        elif action == 3:
            data[at:near] = chance.randbytes(near - at)
        elif action == 4:
            data[at:at] = data[at:near]
        elif chance.random() < 0.3:
            del data[at:]
    return bytes(data)


def _written(path: Path, data: Any) -> Path:
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


class Case:
    """One input and its answers.

    folder: new; its subfolder `out` is the output folder
    """

    def __init__(self, folder: Path, chance: random.Random):
        self.folder = folder
        self.out = folder / "out"
        self.chance = chance

    def answer(self, *arguments: str | Path, may: Sequence[int] = (0, 2)) -> int:
        """Run `kinograph` and check its answer; return its exit status."""
        said = io.StringIO()
        words = list(map(str, arguments))
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            try:
                status = cli.main(words)
            except SystemExit as end:  # of argparse
                status = end.code if isinstance(end.code, int) else 1
        text = said.getvalue()
        wrong = ""
        if status not in may:
            wrong = f"exit status {status}"
        elif status == 2 and "kinograph: " not in text:
            wrong = "status 2 without a message"
        elif "Traceback" in text or "internal error" in text:
            wrong = "a traceback"
        elif len(text) > _MOST_WORDS:
            wrong = f"{len(text)} characters"
        if wrong:
            raise AssertionError(f"{wrong}: kinograph {' '.join(words)}\n{text[-3000:]}")
        return status

    def run(self, graph: Any, *more: str) -> int:
        """Run a graph that is given as JSON data."""
        path = _written(self.folder / "graph.json", graph)
        return self.answer("run", path, "--output-dir", self.out, *more)


# --- the kinds: each returns what makes one case of shared material in `folder`


def graphs(folder: Path) -> Callable[[Case], None]:
    Image.new("RGB", (16, 8), (90, 30, 30)).save(folder / "one.png")
    make_video(folder / "clip.mp4", 3)
    make_poses(folder / "poses.safetensors", 3)
    drawn = graph_of(
        {
            **footage("clip.mp4"),
            "p": ("KinographLoadPoses", {"file": "poses.safetensors", "image": ["f", 0]}),
            "d": ("KinographDrawSkeleton", {"poses": ["p", 0]}),
            "x": ("ImageScale", {"image": ["d", 0], "width": 16, "height": 16}),
            "n": ("KinographVaceNormalise", {"image": ["x", 0]}),
            "c": ("CreateVideo", {"images": ["n", 0], "fps": ["f", 2]}),
            "s": ("SaveVideo", {"video": ["c", 0], "filename_prefix": "a/b"}),
            "i": ("SaveImage", {"images": ["x", 0], "filename_prefix": "png/small"}),
        }
    )
    sources = [
        graph_as_json(drawn),
        {
            "1": {"class_type": "LoadImage", "inputs": {"image": "one.png"}},
            "2": {
                "class_type": "SaveImage",
                "inputs": {"images": ["1", 0], "filename_prefix": "x"},
                "_meta": {"title": "Save"},
            },
        },
        *(json.loads(path.read_text()) for path in _shared_graphs()),
    ]

    def one(case: Case) -> None:
        for file in folder.iterdir():
            (case.folder / file.name).symlink_to(file)
        os.mkfifo(case.folder / "pipe")
        graph = _changed(case.chance.choice(sources), case.chance)
        if case.chance.random() < 0.3:
            case.answer("validate", _written(case.folder / "graph.json", graph))
        elif case.chance.random() < 0.3:
            case.run(graph, "--chunk", "2")
        else:
            case.run(graph)

    return one


def _shared_graphs() -> list[Path]:
    """Return editor workflows whose nodes need no model."""
    folder = Path(__file__).parents[1] / "data" / "editor"
    return [folder / f"{name}.json" for name in ("core_nodes", "subgraph_nested", "version_1")]


def journals(folder: Path) -> Callable[[Case], None]:
    make_video(folder / "clip.mp4", 24)
    make_poses(folder / "poses.safetensors", 24)
    Image.new("RGB", (16, 8)).save(folder / "one.png")
    graph = tracks_graph("clip.mp4")
    started = folder / "started"
    for name, calls in (("early", 3), ("late", 10)):
        _interrupted(graph, folder, started / name, calls)
    raw = graph_as_json(graph)

    def one(case: Case) -> None:
        for file in ("clip.mp4", "poses.safetensors", "one.png"):
            (case.folder / file).symlink_to(folder / file)
        begun = started / case.chance.choice(["early", "late"])
        shutil.copytree(begun, case.out)
        for file in case.out.rglob("owner"):  # an absolute path
            file.write_text(file.read_text().replace(str(begun), str(case.out)))
        for _ in range(case.chance.choice([1, 1, 2])):
            _hurt(case)
        arguments = ("--chunk", "5")
        if case.run(raw, *arguments) == 2:
            status = case.run(raw, *arguments, "--restart")
            assert status == 0, "--restart did not help"

    return one


def _interrupted(graph: Any, folder: Path, out: Path, calls: int) -> None:
    """Leave what a run leaves that ends at the given chunk."""
    left = [calls]
    deliver = chunked._Run._deliver

    def deliver_or_stop(self: Any, came: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        deliver(self, came)

    settings = host.Settings(output=out, inputs=(folder,))
    with (
        mock.patch.object(chunked, "_SECONDS", 0.0),
        mock.patch.object(chunked._Run, "_deliver", deliver_or_stop),
        contextlib.suppress(KeyboardInterrupt),
    ):
        run_graph(graph, settings, chunk=4)
    assert list(out.rglob("journal.json")), "nothing was interrupted"


def _hurt(case: Case) -> None:
    """Damage a file of an interrupted run, or put something else in its place."""
    chance = case.chance
    files = sorted(path for path in case.out.rglob("*") if not path.is_dir())
    if not files:
        return
    path = chance.choice(files)
    if chance.random() < 0.4:
        path = chance.choice([p for p in files if p.name == "journal.json"] or files)
    content = path.read_bytes() if path.is_file() else b""
    if path.name == "journal.json" and chance.random() < 0.6:
        with contextlib.suppress(ValueError, RecursionError):
            entry = json.loads(content)
            if chance.random() < 0.7:  # made by someone who knows the checksum
                entry = _changed(entry, chance)
                if isinstance(entry, dict):
                    version = entry.pop("version", None)
                    entry.pop("sha256", None)
                    whole = json.dumps(entry, sort_keys=True).encode()
                    entry = {"version": version, "sha256": _sha256(whole), **entry}
            _written(path, entry)
            return
    path.unlink()
    action = chance.randrange(6)
    if action == 0:
        path.mkdir()
    elif action == 1:
        os.mkfifo(path)
    elif action == 2:
        path.symlink_to(
            chance.choice(["/dev/zero", str(case.folder / "one.png"), str(path), "../nowhere"])
        )
    elif action == 3:
        path.write_bytes(b"[" * 100_000)
    elif action == 4:
        path.write_bytes(_damaged(content, chance))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def containers(folder: Path) -> Callable[[Case], None]:
    data = Path(__file__).parents[1] / "data" / "video"
    make_video(folder / "clip.mp4", 5)
    pages = [Image.new("RGB", (24, 16), (40 * i, 9, 9)) for i in range(3)]
    for suffix in ("png", "gif", "webp", "tiff"):
        pages[0].save(folder / f"a.{suffix}", save_all=True, append_images=pages[1:])
    for suffix in ("jpg", "ppm", "bmp"):
        pages[1].save(folder / f"b.{suffix}")
    files = sorted(folder.iterdir()) + [p for p in sorted(data.iterdir()) if p.is_file()]
    contents = [(path.name, path.read_bytes()) for path in files if path.stat().st_size < 200_000]

    def one(case: Case) -> None:
        name, content = case.chance.choice(contents)
        (case.folder / name).write_bytes(_damaged(content, case.chance))
        is_video = name.endswith(("mp4", "webm", "mkv"))
        if is_video or case.chance.random() < 0.2:
            source = footage(name)
            image = ["f", 0]
        else:
            source = {"f": ("LoadImage", {"image": name})}
            image = ["f", 0]
        graph = graph_of(
            {
                **source,
                "x": ("ImageScale", {"image": image, "width": 16, "height": 16}),
                "s": ("SaveImage", {"images": ["x", 0], "filename_prefix": "x"}),
            }
        )
        more = ("--chunk", "3") if is_video and case.chance.random() < 0.4 else ()
        case.run(graph_as_json(graph), *more)

    return one


def poses(folder: Path) -> Callable[[Case], None]:
    people = [{"pose_keypoints_2d": [float(3 + i % 20) for i in range(54)]}]
    texts: list[tuple[str, Any]] = [
        ("k.json", [{"people": people, "canvas_height": 32, "canvas_width": 48}] * 2),
        (
            "c.json",
            [
                {
                    "image_id": i,
                    "category_id": 1,
                    "keypoints": [float(j % 30) for j in range(51)],
                    "score": 0.5,
                    "bbox": [1, 2, 3, 4],
                }
                for i in range(2)
            ],
        ),
    ]
    binary = make_poses(folder / "poses.safetensors", 3).read_bytes()
    image = ("LoadImage", {"image": "one.png"})

    def one(case: Case) -> None:
        name, data = case.chance.choice([*texts, ("p.safetensors", binary)])
        path = case.folder / name
        if isinstance(data, bytes):
            path.write_bytes(_damaged(data, case.chance))
        elif case.chance.random() < 0.3:
            path.write_bytes(_damaged(json.dumps(data).encode(), case.chance))
        else:
            _written(path, _changed(data, case.chance))
        Image.new("RGB", (48, 32)).save(case.folder / "one.png")
        graph = graph_of(
            {
                "f": image,
                "p": ("KinographLoadPoses", {"file": name, "image": ["f", 0]}),
                "d": ("KinographDrawSkeleton", {"poses": ["p", 0]}),
                "s": ("SaveImage", {"images": ["d", 0], "filename_prefix": "x"}),
            }
        )
        case.run(graph_as_json(graph))

    return one


def flows(folder: Path) -> Callable[[Case], None]:
    from kinograph.engines.flow.files import write_flow
    from kinograph.engines.flow.flow import Flow

    flow = Flow(torch.rand(1, 2, 8, 12))
    names = []
    for form, suffix in (("npz", ".npz"), ("flo", ""), ("kitti", "")):
        write_flow(flow, folder / f"{form}{suffix}", form)
        made = folder / f"{form}{suffix}"
        names += [made] if made.is_file() else sorted(p for p in made.rglob("*") if p.is_file())
    contents = [(path.name, path.read_bytes()) for path in names]
    arrays = np.zeros((2, 8, 12), np.float32)
    pfm = b"PF\n12 8\n-1.0\n" + np.zeros((8, 12, 3), np.float32).tobytes()
    contents += [("a.pfm", pfm), ("plain.npz", _npz(folder, arrays))]

    def one(case: Case) -> None:
        name, content = case.chance.choice(contents)
        (case.folder / name).write_bytes(_damaged(content, case.chance))
        graph = graph_of(
            {
                "f": ("KinographLoadFlow", {"file": name}),
                "d": ("KinographDrawFlow", {"flow": ["f", 0]}),
                "s": ("SaveImage", {"images": ["d", 0], "filename_prefix": "x"}),
            }
        )
        case.run(graph_as_json(graph))

    return one


def _npz(folder: Path, array: Any) -> bytes:
    np.savez_compressed(folder / "plain.npz", flow=array)
    return (folder / "plain.npz").read_bytes()


def engines(folder: Path) -> Callable[[Case], None]:
    from kinograph.engines.runtime.cache import EngineCache

    made = EngineCache(folder / "made")
    for name in ("one", "two"):
        request = {"model": "movenet_multipose", "backend": "torch", "options": {}, "sizes": [1, 2]}
        made.fetch(
            name, {"a": name}, lambda path: path.write_bytes(b"engine") and None, request=request
        )

    def one(case: Case) -> None:
        models = case.folder / "out"  # where engines and nothing else may change
        engines = models / "engines"
        shutil.copytree(made.folder, engines)
        (case.folder / "one.json").write_text("{}")
        for _ in range(case.chance.randint(1, 4)):
            _disturb(engines, case.folder / "one.json", case.chance)
        os.environ["KINOGRAPH_MODELS_DIR"] = str(models)
        for _ in range(2):
            command = case.chance.choice(["list", "verify", "prune", "rebuild"])
            more = {"prune": [[], ["--all"], ["--dry-run"]], "list": [[], ["--json"]]}
            case.answer(
                "engines", command, *case.chance.choice(more.get(command, [[]])), may=(0, 1, 2)
            )

    return one


def _disturb(folder: Path, victim: Path, chance: random.Random) -> None:
    """Damage a file of an engine folder, or put something into it."""
    there = sorted(folder.iterdir())
    stem = chance.choice([path.stem for path in there] or ["x"])
    suffix = chance.choice([".engine", ".json", ".lock", ".kernels", ".engine.1.bad", ""])
    name = chance.choice([f"{stem}{suffix}", f".building-{stem}", f"new{suffix}", "a\nb.engine"])
    path = folder / name
    content = path.read_bytes() if path.is_file() and not path.is_symlink() else b"{}"
    if path.is_symlink() or path.exists():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    action = chance.randrange(7)
    if action == 0:
        (path / "deep" / "er").mkdir(parents=True)
    elif action == 1:
        os.mkfifo(path)
    elif action == 2:
        path.symlink_to(chance.choice(["/dev/zero", str(victim), str(path), "nowhere", ".."]))
    elif action == 3:
        path.write_bytes(b"[" * 100_000)
    elif action == 4:
        path.write_bytes(_damaged(content, chance))
    elif action == 5:
        try:
            _written(path, _changed(json.loads(content), chance))
        except (ValueError, RecursionError):
            path.write_bytes(content)


KINDS: dict[str, Callable[[Path], Callable[[Case], None]]] = {
    made.__name__: made for made in (graphs, journals, containers, poses, flows, engines)
}


# --- the oracle


class _Writes:
    """What Python writes, removes or renames outside the folders that it may."""

    def __init__(self) -> None:
        self.allowed: tuple[str, ...] | None = None
        self.outside: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.allowed is None:
            return
        if event == "open":
            path, _, flags = arguments
            writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
            if not writes or not isinstance(path, str | bytes | os.PathLike):
                return
            paths = [path]
        elif event in ("os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.rmtree"):
            paths = [arguments[0]]
        elif event in ("os.link", "os.symlink"):
            paths = [arguments[1]]
        elif event == "os.rename":
            paths = list(arguments[:2])
        else:
            return
        for path in paths:
            if isinstance(path, int) or (
                event != "open" and not Path(os.fsdecode(path)).is_absolute()
            ):
                continue  # relative to an open folder, which was opened by its name
            named = Path(os.fsdecode(path))
            real = os.path.realpath(named if event == "open" else named.parent)
            if not real.startswith(self.allowed):
                self.outside.append(f"{event} {real}")


@contextlib.contextmanager
def _watched(writes: _Writes, case: Case) -> Iterator[None]:
    before = _listing(case.folder)
    writes.allowed = (
        os.path.realpath(case.folder),  # checked below
        "/dev/null",
        "/proc/self",
    )
    writes.outside.clear()
    try:
        yield
    finally:
        writes.allowed = None
    assert not writes.outside, f"written outside: {writes.outside[:5]}"
    after = {name: state for name, state in _listing(case.folder).items() if name != "graph.json"}
    before.pop("graph.json", None)
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    made_by_cases = {"one.png", "clip.mp4", "pipe"}
    lost = {name for name in changed if name in before}
    new = {name for name in changed if name not in before} - made_by_cases
    assert not lost, f"changed outside the output folder: {lost}"
    stray = [name for name in new if not _is_input(name)]
    assert not stray, f"new outside the output folder: {stray}"


_INPUTS = (
    ".png",
    ".gif",
    ".webp",
    ".tiff",
    ".jpg",
    ".ppm",
    ".bmp",
    ".mp4",
    ".webm",
    ".json",
    ".safetensors",
    ".npz",
    ".flo",
    ".pfm",
)


def _is_input(name: str) -> bool:
    """Return whether a case itself puts files of this name beside the output folder."""
    return "/" not in name and name.endswith(_INPUTS)


def _listing(folder: Path) -> dict[str, tuple[int, int]]:
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if not name.startswith("out/") and name != "out":
            about = path.lstat()
            found[name] = (about.st_size, about.st_mtime_ns)
    return found


def main(kind: str, seed: int, seconds: float, folder: Path, only: int | None = None) -> int:
    """Run cases until the time is up; return the exit status."""
    torch.set_num_threads(1)
    os.chdir(folder)
    shared = folder / "shared"
    shared.mkdir()
    one = KINDS[kind](shared)
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
    writes = _Writes()
    until = time.monotonic() + seconds
    number = 0 if only is None else only
    while time.monotonic() < until or number == only:
        place = folder / f"case{number}"
        place.mkdir()
        case = Case(place, random.Random(f"{kind} {seed} {number}"))
        faulthandler.dump_traceback_later(_LONGEST, exit=True)
        print(f"{kind} {seed} {number}", flush=True)
        try:
            with _watched(writes, case):
                one(case)
        except AssertionError as error:
            print(f"case {number} of {kind}, seed {seed}: {error}", flush=True)
            return 1
        faulthandler.cancel_dump_traceback_later()
        shutil.rmtree(place)
        number += 1
        if only is not None:
            break
    print(f"{number} cases")
    return 0


if __name__ == "__main__":
    arguments = sys.argv[1:]
    case = int(arguments[4]) if len(arguments) > 4 else None
    sys.exit(main(arguments[0], int(arguments[1]), float(arguments[2]), Path(arguments[3]), case))
