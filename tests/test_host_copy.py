"""Copies to the host's memory."""

import pytest
import torch

from kinograph.engines import host_copy
from kinograph.engines.host_copy import Arrival, host_empty, to_device


@pytest.mark.parametrize("kind", [torch.float32, torch.uint8])
@pytest.mark.parametrize("piece", [64, 2**26])
def test_everything_arrives_as_floats(
    kind: torch.dtype, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_copy, "_PIECE", piece)
    made = (torch.rand(2, 3, 5, 7) * 255).to(kind)
    into = torch.full((2, 5, 7, 3), float("nan"))
    arrival = Arrival(made.movedim(1, -1), into)
    arrival.finish()
    wanted = made.float() / 255 if kind == torch.uint8 else made
    assert into.equal(wanted.movedim(1, -1))


def test_large_results_are_whole() -> None:
    made = host_empty(3, 2**20, 2)  # 24 MiB: in huge pages where there are some
    assert made.shape == (3, 2**20, 2)
    assert made.dtype == torch.float32
    made.fill_(3)
    assert float(made.double().sum()) == 3 * 3 * 2**21
    assert host_empty(2, 0).shape == (2, 0)


def test_on_the_cpu_nothing_is_copied() -> None:
    values = torch.rand(2, 3)
    assert to_device(values, torch.device("cpu")) is values
    assert to_device(values.half(), torch.device("cpu")).dtype == torch.float32
