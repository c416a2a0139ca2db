"""A web server of our own on this machine, which can fail in the ways that servers do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """One file on a server, how the server answers, and what it was asked for."""

    content: bytes
    resumable: bool = True
    breaks_after: int | None = None  # bytes of an answer, after which the connection ends
    hangs: threading.Event | None = None  # what it waits for before it ends
    status: int | None = None  # answered instead
    headers: dict[str, str] = field(default_factory=dict)  # sent instead of the right ones
    asked: list[str | None] = field(default_factory=list)  # the Range of each request
    url: str = ""


@contextmanager
def served(site: Site) -> Iterator[Site]:
    """Serve a site for as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            site.asked.append(wanted)
            if site.status is not None:
                self.send_error(site.status)
                return
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and site.resumable else 0
            body = site.content[start:]
            headers = {"Content-Length": str(len(body))}
            if start:
                end = len(site.content) - 1
                headers["Content-Range"] = f"bytes {start}-{end}/{len(site.content)}"
            self.send_response(206 if start else 200)
            for name, value in (headers | site.headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[: site.breaks_after])
            if site.hangs is not None:
                site.hangs.wait()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_port}/files/weights.th"
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
