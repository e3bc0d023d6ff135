"""The pack as a package: light to import and whole in a wheel."""

import ast
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from kinograph import __version__

SKIP_FOLDERS = {"tests", "build", "dist", ".cache", ".venv", ".git"}


def python(code: str, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# ComfyUI loads a pack by path, under the folder's name.
_AS_A_PACK = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location(
    "/x/kino", r"{root}/__init__.py", submodule_search_locations=[r"{root}"]
)
sys.modules["/x/kino"] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
"""


@pytest.mark.parametrize(
    "code",
    [
        "import kinograph",
        "from kinograph.workflows.cli.parser import make_parser; make_parser()",
        _AS_A_PACK,
    ],
)
def test_importing_is_light(root: Path, tmp_path: Path, code: str) -> None:
    heavy = "{'torch', 'numpy', 'av', 'cv2', 'tensorrt', 'onnxruntime', 'PIL', 'yaml'}"
    code = code.replace("{root}", str(root))
    out = python(f"{code}\nimport sys; print(sorted({heavy} & set(sys.modules)))", tmp_path)
    assert out.strip() == "[]"


HEAVY = ("torch", "torchvision", "numpy", "av", "cv2", "scipy", "PIL", "tqdm", "onnxruntime")

_COMMAND = """
import sys
from kinograph.workflows.cli import main
assert main({arguments}) == 0
print([name for name in {heavy} if name in sys.modules], file=sys.stderr)
"""


@pytest.mark.parametrize("command", ["nodes", "validate", "convert"])
def test_commands_that_only_look_at_graphs_are_light(
    root: Path, tmp_path: Path, command: str
) -> None:
    """They are done before PyTorch would be imported."""
    graph = [] if command == "nodes" else [str(root / "workflows" / "pose_to_vace.json")]
    code = _COMMAND.format(arguments=[command, *graph], heavy=HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "[]\n")


def test_the_wheel_holds_every_file(root: Path, tmp_path: Path) -> None:
    """Folders are data of one package: files that its patterns miss would be missing silently."""
    source = tmp_path / "source"
    ignore = shutil.ignore_patterns(*SKIP_FOLDERS, "*.egg-info", "__pycache__", ".*_cache")
    shutil.copytree(root, source, ignore=ignore)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(tmp_path)]
    done = subprocess.run([*command, str(source)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("kinograph-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {n.removeprefix("kinograph/") for n in archive.namelist() if ".dist-info" not in n}
        licences = {Path(n).name for n in archive.namelist() if "/licenses/" in n}
    wanted = set()
    for folder in ("engines", "nodes", "workflows", "locales"):
        wanted |= {
            p.relative_to(source).as_posix() for p in (source / folder).rglob("*") if p.is_file()
        }
    assert packed - {"LICENSE", "NOTICE"} == wanted | {"__init__.py", "py.typed"}
    assert licences == {"LICENSE", "NOTICE"}


def test_requirements_are_those_of_the_package_without_torch(root: Path) -> None:
    """ComfyUI-Manager installs requirements.txt, and must not replace ComfyUI's own torch."""
    text = (root / "pyproject.toml").read_text()
    listed = re.search(r"^dependencies = \[(.*?)\]", text, re.S | re.M)
    assert listed
    package = set(re.findall(r'"([^"]+)"', listed[1]))
    required = set((root / "requirements.txt").read_text().split())
    assert required == {d for d in package if not d.startswith("torch")}
    assert not any("onnxruntime" in word for word in required)
    assert "opencv-python" not in required  # its GUI needs libraries that servers lack


def test_the_command_is_installed(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("kinograph")
    done = subprocess.run(
        [program, "--version"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"kinograph {__version__}\n"), done.stderr


def test_engines_know_nothing_of_nodes_and_workflows(root: Path) -> None:
    """Arrows: workflows -> nodes -> engines; ComfyUI only behind nodes/api.py and its host."""
    for path in (root / "engines").rglob("*.py"):
        assert not re.search(
            r"^\s*(from|import) .*\b(nodes|workflows|comfy)", path.read_text(), re.M
        )
    for path in (root / "nodes").rglob("*.py"):
        text = path.read_text()
        assert not re.search(r"^\s*(from|import) .*\bworkflows", text, re.M), path
        if path.name not in ("api.py", "comfy_host.py", "comfy_memory.py"):
            assert not re.search(r"^\s*(from|import) (comfy|folder_paths)", text, re.M), path


_TWO_COPIES = """
import importlib.util, sys
def load(name):
    spec = importlib.util.spec_from_file_location(
        name, "{root}/__init__.py", submodule_search_locations=["{root}"]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return lambda part: __import__("importlib").import_module(name + "." + part)
engines = []
for part in (load("/custom_nodes/kinograph"), load("/custom_nodes/kinograph-fork")):
    model = part("engines.models.registry").resolve("movenet_multipose")
    network = part("engines.runtime.network").network_of(model)
    build = part("engines.runtime.engine").build_engine
    engines.append(build(model, network, backend="onnxruntime", device="cpu"))
import torch
outputs = [engine.infer(torch.rand(1, 3, 128, 128)) for engine in engines]
print(type(engines[0]) is type(engines[1]), [line for e in engines for line in e.why[-1:]])
"""


def test_two_copies_in_one_process_share_the_engines(root: Path, tmp_path: Path) -> None:
    """If the pack is cloned twice, its classes differ but both use the same folder of engines."""
    out = python(_TWO_COPIES.replace("{root}", str(root)), tmp_path)
    assert out.startswith("False ['")
    assert out.count("movenet_multipose-fp32-onnx-") == 2
    assert "cached:" in out.rsplit(",", 1)[1]


_PICKLING = {"pickle", "_pickle", "dill", "joblib", "marshal", "shelve", "cloudpickle"}


def pickling(source: str) -> set[str]:
    """Return what some code takes from the modules that read pickles."""
    taken = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            taken |= {name.name.split(".")[0] for name in node.names} & _PICKLING
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in _PICKLING:
            taken |= {name.name for name in node.names}
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) in _PICKLING:
            taken.add(node.attr)
        elif isinstance(node, ast.Constant) and node.value in _PICKLING - {"pickle"}:
            taken.add(str(node.value))
    return taken


def test_nothing_is_unpickled(root: Path) -> None:
    """But by the reader of SMPL's files, which knows each name; tests/body/smpl try it out."""
    for folder in ("engines", "nodes", "workflows"):
        for path in (root / folder).rglob("*.py"):
            text = path.read_text()
            known = {"UnpicklingError"}
            if path == root / "engines" / "body" / "smpl" / "unpickle.py":
                known |= {"pickle", "_Unpickler"}
            taken = {name for name in pickling(text) if not name.isupper()}  # names of opcodes
            assert taken <= known, path
            assert not re.search(r"allow_pickle\s*=\s*True", text), path
            for call in re.findall(r"torch\.load\([^)]*\)", text):
                assert "weights_only=True" in call, path
