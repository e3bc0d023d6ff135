"""A server that is not there is known in seconds, not after half a minute of attempts."""

import socket
import time
from contextlib import nullcontext
from pathlib import Path

import pytest

from kinograph.engines.errors import ModelError
from kinograph.engines.models import reach
from kinograph.engines.models.reach import unreachable
from kinograph.engines.models.registry import resolve


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "getproxies", dict)


@pytest.fixture
def port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_a_server_that_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not unreachable(f"http://127.0.0.1:{port}/file")


def test_nobody_listens(port: int) -> None:
    assert unreachable(f"http://127.0.0.1:{port}/file") == "127.0.0.1: Connection refused"


def test_the_proxy_on_the_way_counts(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        proxy = f"127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setattr(reach, "getproxies", lambda: {"https": proxy})
        monkeypatch.setattr(reach, "proxy_bypass", lambda host: host == "here.invalid")
        assert not unreachable("https://no-such-host.invalid/file")
        assert unreachable("https://here.invalid/file").startswith("here.invalid: ")
    monkeypatch.setattr(reach, "getproxies", lambda: {"http": f"http://127.0.0.1:{port}"})
    assert "refused" in unreachable("http://no-such-host.invalid/file")


def test_a_look_up_that_takes_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        socket, "create_connection", lambda *a, **k: time.sleep(10) or nullcontext()
    )
    monkeypatch.setattr(reach, "_SECONDS", 0.2)
    started = time.monotonic()
    assert unreachable("https://example.invalid/x") == "example.invalid: no answer within 0.2 s"
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("url", ["", "no url", "http://[broken", "http://host:port/x"])
def test_what_only_the_client_understands_is_left_to_it(url: str) -> None:
    assert not unreachable(url)


def test_a_model_of_the_hub_without_a_network(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    started = time.monotonic()
    with pytest.raises(ModelError, match=r"rtmo_t.onnx is not on this machine .* cannot be reach"):
        resolve("rtmo_t", folder=tmp_path)
    assert time.monotonic() - started < 3
