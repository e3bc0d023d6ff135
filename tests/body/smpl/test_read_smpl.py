"""SMPL from users' files: vertices as smplx computes them, and nothing executed."""

import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.sparse
import torch

from kinograph.engines.body.skinning import skin
from kinograph.engines.body.smpl.inert import as_array
from kinograph.engines.body.smpl.read import JOINTS, PARENTS, read_smpl
from kinograph.engines.body.smpl.unpickle import unpickle
from kinograph.engines.errors import ModelError
from kinograph.engines.geometry import rotations
from made_smpl import smpl_arrays

# Pickles of made numbers, written by chumpy 0.71 and SciPy 1.17 themselves.
DATA = Path(__file__).parents[2] / "data" / "body"

# By smplx 0.1.28 and body-models 0.26.2, of the pose below.
FIRST = (-0.554986989, 0.375300880, 3.156611268)
LAST = (0.430517229, 0.054596385, 3.023041244)
HAND = (0.060264878, -0.191214301, 3.035593098)


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    return smpl_arrays()


@pytest.fixture
def small() -> dict[str, Any]:
    return smpl_arrays(40)


def saved(folder: Path, arrays: dict[str, Any]) -> Path:
    np.savez(folder / "smpl.npz", **arrays)
    return folder / "smpl.npz"


def pickled(folder: Path, value: Any, protocol: int = 2) -> Path:
    path = folder / "smpl.pkl"
    path.write_bytes(pickle.dumps(value, protocol))
    return path


def test_vertices_and_joints_are_those_of_smplx(whole: dict[str, Any], tmp_path: Path) -> None:
    rig = read_smpl(saved(tmp_path, whole), dtype=torch.float64)
    rng = np.random.default_rng(11)
    pose, betas = rng.normal(0, 0.4, 72), rng.normal(0, 1, 10)
    vectors = torch.from_numpy(pose).view(1, 24, 3)
    rotation = rotations.to_matrices(rotations.exp_map(vectors))
    shape = torch.from_numpy(betas)[None]
    # SMPL moves the whole body, whose pelvis is not at the origin; here the pelvis is placed.
    pelvis = rig.rest[0] + (shape @ rig.shape_rest[:, 0])
    moved = pelvis + torch.tensor([0.1, -0.2, 3.0], dtype=torch.float64)
    posed = skin(rig, rotation, moved, shape)
    assert posed.vertices[0, 0].tolist() == pytest.approx(FIRST, abs=1e-6)
    assert posed.vertices[0, 6889].tolist() == pytest.approx(LAST, abs=1e-6)
    assert posed.joints[0, 23].tolist() == pytest.approx(HAND, abs=1e-6)
    usual = read_smpl(tmp_path / "smpl.npz")
    single = skin(usual, rotation.float(), moved.float(), shape.float())
    assert (single.vertices - posed.vertices).abs().max() < 1e-5
    batch = skin(rig, rotation.repeat(5, 1, 1, 1), moved.repeat(5, 1), shape.repeat(5, 1))
    torch.testing.assert_close(batch.vertices, posed.vertices.expand(5, -1, -1))


def test_the_rig_is_that_of_smpl(small: dict[str, Any], tmp_path: Path) -> None:
    rig = read_smpl(saved(tmp_path, small))
    assert (rig.name, rig.joints, rig.parents.tolist()) == ("smpl", JOINTS, list(PARENTS))
    torch.testing.assert_close(rig.weights, torch.from_numpy(small["weights"]).float())
    assert rig.skin_index.shape == (40, 4)
    assert rig.rest.dtype == torch.float32
    assert rig.index("left_wrist") == 20


class Stub:
    """What pickles under the name of a class of chumpy's."""

    def __init__(self, **state: Any) -> None:
        self.__dict__.update(state)


class Chumpy(NamedTuple):
    Ch: type[Stub]
    Select: type[Stub]


@pytest.fixture
def chumpy(monkeypatch: pytest.MonkeyPatch) -> Chumpy:
    made = []
    monkeypatch.setitem(sys.modules, "chumpy", ModuleType("chumpy"))
    for name, kind in (("chumpy.ch", "Ch"), ("chumpy.reordering", "Select")):
        module = ModuleType(name)
        stub = type(kind, (Stub,), {"__module__": name})
        setattr(module, kind, stub)
        monkeypatch.setitem(sys.modules, name, module)
        made.append(stub)
    return Chumpy(*made)


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_pickles_as_smpl_is_published_in(
    small: dict[str, Any], chumpy: Chumpy, tmp_path: Path, protocol: int
) -> None:
    """With chumpy's expressions and a sparse regressor."""
    expected = read_smpl(saved(tmp_path, small))
    directions = np.concatenate([small["shapedirs"], np.zeros((40, 3, 6))], 2)
    chosen = np.arange(40 * 3 * 16).reshape(40, 3, 16)[..., :10].ravel()
    given = dict(small)
    given["shapedirs"] = chumpy.Select(
        a=chumpy.Ch(x=directions, _dirty_vars=set()), idxs=chosen, preferred_shape=(40, 3, 10)
    )
    given["v_template"] = chumpy.Ch(x=np.asfortranarray(small["v_template"]))
    given["J_regressor"] = scipy.sparse.csc_matrix(small["J_regressor"])
    given["bs_style"] = "lbs"
    found = read_smpl(pickled(tmp_path, given, protocol))
    for name, values in vars(expected).items():
        if isinstance(values, torch.Tensor):
            torch.testing.assert_close(getattr(found, name), values)


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_pickles_that_chumpy_itself_has_written(protocol: int) -> None:
    made = unpickle(DATA / f"chumpy_protocol_{protocol}.pkl")
    numbers = np.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_array_equal(as_array(made["posedirs"]), numbers)
    np.testing.assert_array_equal(as_array(made["shapedirs"]), numbers[..., :2])
    for name in ("J_regressor", "rows"):
        np.testing.assert_array_equal(as_array(made[name]), [[0, 0.5, 0], [0.25, 0, 0]])
    np.testing.assert_array_equal(as_array(made["f"]), [[0, 1, 1]])
    np.testing.assert_array_equal(as_array(made["fortran"]), np.arange(6).reshape(2, 3))
    assert as_array(made["number"]) == 2.5
    with pytest.raises(ValueError, match="expected an array of numbers, found a str"):
        as_array(made["bs_style"])


class Evil:
    """Runs a function when it is unpickled."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.call = (function, args)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", range(6))
def test_an_evil_pickle_is_refused_and_does_nothing(
    small: dict[str, Any], tmp_path: Path, protocol: int
) -> None:
    victim = tmp_path / "victim"
    for evil, name in (
        (Evil(os.mkdir, str(victim)), "mkdir"),
        (Evil(os.system, f"touch {victim}"), "system"),
        (Evil(eval, f"open({str(victim)!r}, 'w')"), "eval"),
        (Evil(getattr, small, "clear"), "getattr"),
        (Evil(np.load, str(victim)), "load"),
        (Evil(scipy.sparse.load_npz, str(victim)), "load_npz"),
        (Evil(torch.load, str(victim)), "load"),
    ):
        path = pickled(tmp_path, {**small, "v_template": evil}, protocol)
        with pytest.raises(ModelError, match=rf"refused, as it asks for [\w.]+\.{name}, which"):
            read_smpl(path)
    assert not victim.exists()


@pytest.mark.parametrize(
    ("pickled", "message"),
    [
        (b"\x82\x01.", "the registered function 1"),
        (b"Pabc\n.", "an object outside the file"),
        (b"cchumpy\nsystem\n(S'true'\ntR.", "expected a dictionary of arrays, found a Chumpy"),
        # Setting what the stand-ins are made of.
        (b"c_codecs\nencode\n}S'x'\nI1\nsb.", "is no pickle, or is cut off or damaged"),
        (b"cnumpy\nndarray\n(NN}tb.", "is no pickle, or is cut off or damaged"),
        (b"cnumpy.core.multiarray\n_reconstruct\n(NN}tb.", "is no pickle"),
        (b"c_codecs\nencode\n(S'a'\nS'rot13'\ntR.", "expected text in latin1"),
        (b"ccopy_reg\n_reconstructor\n(S'a'\ntR.", "expected a class"),
        (b"\x8e\xff\xff\xff\xff\xff\xff\xff\x0f.", "is no pickle"),  # 2**60 bytes, it says
        (b"I1\nr\xff\xff\xff\xff.", "found a int"),  # a memo of 4 billion entries
        (b"", "is no pickle"),
        (b"\x80\x04", "is no pickle"),
        (b"\x80\x63.", "unsupported pickle protocol: 99"),
        (b"PK\x03\x04", "is no .npz file of numbers"),
        (b"(lp0\n.", "expected a dictionary of arrays, found a list"),
    ],
)
def test_damaged_pickles(pickled: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "smpl.pkl"
    path.write_bytes(pickled)
    with pytest.raises(ModelError, match=message):
        read_smpl(path)


# A tuple of two of a tuple of two of ..., a hundred deep.
BOMB = b"(t" + b"2\x86" * 100


@pytest.mark.parametrize(
    "pickled",
    [
        b"}" + BOMB + b"I1\ns.",
        b"}(" + BOMB + b"I1\nu.",
        b"(" + BOMB + b"I1\nd.",
        b"\x8f(" + BOMB + b"\x90.",
        b"(" + BOMB + b"\x91.",
    ],
)
def test_keys_whose_hash_takes_years(pickled: bytes, tmp_path: Path) -> None:
    path = tmp_path / "smpl.pkl"
    path.write_bytes(pickled)
    with pytest.raises(ModelError, match="expected texts as keys, found a tuple"):
        read_smpl(path)


def test_shapes_whose_text_has_no_end(small: dict[str, Any], tmp_path: Path) -> None:
    """Which messages therefore do not quote."""
    whole = pickle.dumps({**small, "v_template": None}, 2)
    for bomb in (
        b"cnumpy.core.multiarray\n_reconstruct\n(tR(I1\n" + BOMB + b"cnumpy\ndtype\n(S'f8'\ntR"
        b"I00\nS''\ntb",
        b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(" + BOMB + b"tRS''\ntR",
        BOMB,
    ):
        path = tmp_path / "smpl.pkl"
        path.write_bytes(whole[:-1] + b"S'v_template'\n" + bomb + b"s.")
        with pytest.raises(ModelError, match=r"v_template: expected .* found .*a tuple"):
            read_smpl(path)


def test_pickles_cut_off_anywhere(tmp_path: Path) -> None:
    whole = (DATA / "chumpy_protocol_2.pkl").read_bytes()
    path = tmp_path / "smpl.pkl"
    for size in range(0, len(whole) - 1, 7):
        path.write_bytes(whole[:size])
        with pytest.raises(ModelError):
            read_smpl(path)


def test_pickles_with_changed_bytes_are_read_or_refused(tmp_path: Path) -> None:
    whole = (DATA / "chumpy_protocol_2.pkl").read_bytes()
    rng = np.random.default_rng(0)
    path = tmp_path / "smpl.pkl"
    for _ in range(400):
        changed = bytearray(whole)
        changed[rng.integers(len(whole))] = rng.integers(256)
        path.write_bytes(changed)
        with pytest.raises(ModelError):
            read_smpl(path)  # it is too small for SMPL in any case


def deep(chumpy: Chumpy) -> Any:
    made = chumpy.Select(idxs=np.arange(2), preferred_shape=(2,))
    made.a = made
    return made


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (deep, "at most 8 selections in one another"),
        (lambda c: c.Ch(y=1), "expected x, or a and idxs"),
        (
            lambda c: c.Select(a=c.Ch(x=np.arange(3)), idxs=np.array([3]), preferred_shape=(1,)),
            r"expected idxs in 0\.\.2, found others",
        ),
        (
            lambda c: c.Select(a=c.Ch(x=np.arange(3)), idxs=np.arange(2), preferred_shape=(9, 9)),
            r"expected the shape of an array, found \(9, 9\)",
        ),
        (lambda c: np.array([1, "a"], object), "found one of objects"),
        (lambda c: np.array(["a"]), "found an array of the type 'U1'"),
        (lambda c: [1.0, 2.0], "expected an array of numbers, found a list"),
        (lambda c: scipy.sparse.coo_matrix(np.eye(2)), "expected a sparse matrix csc or csr"),
        (lambda c: scipy.sparse.csc_matrix((2**20, 2**20)), "expected at most"),
    ],
)
def test_arrays_that_are_none(
    value: Any, message: str, chumpy: Chumpy, small: dict[str, Any], tmp_path: Path
) -> None:
    path = pickled(tmp_path, {**small, "v_template": value(chumpy)})
    with pytest.raises(ModelError, match=f"v_template: .*{message}"):
        read_smpl(path)


def with_joints(count: int) -> Callable[[dict[str, Any]], None]:
    def change(arrays: dict[str, Any]) -> None:
        arrays["kintree_table"] = np.zeros((2, count), np.int64)

    return change


def star(arrays: dict[str, Any]) -> None:
    arrays["posedirs"] = np.zeros((40, 3, 93))


def other_tree(arrays: dict[str, Any]) -> None:
    arrays["kintree_table"][0, 5] = 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_joints(52), "expected SMPL with 24 joints, found 52 joints, as SMPL-H has"),
        (with_joints(55), "found 55 joints, as SMPL-X has"),
        (with_joints(7), "found 7 joints$"),
        (star, "expected SMPL, found STAR"),
        (other_tree, "kintree_table: expected the parents of SMPL's joints"),
        (lambda a: a.pop("weights"), "f, kintree_table; weights missing"),
        (lambda a: a.update(f=a["f"] + 30), r"f: expected vertices 0\.\.39"),
        (lambda a: a.update(f=a["f"] * 1.0), "f: expected whole numbers in 2 dimensions"),
        (lambda a: a.update(weights=a["weights"] * 2), "weights: expected 0..1, 1 together"),
        (lambda a: a.update(v_template=a["v_template"] * np.nan), "v_template: expected finite"),
        (lambda a: a.update(v_template=np.float64(1)), "v_template: expected numbers in 2 dim"),
        (lambda a: a.update(posedirs=a["posedirs"][:9]), r"posedirs: expected \[40, 3, 207\]"),
        (lambda a: a.update(f=np.array([None])), "pickled objects, which are not read"),
    ],
)
def test_other_models_and_damaged_ones(
    change: Callable[[dict[str, Any]], Any], message: str, small: dict[str, Any], tmp_path: Path
) -> None:
    change(small)
    with pytest.raises(ModelError, match=message):
        read_smpl(saved(tmp_path, small))


def test_archives_are_told_by_their_content(small: dict[str, Any], tmp_path: Path) -> None:
    saved(tmp_path, small).rename(tmp_path / "smpl.pkl")
    assert len(read_smpl(tmp_path / "smpl.pkl").template) == 40


def test_what_is_not_needed_is_not_looked_at(small: dict[str, Any], tmp_path: Path) -> None:
    """Some published .npz files hold pickled objects beside the model."""
    read_smpl(saved(tmp_path, {**small, "part2num": np.array({"a": 1})}))


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    for name in ("absent.pkl", "absent.npz", "", "a\0b.pkl"):
        with pytest.raises(ModelError, match="cannot be read"):
            read_smpl(tmp_path / name)
