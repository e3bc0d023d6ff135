"""What must hold on an NVIDIA GPU; skipped where PyTorch has none."""

import gc
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models.optical_flow import raft_small

from flow_probes import occlusions
from kinograph import OpticalFlowTensorRTPreprocessor
from kinograph.engines import host_copy
from kinograph.engines.body.bodies import Bodies
from kinograph.engines.body.rig import mannequin
from kinograph.engines.flow.estimate import estimate_flow
from kinograph.engines.flow.pair_model import PairFlow
from kinograph.engines.geometry.camera import Camera
from kinograph.engines.geometry.crops import crop
from kinograph.engines.geometry.rotations import turn_by
from kinograph.engines.head.files import FORMATS
from kinograph.engines.head.statistics import as_json, head_statistics
from kinograph.engines.models.registry import Model, resolve
from kinograph.engines.pose.detect import detect_poses
from kinograph.engines.pose.families import movenet
from kinograph.engines.pose.filters import filter_people
from kinograph.engines.pose.gaps import fill_gaps
from kinograph.engines.pose.poses import Poses
from kinograph.engines.pose.retarget import onto_canvas, with_proportions
from kinograph.engines.pose.smoothing import Smoother
from kinograph.engines.pose.tracking import Tracker
from kinograph.engines.render.body_meshes import body_meshes
from kinograph.engines.render.choices import NORMALISATIONS
from kinograph.engines.render.flow_drawing import draw_flow
from kinograph.engines.render.head_mesh.draw import draw_on_heads
from kinograph.engines.render.head_mesh.outfit import outfit
from kinograph.engines.render.head_mesh.placement import Placement
from kinograph.engines.render.heads.draw import draw_heads
from kinograph.engines.render.heads.styles import HEAD_STYLES
from kinograph.engines.render.mesh.draw import draw_meshes
from kinograph.engines.render.mesh.instances import Instances
from kinograph.engines.render.people_masks.masker import Masker
from kinograph.engines.render.people_masks.sam3 import track_data
from kinograph.engines.render.skeleton import draw_skeletons
from kinograph.engines.render.styles import STYLES
from kinograph.engines.runtime import parity
from kinograph.engines.runtime.backends import backend_of
from kinograph.engines.runtime.cache import EngineCache
from kinograph.engines.runtime.engine import Engine, build_engine
from kinograph.engines.runtime.network import network_of
from kinograph.engines.runtime.torch_runner import TorchRunner
from kinograph.engines.runtime.upkeep import build
from kinograph.engines.upscale.families.rrdbnet import RRDBNet, Shape
from kinograph.engines.upscale.upscale import Upscaler
from kinograph.engines.vace.normalise import normalise
from kinograph.engines.video.clip import Clip
from kinograph.nodes.standin import host
from kinograph.workflows.bench import mesh as mesh_bench
from kinograph.workflows.bench.bodies import bench_bodies
from kinograph.workflows.execution.run_graph import run_graph
from kinograph.workflows.graph.assign import with_values
from kinograph.workflows.graph.catalogue import catalogue
from kinograph.workflows.graph.load import load_graph
from kinograph.workflows.graph.shipped import DEMO_GRAPH, demo_clip
from made_bodies import moving
from masked_people import CANVAS, walking
from pictured_heads import heads_at, pictures
from posed_heads import turning_heads

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_the_engine_agrees_with_the_cpu(clip: Clip, engine: Engine, precision: str) -> None:
    model = resolve("movenet_multipose")
    cuda = build_engine(
        model, network_of(model), backend="torch", device="cuda", precision=precision
    )
    assert cuda.verdict is not None
    assert cuda.verdict.passed
    assert torch.cuda.get_device_name() in cuda.report()
    if precision == "bf16":
        return  # borderline people tip over; the parity verdict is what holds
    found = detect_poses(clip.frames, cuda)
    wanted = detect_poses(clip.frames, engine)
    assert found.device.type == "cuda"
    assert found.count.tolist() == wanted.count.tolist()
    both = (found.confidence.cpu() > 0) & (wanted.confidence > 0)
    distance = (found.keypoints.cpu() - wanted.keypoints).norm(dim=-1)[both]
    assert float(distance.median()) < (0.02 if precision == "fp32" else 0.1)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("antialias", [True, False])
def test_drawing_is_the_same_as_on_the_cpu(
    people: Callable[..., Poses], style: str, antialias: bool
) -> None:
    poses = people(5, 4)
    here = draw_skeletons(poses, style=style, antialias=antialias)
    there = draw_skeletons(poses.to("cuda"), style=style, antialias=antialias)
    for cpu, cuda in zip(here, there, strict=True):
        assert cuda.device.type == "cuda"
        apart = (cuda.cpu() - cpu).abs() > (2e-3 if antialias else 0)
        # Where an ellipse grown by half a pixel ends, coverage falls from up to 0.2 to 0; pixels
        # that lie on that line by the last bit are on either side of it.
        assert float(apart.float().mean()) <= (1e-6 if antialias else 0)


def test_drawing_over_footage_and_for_many_people_is_the_same_as_on_the_cpu(
    people: Callable[..., Poses],
) -> None:
    poses = people(3, 12, (270, 481), whole=True)
    footage = torch.rand(3, 270, 481, 3)
    here = draw_skeletons(poses, footage=footage)
    there = draw_skeletons(poses.to("cuda"), footage=footage.cuda())
    for cpu, cuda in zip(here, there, strict=True):
        torch.testing.assert_close(cuda.cpu(), cpu, atol=2e-3, rtol=0)


def test_drawing_does_not_wait_for_the_device(people: Callable[..., Poses]) -> None:
    pytest.importorskip("triton")
    poses = people(5, 4).to("cuda")
    draw_skeletons(poses)  # compiles
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Synchronization debug mode", UserWarning)
        torch.cuda.set_sync_debug_mode("error")
        try:
            draw_skeletons(poses)
        finally:
            torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_heads_are_read_as_on_the_cpu(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    heads = {name: torch.rand(16, n, 36, 64).to(dtype) for name, n in movenet.HEADS.items()}
    # Centres that are equally sure, of which rounded ones have many, come in another order.
    sure = torch.stack([torch.randperm(36 * 64) for _ in range(16)]).view(16, 1, 36, 64)
    heads["center"] = (sure + 12000).short().view(torch.float16).to(dtype)
    heads["box_scale"] *= 40
    heads["kpt_regress"] = (heads["kpt_regress"] - 0.5) * 36
    on_gpu = {
        name: values.cuda().contiguous(memory_format=torch.channels_last)
        for name, values in heads.items()
    }
    for cpu, cuda in zip(movenet.decode(heads), movenet.decode(on_gpu), strict=True):
        close = (cuda.cpu() - cpu).abs() <= 1e-4 * cpu.abs().amax()
        assert float(close.float().mean()) > 0.999  # a maximum may tip over by the last bit


def test_everything_stays_on_the_device(clip: Clip) -> None:
    model = resolve("movenet_multipose")
    cuda = build_engine(model, network_of(model), backend="torch", device="cuda")
    frames = clip.frames.cuda()
    poses = detect_poses(frames, cuda)
    image, mask = draw_skeletons(poses, footage=frames)
    control = normalise(image, mask).control()
    for tensor in (poses.keypoints, image, mask, control.video, control.mask):
        assert tensor.device.type == "cuda"


def test_memory_is_flat(clip: Clip) -> None:
    model = resolve("movenet_multipose")
    cuda = build_engine(model, network_of(model), backend="torch", device="cuda")
    frames = clip.frames.cuda()
    held = []
    for _ in range(4):
        poses = detect_poses(frames, cuda)
        draw_skeletons(poses)
        del poses
        held.append(torch.cuda.memory_allocated())
    assert len(set(held[1:])) == 1


GRAPHED = ["torch_cudagraph", "torch_compiled"]


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("backend", GRAPHED)
def test_graphs_agree_with_eager(backend: str, precision: str) -> None:
    """For every number of images, full or a rest, and for sizes that come and go."""
    model = resolve("movenet_multipose")
    network = network_of(model)
    plain, graphed = (
        build_engine(model, network, backend=name, device="cuda", precision=precision, max_batch=6)
        for name in ("torch", backend)
    )
    assert graphed.verdict is not None
    assert graphed.verdict.passed
    kept = []
    for count, high, wide in [(6, 128, 224), (1, 128, 224), (5, 128, 224), (3, 256, 96)] * 2:
        coarse = torch.rand(count, 3, high // 8, wide // 8, device="cuda")
        images = torch.nn.functional.interpolate(coarse, size=(high, wide), mode="bilinear")
        wanted, found = plain.infer(images), graphed.infer(images)
        assert parity.compare(wanted, found, precision).passed
        kept.append((found, {name: value.clone() for name, value in found.items()}))
    for found, copy in kept:  # later calls left earlier answers alone
        assert all(torch.equal(found[name], copy[name]) for name in found)


def test_auto_starts_with_cuda_graphs_and_takes_what_was_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("tensorrt_rtx", "tensorrt", "onnxruntime"):
        other = type(backend_of(name))
        monkeypatch.setattr(other, "left_out", lambda self, device: "not in this test")
    model, cache = resolve("mediapipe_face"), EngineCache(tmp_path)

    def auto() -> Engine:
        return build_engine(model, network_of(model), device="cuda", cache=cache)

    first = auto()
    assert first.backend == "torch_cudagraph"
    assert "--backend torch_compiled --precision fp16; auto uses it from then on" in first.report()
    build(cache, model=model.name, backend="torch_compiled", precision="fp16", device="cuda")
    second = auto()
    assert (second.backend, second.came) == ("torch_compiled", "loaded")


@pytest.mark.parametrize("backend", ["torch", *GRAPHED])
def test_unloading_gives_the_memory_back(backend: str) -> None:
    model = resolve("movenet_multipose")
    built = build_engine(model, network_of(model), backend=backend, device="cuda")
    images = torch.rand(4, 3, 256, 448, device="cuda")
    held = []
    for _ in range(4):
        built.infer(images)
        built.unload()
        gc.collect()
        torch.cuda.empty_cache()
        held.append(torch.cuda.memory_reserved())
    assert max(held[1:]) == held[1]


@pytest.fixture(scope="module")
def raft(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """RAFT with random weights and two updates, which compile in a sixth of the time."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("raft")
    save_file(raft_small(weights=None).state_dict(), folder / "random.safetensors")
    return resolve("raft_small:random.safetensors", folder=folder).with_options(updates=2)


@pytest.mark.parametrize("backend", ["torch", *GRAPHED])
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_raft(raft: Model, clip: Clip, backend: str, precision: str) -> None:
    """Also against the steps in PyTorch, of which the GPU's kernels are short forms."""
    built = build_engine(
        raft,
        network_of(raft),
        backend=backend,
        device="cuda",
        precision=precision,
        max_batch=5,
        sizes=(128, 512),
    )
    assert built.verdict is not None
    assert built.verdict.passed
    images = clip.frames[:4, ::2, ::2].movedim(-1, 1)[..., :224, :400]
    found = built.infer(images.cuda())["flow"].cpu()
    with torch.inference_mode():
        wanted = network_of(raft).module(raft.path)(images)["flow"]
    assert found.shape == (3, 2, 224, 400)
    error = float((found - wanted).norm() / wanted.norm())
    assert error < {"fp32": 1e-4, "fp16": 2e-2}[precision]


def test_fp32_is_fp32_where_the_host_allows_tf32(raft: Model, clip: Clip) -> None:
    built = build_engine(raft, network_of(raft), backend="torch", device="cuda", precision="fp32")
    images = clip.frames[:2, ::2, ::2].movedim(-1, 1)[..., :224, :400].cuda()
    right = built.infer(images)["flow"]
    torch.set_float32_matmul_precision("high")
    try:
        assert torch.equal(built.infer(images)["flow"], right)
    finally:
        torch.set_float32_matmul_precision("highest")


@pytest.mark.parametrize("backend", GRAPHED)
def test_raft_with_a_warm_start(raft: Model, clip: Clip, backend: str) -> None:
    model = raft.with_options(warm=True, both=True)
    network = network_of(model)
    frames = clip.frames[:4, ::2, ::2]
    found, wanted = (
        estimate_flow(
            frames,
            build_engine(model, network, backend=name, device=device, precision="fp32"),
            direction="both",
        ).to("cpu")
        for name, device in ((backend, "cuda"), ("torch", "cpu"))
    )
    for name in ("forward", "backward"):
        assert float((found.one(name) - wanted.one(name)).abs().max()) < 0.05


def test_the_model_of_optical_flow(raft: Model, clip: Clip) -> None:
    """Pictures and answer on the GPU, whatever device the engine has."""
    one, two = (clip.frames[i : i + 1, ::2, ::2].movedim(-1, 1) * 2 - 1 for i in (0, 1))
    wanted = PairFlow(
        build_engine(raft, network_of(raft), backend="torch", device="cpu", precision="fp32")
    )(one, two)[-1]
    for device in ("cuda", "cpu"):
        engine = build_engine(
            raft, network_of(raft), backend="torch", device=device, precision="fp32"
        )
        (found,) = PairFlow(engine)(one.cuda(), two.cuda())
        assert found.device.type == "cuda"
        assert float((found.cpu() - wanted).abs().max()) < 0.05


def test_large_frames_stay_within_4_gb(raft: Model) -> None:
    """1080p both ways, in fp32: a volume of 11 GB, were it kept whole."""
    images = torch.rand(2, 3, 1088, 1920, device="cuda")
    for precision, both in (("fp16", False), ("fp32", True)):
        model = raft.with_options(both=both)
        built = build_engine(
            model, network_of(model), backend="torch", device="cuda", precision=precision
        )
        gc.collect()
        held = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        assert built.batch_for(1088, 1920) == 2
        built.infer(images)
        assert torch.cuda.max_memory_allocated() - held < 4 * 2**30


@pytest.mark.parametrize("model", ["dis", "raft_small:random.safetensors"])
def test_flow_maps_of_a_stream(clip: Clip, models_dir: Path, model: str) -> None:
    torch.manual_seed(0)
    save_file(raft_small(weights=None).state_dict(), models_dir / "random.safetensors")
    backend = "auto" if model == "dis" else "torch"
    stream = OpticalFlowTensorRTPreprocessor(None, None, fp16=False, model=model, backend=backend)
    frames = clip.frames[:4, ::2, ::2]
    chunks = torch.cat([stream(frames[:2]), stream(frames[2:].cuda())], 2)
    assert chunks.device.type == "cuda"
    stream.reset()
    whole = stream((frames * 255).round().byte())
    assert float((chunks - whole).abs().mean()) < 0.02


def test_drawn_flow_is_the_same_as_on_the_cpu(clip: Clip) -> None:
    flow = estimate_flow(clip.frames[:6], direction="both")
    for scale in NORMALISATIONS:
        here, there = (draw_flow(f, normalise=scale, legend=True) for f in (flow, flow.to("cuda")))
        torch.testing.assert_close(there.image.cpu(), here.image, atol=1e-4, rtol=0)
    for one, two in zip(occlusions(flow), occlusions(flow.to("cuda")), strict=True):
        assert float((one - two.cpu()).abs().mean()) < 1e-3


def test_what_is_done_with_poses_is_the_same_as_on_the_cpu(people: Callable[..., Poses]) -> None:
    poses = people(24, 3, (480, 832), whole=True)
    poses.keypoints.add_(torch.arange(24)[:, None, None, None] * 2.0)
    poses.boxes.copy_(torch.cat([poses.keypoints.amin(2), poses.keypoints.amax(2)], -1))
    poses.count[7:9] = 2

    def worked(poses: Poses) -> Poses:
        tracked = Tracker().update(poses)
        smooth = Smoother(direction="both").update(fill_gaps(tracked, 4))
        given = with_proportions(smooth, tracked).poses
        return onto_canvas(filter_people(given, most=2), (640, 640))

    here, there = worked(poses), worked(poses.to("cuda"))
    assert there.device.type == "cuda"
    for name in ("keypoints", "confidence", "boxes", "scores", "track_ids", "count"):
        torch.testing.assert_close(
            getattr(there, name).cpu(), getattr(here, name), atol=2e-2, rtol=0
        )
    for style in STYLES:
        image, _ = draw_skeletons(here, style=style, colours="track")
        cuda, _ = draw_skeletons(there, style=style, colours="track")
        assert float((cuda.cpu() - image).abs().mean()) < 1e-4


def test_a_second_look(clip: Clip, engine: Engine) -> None:
    model = resolve("movenet_multipose")
    cuda = build_engine(model, network_of(model), backend="torch", device="cuda", precision="fp32")
    frames = clip.frames[::4]
    found = detect_poses(frames.cuda(), cuda, second_pass=True)
    wanted = detect_poses(frames, engine, second_pass=True)
    assert found.count.tolist() == wanted.count.tolist()
    both = (found.confidence.cpu() > 0) & (wanted.confidence > 0)
    distance = (found.keypoints.cpu() - wanted.keypoints).norm(dim=-1)[both]
    assert float(distance.median()) < 0.05


def test_crops_are_the_same_as_on_the_cpu() -> None:
    random = torch.Generator().manual_seed(0)
    frames = torch.rand(3, 120, 200, 3, generator=random)
    frame = torch.tensor([0, 2, 1, 1])
    low = torch.rand(4, 2, generator=random) * 100 - 20
    boxes = torch.cat([low, low + 30 + torch.rand(4, 2, generator=random) * 150], 1)
    here = crop(frames, frame, boxes, (64, 48))
    there = crop(frames.cuda(), frame.cuda(), boxes.cuda(), (64, 48))
    torch.testing.assert_close(there.cpu(), here, atol=1e-4, rtol=0)


def _heads(device: str) -> tuple[list[Instances], Camera]:
    """Return three heads with masks in 16 frames of 1280x720."""
    camera = Camera.of_field_of_view((720, 1280), device=device)
    turns, moves = mesh_bench._places(camera, 150, 3, 16)
    meshes = [mesh.to(device) for mesh in mesh_bench._meshes()]
    return mesh_bench._placed(meshes, turns, moves), camera


def test_meshes_are_drawn_as_on_the_cpu() -> None:
    there, mask = draw_meshes(*_heads("cuda"), 16)
    here, wanted = draw_meshes(*_heads("cpu"), 16)
    # Rotations differ in the last bit, and so do a few samples along edges.
    assert float((mask.cpu() - wanted).abs().mean()) < 1e-5
    assert float((there.cpu() - here).abs().mean()) < 1e-4
    assert float(wanted.sum()) > 16 * 3 * 5000


def test_drawn_meshes_are_the_same_in_every_run_and_batch() -> None:
    parts, camera = _heads("cuda")
    image, mask = draw_meshes(parts, camera, 16)
    for _ in range(3):
        again, other = draw_meshes(parts, camera, 16)
        assert again.equal(image)
        assert other.equal(mask)
    for frame in (0, 7, 15):
        alone, single = draw_meshes([p.within(frame, frame + 1) for p in parts], camera, 1)
        assert alone[0].equal(image[frame])
        assert single[0].equal(mask[frame])


def test_meshes_take_less_than_a_millisecond_per_frame() -> None:
    report = mesh_bench.bench_mesh(device="cuda", batch=16, runs=20, baseline=False)
    assert report["ms_per_frame"]["16"]["median"] < 1  # 0.59 to 0.62 on an H100


def test_bodies_are_posed_and_drawn_as_on_the_cpu_and_in_any_batch() -> None:
    torch.manual_seed(0)
    rig, camera = mannequin(), Camera.of_field_of_view((360, 640), 43.0)
    nobody = Bodies.empty(9, (360, 640), camera, rig, bodies=1)
    turns = turn_by(0.2 * torch.randn(9, 1, len(rig.joints), 3))
    ones = torch.ones(9, dtype=torch.int64)
    away = torch.tensor([0.0, 0, -4]).expand(9, 1, 3)
    here = replace(nobody, rotation=turns, translation=away, count=ones)
    there = here.to("cuda")
    wanted, found = body_meshes(here), body_meshes(there)
    torch.testing.assert_close(found.vertices.cpu(), wanted.vertices, atol=1e-4, rtol=0)
    assert found.normals is not None
    assert wanted.normals is not None
    torch.testing.assert_close(found.normals.cpu(), wanted.normals, atol=1e-2, rtol=0)
    assert float((found.normals.cpu() - wanted.normals).abs().mean()) < 1e-4
    image, mask = draw_meshes([found], there.camera, 9)
    assert float(mask.sum()) > 9 * 3000
    alone, single = draw_meshes([body_meshes(there.slice(4, 5))], there.camera, 1)
    assert alone[0].equal(image[4])
    assert single[0].equal(mask[4])


def test_bodies_keep_pace() -> None:
    """1,000 bodies per second from crops to vertices; two over a frame in less than 1 ms."""
    report = bench_bodies(demo_clip(), device="cuda", precision="fp16", runs=10, baseline=False)
    assert report["ms_per_body"]["batches"] < 1
    assert report["ms_per_frame"]["draw two"] < 1


@pytest.mark.parametrize("mesh", ["medical_mask", "glasses"])
def test_meshes_on_heads_are_drawn_as_on_the_cpu_and_in_any_chunks(mesh: str) -> None:
    here = heads_at([(0.0, 0.0), (40.0, 10.0), (-70.0, 0.0), (15.0, -20.0)], size=(240, 320))
    there, frames = here.to("cuda"), pictures(here, (1.0, 0.5, 1.0), noise=0.02)
    worn = {
        where: outfit(mesh, placement=Placement(), following="full", device=where)
        for where in ("cpu", "cuda")
    }
    image, mask = draw_on_heads(frames, there, worn["cuda"])
    wanted, covered = draw_on_heads(frames, here, worn["cpu"])
    assert image.device.type == "cuda"
    assert float((mask.cpu() - covered).abs().mean()) < 1e-3
    assert float((image.cpu() - wanted).abs().mean()) < 1e-3
    for frame in range(4):
        part = slice(frame, frame + 1)
        alone, _ = draw_on_heads(frames[part], there.slice(frame, frame + 1), worn["cuda"])
        assert float((alone[0] - image[frame]).abs().max()) < 1e-5


@pytest.mark.parametrize("style", HEAD_STYLES)
def test_heads_are_drawn_saved_and_measured_as_on_the_cpu(style: str) -> None:
    here = turning_heads(6, (240, 320))
    drawn, wanted = draw_heads(here.to("cuda"), style=style), draw_heads(here, style=style)
    for name in ("image", "mask", "face"):
        one, other = getattr(drawn, name), getattr(wanted, name)
        assert one.device.type == "cuda"
        assert float((one.cpu() - other).abs().mean()) < 1e-4, name
    for made in FORMATS.values():
        assert made.chunk(here.to("cuda"), 0, 25.0) == made.chunk(here, 0, 25.0)
    assert as_json(head_statistics(here.to("cuda"))) == as_json(head_statistics(here))


def test_memory_is_flat_over_two_thousand_frames(clip: Clip) -> None:
    model = resolve("movenet_multipose")
    cuda = build_engine(model, network_of(model), backend="torch", device="cuda")
    frames = clip.frames[:16].cuda()
    held = []
    for _ in range(125):
        draw_skeletons(detect_poses(frames, cuda, size=448))
        held.append(torch.cuda.memory_reserved())
    assert len(set(held[2:])) == 1


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_the_runner_adds_less_than_fifty_microseconds(precision: str) -> None:
    """Host time of a call of a network that does nothing, the conversion of its input included.

    Or than ten launches of a kernel, where the processor is a slow one.
    """
    device = torch.device("cuda", 0)
    runner = TorchRunner(
        lambda images: {"same": images}, movenet.NETWORK, "torch", device, precision, 0
    )
    inputs = {"images": torch.rand(1, 3, 256, 448, device="cuda")}

    def spent(call: Callable[[], object]) -> float:
        times = []
        for _ in range(300):
            torch.cuda.synchronize()
            started = time.perf_counter()
            call()
            times.append(time.perf_counter() - started)
        return statistics.median(times)

    launch = spent(inputs["images"].clone)
    assert spent(lambda: runner.infer(inputs)) < max(50e-6, 10 * launch)


@pytest.mark.parametrize("backend", GRAPHED)
def test_it_says_the_same_in_every_run_and_in_chunks(
    tmp_path: Path, clip_path: Path, backend: str
) -> None:
    """To the last byte: the rest of a clip runs in the graph of the full batches before it."""
    sets = [f"KinographBuildEngine.backend={backend}", f"LoadVideo.file={clip_path}"]
    graph = with_values(load_graph(DEMO_GRAPH), sets, catalogue())
    files = []
    for number, chunk in enumerate([0, 0, 20, 16]):
        output = tmp_path / str(number)
        report = run_graph(graph, host.Settings(output=output, device="cuda"), chunk=chunk)
        assert report.ok, report.errors
        files.append({path.name: path.read_bytes() for path in output.iterdir()})
    assert len(files[0]) == 4
    assert [each == files[0] for each in files] == [True] * 4


def test_a_cached_engine_loads_within_two_hundred_milliseconds(tmp_path: Path) -> None:
    model = resolve("movenet_multipose")
    cache = EngineCache(tmp_path)
    for _ in range(3):
        engine = build_engine(
            model, network_of(model), backend="torch_compiled", device="cuda", cache=cache
        )
        engine.unload()
    assert any(line.startswith("cached: ") for line in engine.why)
    assert engine.seconds < 0.2


@pytest.mark.parametrize("backend", ["torch", "torch_cudagraph", "torch_compiled"])
def test_upscalers_and_their_kernels(backend: str) -> None:
    """The kernels give what PyTorch's convolutions give, but for the rounding to 16 bits."""
    model = resolve("realesr_animevideov3_x4")
    plain = model.with_options(plain=True)
    engines = [
        build_engine(
            each, network_of(each), backend=how, precision=precision, max_batch=4, sizes=(128, 512)
        )
        for each, how, precision in ((model, backend, "fp16"), (plain, "torch", "fp32"))
    ]
    for shape in ((4, 3, 200, 333), (1, 3, 128, 512)):
        images = torch.rand(*shape, generator=torch.Generator().manual_seed(0)).cuda()
        found, wanted = (engine.infer(images)["image"].float() for engine in engines)
        assert found.shape == wanted.shape
        assert float((found - wanted).abs().max()) < 0.03
        assert float((found - wanted).square().mean().sqrt()) < 0.003


def test_upscaled_frames_arrive_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """In pieces, while the next batch is computed; the same bits as one by one."""
    model = resolve("realesr_animevideov3_x4")
    engine = build_engine(
        model, network_of(model), backend="torch", device="cuda", max_batch=2, sizes=(64, 128)
    )
    engine.full_batches = True
    frames = torch.rand(5, 72, 96, 3, generator=torch.Generator().manual_seed(0))
    wanted = torch.cat([Upscaler(engine).update(frame[None]) for frame in frames])
    monkeypatch.setattr(host_copy, "_PIECE", 2**18)
    done: list[int] = []
    assert Upscaler(engine).update(frames, done.append).equal(wanted)
    assert done == [2, 2, 1]
    assert Upscaler(engine).update(frames.cuda()).equal(wanted)
    rounded = Upscaler(engine, eight_bit=True).update(frames)
    assert rounded.equal((wanted * 255).round() / 255)


def test_dense_layers_in_their_kernels() -> None:
    torch.manual_seed(0)
    module = RRDBNet(Shape(64, 32, 2, 1)).eval()
    module.fold()
    module = module.cuda().half().to(memory_format=torch.channels_last)
    images = torch.rand(2, 3, 70, 150, device="cuda").half()
    with torch.inference_mode():
        found = module(images)["image"].float()
        module.plain = True
        wanted = module(images)["image"].float()
    assert float((found - wanted).norm() / wanted.norm()) < 5e-3


def test_masks_of_people_are_those_of_the_cpu_and_the_same_in_chunks() -> None:
    """But for pixels at edges, whose middles lie within rounding of an outline."""
    poses = walking((60.0, 9.0), (160.0, -7.0), (300.0, -25.0), frames=24)
    bodies = replace(moving(24), canvas=CANVAS, camera=Camera.of_field_of_view(CANVAS, 50.0))
    on_cpu, on_gpu, in_chunks = (Masker(hold=2, grow=2, margin=0.1) for _ in range(3))
    expected = on_cpu.update({"poses": poses, "bodies": bodies})
    found = {"poses": poses.to("cuda"), "bodies": bodies.to("cuda")}
    labels = on_gpu.update(found)
    assert labels.codes.is_cuda
    assert on_gpu.state.tracks == on_cpu.state.tracks
    assert (labels.mask().cpu() != expected.mask()).float().mean() < 1e-3
    assert (labels.coloured(1.0).cpu() != expected.coloured(1.0)).float().mean() < 1e-3
    packed, wanted = (track_data(each, 4)["packed_masks"] for each in (labels, expected))
    assert not packed.is_cuda
    assert (packed != wanted).float().mean() < 5e-3
    for start, stop in ((0, 1), (1, 9), (9, 24)):
        part = in_chunks.update({name: each.slice(start, stop) for name, each in found.items()})
        assert torch.equal(part.codes, labels.codes[start:stop])
    assert in_chunks.state.seen == on_gpu.state.seen
