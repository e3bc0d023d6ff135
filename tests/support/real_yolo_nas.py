"""The real YOLO-NAS-Pose, built, exported and decoded by super-gradients, with random weights.

super-gradients (Apache-2.0) is downloaded from PyPI at test time, without the packages of 2023 that
it pins, which current Python versions cannot install; imports of them that are not needed here are
replaced by mocks. It runs in a separate process, which isolates these and its warnings.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import numpy as np
from numpy.typing import NDArray

PACKAGES = """\
super-gradients==3.7.1 \
    --hash=sha256:f4ebf2f551399f77070609da15efb2cfaf90392a38be4be8b1d4eab0d9c47381
hydra-core==1.3.8 \
    --hash=sha256:d5f184c291691cba835c7f04bc4e36270ad88b1d7e394a3712f5af084c30b394
omegaconf==2.3.0 \
    --hash=sha256:7b4df175cdb08ba400f45cae3bdcae7ba8365db4d165fc65fd04b050ab63b46b
antlr4-python3-runtime==4.9.3 \
    --hash=sha256:f224469b4168294902bb1efa80a8bf7855f24c99aef99cbefc1bcd3cce77881b
onnx-graphsurgeon==0.6.1 \
    --hash=sha256:fabc53fc60909dd032cfd889016dd5d4139ab566af4a9039002818f552c73547
"""
SIZE = (256, 320)  # height, width of the input
LEAST = 0.3  # lowest score of the files' outputs
BATCHES = {"batch": 1, "flat": 2}  # images a call of the file in each format

# Imports of super-gradients that building, exporting and decoding a network does not need.
_MADE_UP = (
    *("albumentations", "boto3", "botocore", "data_gradients", "deprecated", "imagesize"),
    *("jsonschema", "matplotlib", "onnxsim", "pkg_resources", "pycocotools", "rapidfuzz"),
    *("stringcase", "tensorboard", "termcolor", "torchmetrics", "treelib"),
)


def super_gradients() -> Path:
    """Return a folder to import super-gradients from, in the cache folder of the tests."""
    cache = Path(os.environ.get("KINOGRAPH_TEST_CACHE", Path.home() / ".cache/kinograph-tests"))
    home = cache / f"super-gradients-{hashlib.sha256(PACKAGES.encode()).hexdigest()[:12]}"
    if home.is_dir():
        return home
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        wanted = Path(scratch, "requirements.txt")
        wanted.write_text(PACKAGES, encoding="utf-8")
        command = [
            *(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-compile"),
            *("--require-hashes", "--target", f"{scratch}/site", "-r", str(wanted)),
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(
                "cannot fetch super-gradients from PyPI; without a network leave these tests out "
                f"with pytest --ignore tests/pose/test_real_yolo_nas.py\n{done.stderr}"
            )
        Path(scratch, "site").replace(home)
    return home


def exported(folder: Path, images: NDArray[np.uint8]) -> list[dict[str, NDArray[np.float32]]]:
    """Write batch.onnx and flat.onnx into `folder`; what the network, run by torch, finds in every
    one of the images [N,H,W,3] RGB: `boxes` [M,4], `scores` [M], `joints` [M,17,3], surest first.
    """
    np.save(folder / "images.npy", images)
    quiet = {"UPLOAD_LOGS": "FALSE", "CRASH_HANDLER": "FALSE", "HOME": str(folder)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", __file__, str(super_gradients()), str(folder)],
        env=os.environ | quiet,  # it writes its logs into the home folder
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"super-gradients failed\n{done.stdout}\n{done.stderr}")
    with np.load(folder / "people.npz") as people:
        names = ("boxes", "scores", "joints")
        return [{n: people[f"{n}_{image}"] for n in names} for image in range(len(images))]


class _MakeUp(MetaPathFinder, Loader):
    """Provides an empty module for every import from `_MADE_UP`."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        made_up = name.split(".")[0] in _MADE_UP
        return ModuleSpec(name, self, is_package=True) if made_up else None

    def create_module(self, spec: ModuleSpec) -> Any:
        return MagicMock(__path__=[], __spec__=spec, __name__=spec.name, __version__="99")

    def exec_module(self, module: ModuleType) -> None:
        pass


def _main(site: Path, folder: Path) -> None:
    """In the separate process: build and export the network, and save the people that it finds."""
    sys.path.insert(0, str(site))
    sys.meta_path.insert(0, _MakeUp())
    import onnx
    import torch

    def resource(package: str, name: str) -> str:
        return str(site.joinpath(*package.split("."), name))

    import_module("pkg_resources").resource_filename = resource  # type: ignore[attr-defined]
    import_module("onnxsim").simplify = lambda path: (onnx.load(path), True)  # type: ignore[attr-defined]
    export = torch.onnx.export
    # super-gradients names no exporter, and was written for the older one.
    torch.onnx.export = lambda *a, **options: export(*a, **options, dynamo=False)

    models: Any = import_module("super_gradients.training.models")
    processing: Any = import_module("super_gradients.training.processing.processing")
    formats: Any = import_module("super_gradients.conversion").DetectionOutputFormatMode

    images = torch.from_numpy(np.load(folder / "images.npy")).movedim(-1, 1)
    torch.manual_seed(0)
    model: Any = models.get("yolo_nas_pose_n", num_classes=17)
    model.set_dataset_processing_params(**processing.default_yolo_nas_pose_coco_processing_params())
    prepare = model.get_preprocessing_callback()  # RGB 0..255 -> what the network takes
    with torch.no_grad():
        fed = prepare(images.float())
        _enliven(model, fed)
        read = model.get_post_prediction_callback(
            conf=LEAST, iou=0.7, pre_nms_max_predictions=300, post_nms_max_predictions=100
        )
        people: dict[str, Any] = {}
        for number, found in enumerate(read(model(fed))):
            people[f"boxes_{number}"] = found.bboxes_xyxy.numpy()
            people[f"scores_{number}"] = found.scores.numpy()
            people[f"joints_{number}"] = found.poses.numpy()
    np.savez(folder / "people.npz", **people)
    kinds: Mapping[str, Any] = {"batch": formats.BATCH_FORMAT, "flat": formats.FLAT_FORMAT}
    for name, kind in kinds.items():
        model.export(
            str(folder / f"{name}.onnx"),
            output_predictions_format=kind,
            batch_size=BATCHES[name],
            confidence_threshold=LEAST,
            nms_threshold=0.7,
            num_pre_nms_predictions=300,
            max_predictions_per_image=100,
            input_image_shape=SIZE,
            onnx_simplify=False,
        )


def _enliven(model: Any, images: Any) -> None:
    """Calibrate the random network, which otherwise gives the same output for any picture.

    The statistics of its normalisation become those of the pictures, its answers are spread.
    """
    import torch

    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the mean over everything seen
    model.train()(images)
    model.eval()
    for head in (model.heads.head1, model.heads.head2, model.heads.head3):
        for last in (head.cls_pred, head.reg_pred, head.pose_pred):
            last.weight.mul_(4)
        head.cls_pred.bias.fill_(-4)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), Path(sys.argv[2]))
