"""Check whether a server can be reached, before a client retries again and again."""

import socket
import threading
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

_SECONDS = 2.5  # limit for opening a connection, including the look-up of its name
_PORTS = {"http": 80, "https": 443}


def unreachable(url: str) -> str:
    """Return why no connection to the server of `url`, or to the proxy on the way, can be opened
    within 2.5 s; "" if it can.

    Nothing is sent. The look-up of a name cannot be given a time limit, so it runs in a thread.
    """
    place = _first_hop(url)
    if place is None:
        return ""
    found: list[str] = []

    def connect() -> None:
        try:
            with socket.create_connection(place, timeout=_SECONDS):
                found.append("")
        except OSError as error:
            found.append(error.strerror or str(error) or type(error).__name__)

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(_SECONDS)
    reason = found[0] if found else f"no answer within {_SECONDS:g} s"
    return f"{place[0]}: {reason}" if reason else ""


def _first_hop(url: str) -> tuple[str, int] | None:
    """Return host and port to connect to; None if only the client can tell."""
    try:
        parts = urlsplit(url)
        proxies = getproxies()
        proxy = proxies.get(parts.scheme) or proxies.get("all")
        if proxy and parts.hostname and not proxy_bypass(parts.hostname):
            parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (parts.hostname, port) if parts.hostname and port else None
