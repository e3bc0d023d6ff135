"""Where a receiver listens."""

import re
from dataclasses import dataclass

from ...errors import InputError

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Address:
    """Host and port. Without a host it is this machine, which nobody else reaches."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, port: int) -> "Address":
        """Return the address that a user has typed: HOST:PORT, HOST, PORT, :PORT or nothing.

        port: if there is none in the text; IPv6 addresses stand in brackets: [::1]:9999

        Raises `InputError` for anything else.
        """
        given = text.strip()
        if given.isdecimal() and given.isascii():
            given = f":{given}"
        found = re.fullmatch(r"(\[[0-9A-Fa-f:.%\w]+\]|[\w.-]*)(?::([0-9]{1,5}))?", given)
        number = port if found is None or found[2] is None else int(found[2])
        if found is None or not 1 <= number <= 65535 or not _is_name(found[1]):
            raise InputError(
                f"address: expected HOST:PORT with a port in 1..65535, such as {LOOPBACK}:{port}, "
                f"found {text[:80]!r}"
            )
        return cls(found[1].strip("[]") or LOOPBACK, number)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _is_name(host: str) -> bool:
    try:
        host.encode("idna")
    except UnicodeError:  # a part that is empty or too long
        return False
    return True
