"""Files of motion, read back by readers of their own."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from safetensors.torch import load_file, save_file
from torch import Tensor

from kinograph.engines.body.bodies import Bodies
from kinograph.engines.body.files import FORMATS, format_named, read_bodies, write_bodies
from kinograph.engines.body.files.clip import Clip, as_chunk
from kinograph.engines.body.rig import Rig, mannequin
from kinograph.engines.body.skinning import skin
from kinograph.engines.body.smpl.convert import as_smpl
from kinograph.engines.body.smpl.read import read_smpl
from kinograph.engines.errors import InputError, MediaError
from kinograph.engines.geometry import rotations
from made_bodies import joints_of, moving
from made_smpl import smpl_arrays
from motion_readers import Glb, read_bvh

CLOSE = 1e-4  # m


@pytest.fixture(scope="module")
def smpl(tmp_path_factory: pytest.TempPathFactory) -> Rig:
    path = tmp_path_factory.mktemp("smpl") / "smpl.npz"
    np.savez(path, **smpl_arrays(60))
    return read_smpl(path)


def write(bodies: Bodies, path: Path, format: str, rig: Rig | None = None) -> tuple[Path, ...]:
    return write_bodies(
        bodies, path, format, rig=rig or mannequin(), fps=25, warn=lambda text: None
    )


def chunked(bodies: Bodies, sizes: list[int]) -> Callable[[], Any]:
    def chunks() -> Any:
        start = 0
        for size in sizes:
            yield bodies.slice(start, start + size)
            start += size

    return chunks


def without(bodies: Bodies, place: int, frames: list[int]) -> Bodies:
    """Return the same without the last body of some frames."""
    assert place == bodies.scores.shape[1] - 1
    count = bodies.count.clone()
    count[frames] -= 1
    return replace(bodies, count=count)


@pytest.mark.parametrize("kind", ["mannequin", "smpl"])
def test_bvh_has_the_joints_where_they_were(kind: str, smpl: Rig, tmp_path: Path) -> None:
    rig = mannequin() if kind == "mannequin" else smpl
    bodies = moving(rig=rig)
    paths = write(bodies, tmp_path / "walk.bvh", "bvh", rig)
    assert [path.name for path in paths] == ["walk_track3.bvh", "walk_track4.bvh"]
    expected = joints_of(bodies, rig)
    for body, path in enumerate(paths):
        found, step = read_bvh(path)
        assert step == pytest.approx(1 / 25)
        for joint, name in enumerate(rig.joints):
            off = np.abs(found[name] - expected[:, body, joint].numpy()).max()
            assert off < CLOSE, name


def test_bvh_of_any_turn_and_without_jumps(tmp_path: Path) -> None:
    """A body that turns about itself four times, and joints whose middle angle is a right angle."""
    bodies = moving(frames=60, bodies=1)
    angle = torch.linspace(0, 8 * torch.pi, 60)
    vectors = torch.zeros(60, 1, 52, 3)
    vectors[:, 0, 0, 1] = angle
    vectors[:, 0, 5, 0] = torch.pi / 2
    vectors[:, 0, 6, 0] = -torch.pi / 2 + torch.linspace(-1e-6, 1e-6, 60)
    turned = rotations.to_matrices(rotations.exp_map(vectors))
    third = rotations.to_matrices(rotations.exp_map(torch.tensor([0.0, 0.0, 0.7])))
    turned[:, 0, 6] = third @ turned[:, 0, 6] @ turned[:, 0, 0]
    bodies = replace(bodies, rotation=turned)
    (path,) = write(bodies, tmp_path / "spin.bvh", "bvh")
    found, _ = read_bvh(path)
    expected = joints_of(bodies, mannequin())[:, 0]
    for joint, name in enumerate(mannequin().joints):
        assert np.abs(found[name] - expected[:, joint].numpy()).max() < CLOSE, name
    rows = path.read_text().split("Frame Time:")[1].splitlines()[1:]
    spin = np.array([row.split() for row in rows], float)[:, 5]
    assert spin[-1] == pytest.approx(4 * 360, abs=1e-3)


@pytest.mark.parametrize("kind", ["mannequin", "smpl"])
def test_glb_has_the_surface_where_it_was(kind: str, smpl: Rig, tmp_path: Path) -> None:
    rig = mannequin() if kind == "mannequin" else replace(smpl, pose_template=None)
    bodies = moving(frames=5, rig=rig)
    (path,) = write(bodies, tmp_path / "walk.glb", "glb", rig)
    file = Glb(path)
    expected = joints_of(bodies, rig)
    for body in range(2):
        times, joints, vertices = file.posed(body)
        np.testing.assert_allclose(times, np.arange(5) / 25, atol=1e-6)
        assert np.abs(joints - expected[:, body].numpy()).max() < CLOSE
        whole = skin(
            rig, bodies.rotation[:, body], bodies.translation[:, body], bodies.shape[:, body]
        )
        assert np.abs(vertices - whole.vertices.numpy()).max() < CLOSE
    camera = file.json["cameras"][0]["perspective"]
    assert np.degrees(camera["yfov"]) == pytest.approx(50)
    assert camera["aspectRatio"] == pytest.approx(640 / 480)
    assert file.json["asset"]["version"] == "2.0"


def test_glb_opens_in_trimesh(tmp_path: Path) -> None:
    (path,) = write(moving(frames=2), tmp_path / "walk.glb", "glb")
    scene = trimesh.load(path, process=False)
    assert len(scene.geometry) == 2
    for mesh in scene.geometry.values():
        assert len(mesh.vertices) == len(mannequin().template)
        assert len(mesh.faces) == len(mannequin().triangles)


def test_skins_of_more_than_four_joints_a_vertex(tmp_path: Path) -> None:
    rig = mannequin()
    share = torch.cat([rig.skin_weight * 0.75, rig.skin_weight * 0.25], 1)
    index = torch.cat([rig.skin_index, rig.skin_index.flip(0)], 1)
    wide = replace(rig, skin_index=index, skin_weight=share)
    bodies = moving(frames=2, bodies=1)
    (path,) = write(bodies, tmp_path / "wide.glb", "glb", wide)
    _, _, vertices = Glb(path).posed(0)
    whole = skin(wide, bodies.rotation[:, 0], bodies.translation[:, 0], bodies.shape[:, 0])
    assert np.abs(vertices - whole.vertices.numpy()).max() < CLOSE


def test_smpl_files_have_the_pose_that_they_are_of(smpl: Rig, tmp_path: Path) -> None:
    bodies = moving(rig=smpl)
    paths = write(bodies, tmp_path / "walk.npz", "smpl", smpl)
    for body, path in enumerate(paths):
        with np.load(path) as file:
            assert {name: file[name].shape for name in file.files} == {
                "poses": (12, 156),
                "trans": (12, 3),
                "betas": (16,),
                "gender": (),
                "mocap_framerate": (),
            }
            assert file["gender"].item() == "neutral"
            assert file["mocap_framerate"] == 25
            vectors = torch.from_numpy(file["poses"]).view(12, 52, 3)
            trans, betas = torch.from_numpy(file["trans"]), torch.from_numpy(file["betas"])
        assert not vectors[:, 22:].any()
        turned = rotations.to_matrices(rotations.exp_map(vectors[:, :22]))
        torch.testing.assert_close(turned.float(), bodies.rotation[:, body, :22], atol=2e-6, rtol=0)
        torch.testing.assert_close(betas[:10].float(), bodies.shape[0, body])
        # SMPL turns about the pelvis at rest, and then moves by trans.
        rest = smpl.rest[0] + betas[:10].float() @ smpl.shape_rest[:, 0]
        torch.testing.assert_close(trans.float() + rest, bodies.translation[:, body])


def test_poses_of_the_mannequin_as_smpl(tmp_path: Path) -> None:
    """Bones point where they did: SMPL's arms at rest stretch sideways, the mannequin's hang."""
    rig = mannequin()
    bodies = moving(bodies=1)
    turned = as_smpl(rig, bodies.rotation[:, 0])
    joints = joints_of(replace(bodies, shape=torch.zeros_like(bodies.shape)), rig)[:, 0]
    world: list[Tensor] = []
    from kinograph.engines.body.smpl.read import JOINTS, PARENTS

    for joint, parent in enumerate(PARENTS):
        own = turned[:, joint]
        world.append(own if parent < 0 else world[parent] @ own)
    for name, start, end, way in (
        ("left_shoulder", "upperarm_l", "lowerarm_l", (1.0, 0.0, 0.0)),
        ("right_elbow", "lowerarm_r", "hand_r", (-1.0, 0.0, 0.0)),
    ):
        bone = joints[:, rig.index(end)] - joints[:, rig.index(start)]
        found = world[JOINTS.index(name)] @ torch.tensor(way)
        torch.testing.assert_close(found, torch.nn.functional.normalize(bone, dim=1))
    torch.testing.assert_close(turned[:, 0], bodies.rotation[:, 0, 0])
    said: list[str] = []
    write_bodies(bodies, tmp_path / "a.npz", "smpl", rig=rig, fps=25, warn=said.append)
    assert said == [
        "poses of the rig mannequin are converted to SMPL's joints, without fingers; its shape is "
        "not: betas are 0"
    ]


def test_safetensors_holds_everything(tmp_path: Path) -> None:
    bodies = without(moving(), 1, [3, 4])
    (path,) = write(bodies, tmp_path / "walk.safetensors", "safetensors")
    found = read_bodies(path)
    for name, values in vars(bodies).items():
        if isinstance(values, Tensor):
            assert torch.equal(getattr(found, name), values), name
    assert (found.rig, found.canvas) == ("mannequin", (480, 640))
    torch.testing.assert_close(found.camera.fx, bodies.camera.fx)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("sizes", [[1] * 12, [5, 0, 7], [11, 1]])
def test_chunks_give_the_bytes_of_the_whole(format: str, sizes: list[int], tmp_path: Path) -> None:
    bodies = without(moving(), 1, [0, 5, 6, 11])
    suffix = FORMATS[format].suffix
    whole = write(bodies, tmp_path / f"whole{suffix}", format)
    clip = Clip(chunked(bodies, sizes), mannequin(), 25, lambda text: None)
    parts = format_named(format).write(clip, tmp_path / f"parts{suffix}")
    assert len(whole) == len(parts)
    for one, other in zip(whole, parts, strict=True):
        if suffix == ".npz":  # zip files tell the time
            with np.load(one) as a, np.load(other) as b:
                assert all(np.array_equal(a[name], b[name]) for name in a.files)
        else:
            assert one.read_bytes() == other.read_bytes()
    assert sorted(tmp_path.iterdir()) == sorted([*whole, *parts])  # nothing else is left


@pytest.mark.parametrize("format", FORMATS)
def test_a_clip_in_a_file_is_written_as_one_in_memory(format: str, tmp_path: Path) -> None:
    bodies = moving()
    chunks = tmp_path / "chunks"
    chunks.write_bytes(b"".join(as_chunk(c) for c in (bodies.slice(0, 7), bodies.slice(7, 12))))
    suffix = FORMATS[format].suffix
    clip = Clip.of_file(chunks, mannequin(), 25, lambda text: None)
    parts = format_named(format).write(clip, tmp_path / f"parts{suffix}")
    whole = write(bodies, tmp_path / f"whole{suffix}", format)
    assert [path.stat().st_size for path in parts] == [path.stat().st_size for path in whole]
    if suffix != ".npz":
        assert parts[-1].read_bytes() == whole[-1].read_bytes()


def test_gaps_hold_the_last_pose_or_have_no_keys(tmp_path: Path) -> None:
    bodies = without(moving(), 1, [0, 1, 5, 6, 11])
    path = write(bodies, tmp_path / "a.bvh", "bvh")[1]
    found, _ = read_bvh(path)
    expected = joints_of(bodies, mannequin())[:, 1, 0].numpy()
    there = [2, 3, 4, 4, 4, 7, 8, 9, 10]
    assert np.abs(found["pelvis"] - expected[there]).max() < CLOSE
    (path,) = write(bodies, tmp_path / "a.glb", "glb")
    times, joints, _ = Glb(path).posed(1)
    keys = [2, 3, 4, 7, 8, 9, 10]
    np.testing.assert_allclose(times, np.array(keys) / 25, atol=1e-6)
    assert np.abs(joints[:, 0] - expected[keys]).max() < CLOSE


def test_one_body_without_a_track_has_a_file(tmp_path: Path) -> None:
    bodies = moving(bodies=1)
    bodies = replace(bodies, track_ids=torch.full_like(bodies.track_ids, -1))
    assert write(bodies, tmp_path / "a.bvh", "bvh") == (tmp_path / "a.bvh",)


def test_a_shape_that_changes_is_said(tmp_path: Path) -> None:
    bodies = moving(bodies=1)
    bodies.shape[6:, 0, 0] += 1
    said: list[str] = []
    write_bodies(bodies, tmp_path / "a.bvh", "bvh", rig=mannequin(), fps=25, warn=said.append)
    assert said == [
        "track 3: its shape changes over time (a coefficient by 0.50); its mean is saved"
    ]


def nobody(bodies: Bodies) -> Bodies:
    return replace(bodies, count=torch.zeros_like(bodies.count))


def loose(bodies: Bodies) -> Bodies:
    ids = bodies.track_ids.clone()
    ids[4:] = -1
    return replace(bodies, track_ids=ids)


def twice(bodies: Bodies) -> Bodies:
    ids = bodies.track_ids.clone()
    ids[7] = 3
    return replace(bodies, track_ids=ids)


def broken(bodies: Bodies) -> Bodies:
    translation = bodies.translation.clone()
    translation[2, 1, 0] = torch.nan
    return replace(bodies, translation=translation)


def mirrored(bodies: Bodies) -> Bodies:
    rotation = bodies.rotation.clone()
    rotation[3, 0, 9] = torch.diag(torch.tensor([1.0, 1.0, -1.0]))
    return replace(bodies, rotation=rotation)


@pytest.mark.parametrize("format", ["bvh", "glb", "smpl"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (nobody, "bodies: nobody is in any frame; there is no motion to save"),
        (loose, "bodies: frame 4 has 2 bodies without a track, .* track them first"),
        (twice, "bodies: frame 7 has track 3 twice"),
        (broken, "bodies: frame 2, body 1: expected finite numbers, found NaN"),
        (mirrored, "bodies: frame 3, body 0: expected rotations, found a matrix that is none"),
        (lambda b: replace(b, rig="other"), "bodies: expected the rig mannequin .* found other"),
    ],
)
def test_bodies_that_cannot_be_saved(
    format: str, change: Callable[[Bodies], Bodies], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        write(change(moving()), tmp_path / "a.out", format)
    assert not list(tmp_path.iterdir())


def test_settings_and_paths_that_are_wrong(tmp_path: Path) -> None:
    bodies = moving(frames=2)
    with pytest.raises(InputError, match="format: expected one of bvh, glb, smpl, safetensors"):
        write(bodies, tmp_path / "a.fbx", "fbx")
    with pytest.raises(InputError, match="fps: expected a frame rate above 0, found 0"):
        write_bodies(bodies, tmp_path / "a.bvh", "bvh", rig=mannequin(), fps=0)
    (tmp_path / "file").write_text("")
    with pytest.raises(MediaError, match="cannot be written"):
        write(bodies, tmp_path / "file" / "a.bvh", "bvh")
    with pytest.raises(InputError, match="expected at least 1 frame"):
        write(bodies.slice(0, 0), tmp_path / "a.safetensors", "safetensors")
    with pytest.raises(InputError, match="there is no such file"):
        read_bodies(tmp_path / "absent.safetensors")
    write(bodies, tmp_path / "a.glb", "glb")
    with pytest.raises(InputError, match=r"expected a file of bodies ending in \.safetensors"):
        read_bodies(tmp_path / "a.glb")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("rotation", 2.0, "frame 0, body 0: rotation: expected rotation matrices"),
        ("translation", 1.0, "frame 0, body 0: translation: expected z < 0"),
        ("scores", 3.0, r"frame 0, body 0: score: expected 0\.\.1"),
        ("shape", torch.nan, "shape: expected finite numbers"),
    ],
)
def test_safetensors_that_lie(name: str, value: float, message: str, tmp_path: Path) -> None:
    (path,) = write(moving(frames=2), tmp_path / "a.safetensors", "safetensors")
    data = path.read_bytes()
    about = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    tensors = load_file(path)
    tensors[name] = torch.full_like(tensors[name], value)
    save_file(tensors, path, about)
    with pytest.raises(InputError, match=message):
        read_bodies(path)
    path.write_bytes(data[:-8])
    with pytest.raises(InputError, match="is no safetensors file, or is damaged"):
        read_bodies(path)
