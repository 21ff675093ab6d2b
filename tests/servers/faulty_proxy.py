"""An HTTP proxy on loopback that stops working when it is told to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx


class FaultyProxy:
    """Attributes:
    fault: what happens to requests: 0 they pass, a status code they are answered with, `hang` they are never answered, `lost`
        they pass and their answer does not.
    after: so many requests pass before the fault.
    seen: the paths of the requests that passed, oldest first.
    hung: is set when a request hangs.
    """

    def __init__(self) -> None:
        self.address = ""
        self.seen: list[str] = []
        self.hung = threading.Event()
        self._released = threading.Event()
        self.mend()

    def mend(self) -> None:
        self.fault: int | str = 0
        self.after = 0
        self.hung.clear()

    def fail(self, fault: int | str, after: int = 0) -> None:
        self.fault, self.after = fault, after

    def passes(self) -> bool:
        self.after -= 1
        return not self.fault or self.after >= 0

    def wait(self) -> None:
        self.hung.set()
        self._released.wait()

    def release(self) -> None:
        self._released.set()


@contextmanager
def faulty_proxy(target: str) -> Iterator[FaultyProxy]:
    state = FaultyProxy()
    client = httpx.Client(base_url=target, timeout=60)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments: Any) -> None: ...

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            passes = state.passes()
            if not passes and state.fault != "lost":
                if state.fault == "hang":
                    state.wait()
                    self.close_connection = True
                else:
                    self._reply(int(state.fault), "text/plain", b"no")
                return
            state.seen.append(self.path.partition("?")[0])
            headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "content-length", "connection")}
            answer = client.request(self.command, self.path, content=body, headers=headers)
            if not passes:
                self.close_connection = True
                return
            self._reply(answer.status_code, answer.headers.get("content-type", ""), answer.content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle

        def _reply(self, status: int, kind: str, data: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None: ...

    server = Server(("127.0.0.1", 0), Handler)
    state.address = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield state
    finally:
        state.release()
        server.shutdown()
        server.server_close()
        client.close()
