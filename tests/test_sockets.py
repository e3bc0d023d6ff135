from kinograph.engines.sockets import is_small, small_socket


def test_small_sockets() -> None:
    assert not is_small("IMAGE")
    assert small_socket("TOY OF THIS TEST") == "TOY OF THIS TEST"
    assert is_small("TOY OF THIS TEST")
