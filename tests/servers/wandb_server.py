"""A W&B server on loopback that keeps what W&B's own client uploads."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class UploadedRun:
    """Attributes: bucket: what the run was announced with; files: streamed lines by file; upserts: how often it was announced as new."""

    bucket: dict[str, Any] = field(default_factory=dict)
    files: dict[str, dict[int, str]] = field(default_factory=dict)
    upserts: int = 0

    @property
    def history(self) -> list[dict[str, Any]]:
        return [json.loads(line) for _, line in sorted(self.files.get("wandb-history.jsonl", {}).items())]

    @property
    def summary(self) -> dict[str, Any]:
        lines = self.files.get("wandb-summary.json", {})
        return json.loads(lines[max(lines)]) if lines else {}

    @property
    def config(self) -> dict[str, Any]:
        return {name: item["value"] for name, item in json.loads(self.bucket["config"]).items()}


class WandbServer:
    """Attributes: status: what every request is answered with (200: as it should be); uploads: names of files that were put."""

    def __init__(self) -> None:
        self.runs: dict[str, UploadedRun] = {}
        self.uploads: list[str] = []
        self.keys: set[str] = set()
        self.status = 200
        self.address = ""

    def answer(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        if "upsertBucket" in query:
            run = self.runs.setdefault(variables["name"], UploadedRun())
            run.upserts += variables.get("groupName") is not None
            run.bucket.update({name: value for name, value in variables.items() if value is not None})
            project = {"id": "project", "name": variables.get("project"), "entity": {"id": "entity", "name": "ada"}}
            bucket = {"id": f"id-{variables['name']}", "name": variables["name"], "project": project, "historyLineCount": 0}
            return {"upsertBucket": {"bucket": bucket, "inserted": True}}
        if "createRunFiles" in query:
            files = [{"name": name, "uploadUrl": f"{self.address}/upload/{variables['run']}/{name}"} for name in variables["files"]]
            return {"createRunFiles": {"runID": "1", "uploadHeaders": [], "files": files}}
        if "viewer" in query.lower():
            return {"viewer": {"id": "1", "entity": "ada", "username": "ada", "flags": "{}", "teams": {"edges": []}}}
        return {"serverInfo": {"features": []}}

    def stream(self, run: str, body: dict[str, Any]) -> None:
        for name, part in (body.get("files") or {}).items():
            lines = self.runs[run].files.setdefault(name, {})
            lines.update({part["offset"] + index: line for index, line in enumerate(part["content"])})


@contextmanager
def wandb_server() -> Iterator[WandbServer]:
    state = WandbServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments: Any) -> None: ...

        def do_GET(self) -> None:
            self._reply({})

        def do_PUT(self) -> None:
            self._body()
            state.uploads.append(self.path.removeprefix("/upload/"))
            self._reply({})

        def do_POST(self) -> None:
            body = self._body()
            if state.status != 200:
                self._reply({}, state.status)
            elif self.path == "/graphql":
                asked = json.loads(body)
                self._reply({"data": state.answer(asked["query"], asked.get("variables") or {})})
            elif self.path.endswith("/file_stream"):
                state.keys.add(self.headers.get("Authorization", ""))
                state.stream(self.path.split("/")[-2], json.loads(body))
                self._reply({})
            else:
                self._reply({})

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def _reply(self, answer: dict[str, Any], status: int = 200) -> None:
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
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
        server.shutdown()
        server.server_close()
