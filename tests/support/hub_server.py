"""A local Hugging Face Hub with one file, which can drop connections and send wrong bytes."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType


class HubServer:
    """A context manager that serves `content` as REPO/FILE at any revision.

    breaks:   number of downloads that are cut off half way before one succeeds
    requests: (method, Range header) of every request for the file
    """

    COMMIT = "c" * 40

    def __init__(self, repo: str, file: str, content: bytes):
        self.path = f"/{repo}/resolve/{self.COMMIT}/{file}"
        self.content = content
        self.breaks = 0
        self.status = 200
        self.requests: list[tuple[str, str]] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self.answer(body=False)

            def do_GET(self) -> None:
                self.answer(body=True)

            def answer(self, *, body: bool) -> None:
                hub.requests.append((self.command, self.headers.get("Range", "")))
                if self.path.split("?")[0] != hub.path or hub.status != 200:
                    self.send_response(404 if hub.status == 200 else hub.status)
                    self.send_header("X-Error-Code", "EntryNotFound")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                start = 0
                if wanted := self.headers.get("Range", "").removeprefix("bytes=").rstrip("-"):
                    start = int(wanted.split("-")[0])
                data = hub.content[start:]
                self.send_response(206 if start else 200)
                self.send_header("ETag", f'"{hashlib.sha256(hub.content).hexdigest()}"')
                self.send_header("X-Repo-Commit", hub.COMMIT)
                self.send_header("Accept-Ranges", "bytes")
                self.send_header("Content-Length", str(len(data)))
                if start:
                    whole = len(hub.content)
                    self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
                self.end_headers()
                if not body:
                    return
                if hub.breaks:
                    hub.breaks -= 1
                    self.wfile.write(data[: len(data) // 2])
                    self.wfile.flush()
                    self.close_connection = True
                    self.connection.close()
                else:
                    self.wfile.write(data)

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "HubServer":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
