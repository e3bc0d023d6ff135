"""Save Poses as safetensors in chunks, interrupted and taken up again."""

import json
from pathlib import Path

import pytest
import torch

from kinograph.engines.errors import GraphError
from kinograph.engines.pose.files import write_poses
from kinograph.engines.pose.poses import Poses
from kinograph.nodes.streaming import Sink
from kinograph.workflows.graph.catalogue import catalogue


def chunk_of(frames: int, places: int) -> Poses:
    """Return poses with a person in every place."""
    here = Poses.empty(frames, (64, 96), people=places)
    random = torch.Generator().manual_seed(frames)
    here.keypoints.copy_(torch.rand(here.keypoints.shape, generator=random))
    here.scores.fill_(0.5)
    here.count.fill_(places)
    return here


CHUNKS = [chunk_of(5, 1), chunk_of(7, 3), chunk_of(2, 2), chunk_of(4, 1)]


def sink(folder: Path) -> Sink:
    rule = catalogue().rule("KinographSavePoses")
    assert rule is not None
    assert rule.saves is not None
    made = rule.saves.sink(folder / "poses.safetensors", "safetensors", {})
    made.parts.mkdir(exist_ok=True)
    return made


@pytest.mark.parametrize("kept", range(len(CHUNKS) + 1))
def test_what_was_written_after_the_mark_is_written_again(kept: int, tmp_path: Path) -> None:
    write_poses(Poses.cat(CHUNKS), tmp_path / "whole", "safetensors")
    killed = sink(tmp_path)
    for chunk in CHUNKS[:kept]:
        killed.write({"poses": chunk})
    mark = json.loads(json.dumps(killed.mark()))
    for chunk in CHUNKS[kept:]:
        killed.write({"poses": chunk})
    killed.close()
    resumed = sink(tmp_path)
    resumed.resume(mark)
    assert resumed.frame_count == sum(map(len, CHUNKS[:kept]))
    for chunk in CHUNKS[kept:]:
        resumed.write({"poses": chunk})
    for _ in range(2):  # again after an interruption
        (path,) = resumed.finish()
        assert path.read_bytes() == (tmp_path / "whole").read_bytes()
    resumed.close()


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    started = sink(tmp_path)
    started.write({"poses": CHUNKS[0]})
    mark = started.mark()
    started.close()
    (part,) = started.parts.iterdir()
    data = bytearray(part.read_bytes())
    data[-1] ^= 1
    part.write_bytes(data)
    resumed = sink(tmp_path)
    with pytest.raises(GraphError, match=r"is damaged.*--restart"):
        resumed.resume(mark)
    resumed.close()
