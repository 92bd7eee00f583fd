"""A stand-in for the model hub on this machine: what `huggingface_hub` asks for, over HTTP."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

TOKEN = "hf_a_token_that_nobody_may_see"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class StandIn:
    """Repositories by name, each with its files; `private` ones are shown to TOKEN only. `answer`: to everything."""

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.private: set[str] = set()
        self.answer: int | None = None
        self.asked: list[str] = []
        self.endpoint = ""


@contextmanager
def stand_in() -> Iterator[StandIn]:
    hub = StandIn()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(hub: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def reply(self, status: int, body: object = None, **headers: str) -> None:
            content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(content))} | headers).items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        @property
        def may_write(self) -> bool:
            return self.headers.get("Authorization") == f"Bearer {TOKEN}"

        def do_GET(self) -> None:
            hub.asked.append(f"{self.command} {self.path}")
            if not hub.answer and (info := re.fullmatch(r"/api/models/([^/]+/[^/]+)", self.path)):
                if info[1] not in hub.repositories:
                    return self.reply(401, X_Error_Code="RepoNotFound")
                return self.reply(200, {"id": info[1], "private": info[1] in hub.private, "siblings": []})
            found = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self.path)
            if hub.answer or not found:
                return self.reply(hub.answer or 404)
            name, revision, file = found.groups()
            files = hub.repositories.get(name)
            if files is None or (name in hub.private and not self.may_write):
                return self.reply(401, X_Error_Code="RepoNotFound")
            if revision not in ("main", "v1", COMMIT):
                return self.reply(404, X_Error_Code="RevisionNotFound")
            if file not in files:
                return self.reply(404, X_Error_Code="EntryNotFound", X_Repo_Commit=COMMIT)
            etag = f'"{hashlib.sha1(files[file]).hexdigest()}"'
            return self.reply(200, files[file], ETag=etag, X_Repo_Commit=COMMIT)

        do_HEAD = do_GET  # noqa: N815

        def do_POST(self) -> None:
            hub.asked.append(f"{self.command} {self.path}")
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))) or self._chunks()
            if hub.answer or not self.may_write:
                return self.reply(hub.answer or 401)
            if self.path == "/api/validate-yaml":
                return self.reply(200, {"warnings": [], "errors": []})
            if self.path == "/api/repos/create":
                asked = json.loads(body)
                name = f"{asked['organization']}/{asked['name']}"
                known = name in hub.repositories
                hub.repositories.setdefault(name, {})
                if not known and (asked.get("private") or asked.get("visibility") == "private"):
                    hub.private.add(name)
                return self.reply(409 if known else 200, {"url": f"{hub.endpoint}/{name}", "name": name})
            name, what = re.fullmatch(r"/api/models/([^/]+/[^/]+)/(preupload|commit)/main", self.path).groups()
            if what == "preupload":
                files = [{"path": one["path"], "uploadMode": "regular"} for one in json.loads(body)["files"]]
                return self.reply(200, {"files": [one | {"shouldIgnore": False, "oid": None} for one in files]})
            lines = [json.loads(line) for line in body.splitlines()]
            for value in (line["value"] for line in lines if line["key"] == "file"):
                hub.repositories[name][value["path"]] = base64.b64decode(value["content"])
            return self.reply(200, {"commitUrl": f"{hub.endpoint}/{name}/commit/{COMMIT}", "commitOid": COMMIT})

        def _chunks(self) -> bytes:
            body = b""
            while size := int(self.rfile.readline() or b"0", 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

    return Handler
