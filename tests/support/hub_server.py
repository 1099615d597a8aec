"""A Hugging Face Hub on this machine that keeps what is sent: commits, large files, tags, settings. With faults.

It speaks the endpoints that the installed `huggingface_hub` and `datasets` use, over real HTTP. Large files go by LFS
(`HF_HUB_DISABLE_XET=1`). That the real Hub answers alike is not shown by it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from support.hub_state import IDENTITY, JOB, READ_ONLY, TOKEN, Hub, Repo


@contextmanager
def hub_server() -> Iterator[Hub]:
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


def folders_of(files: Mapping[str, bytes]) -> list[str]:
    return sorted({parent.as_posix() for name in files for parent in PurePosixPath(name).parents[:-1]})


_ID = r"(?P<id>[\w.-]+/[\w.-]+)"
_KIND = r"(?P<kind>datasets|models|spaces)"
_IN = r"(?P<kind>(?:datasets|spaces)/)?"
"""Outside of /api/ a model's address has nothing before its name."""
LARGE = (".parquet", ".safetensors")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub
    ROUTES = (
        ("GET", r"/api/whoami-v2", "whoami"),
        ("POST", r"/api/validate-yaml", "validate_yaml"),
        ("GET", r"/actions/identity", "identity"),
        ("POST", r"/oauth/token", "exchange"),
        ("POST", r"/api/repos/create", "create"),
        ("GET", rf"/api/{_KIND}/{_ID}/refs", "refs"),
        ("GET", rf"/api/{_KIND}/{_ID}/commits/(?P<rev>[^/]+)", "history"),
        ("GET", rf"/api/{_KIND}/{_ID}/tree/(?P<rev>[^/]+)(/(?P<path>.+))?", "tree"),
        ("POST", rf"/api/{_KIND}/{_ID}/paths-info/(?P<rev>[^/]+)", "paths_info"),
        ("GET", rf"/api/{_KIND}/{_ID}(/revision/(?P<rev>[^/]+))?", "info"),
        ("POST", rf"/api/{_KIND}/{_ID}/preupload/(?P<rev>[^/]+)", "preupload"),
        ("POST", rf"/{_IN}{_ID}\.git/info/lfs/objects/batch", "lfs_batch"),
        ("PUT", r"/lfs/(?P<oid>[0-9a-f]{64})", "lfs_put"),
        ("POST", r"/lfs/verify", "lfs_verify"),
        ("POST", rf"/api/{_KIND}/{_ID}/commit/(?P<rev>[^/]+)", "commit"),
        ("POST", rf"/api/{_KIND}/{_ID}/tag/(?P<rev>[^/]+)", "tag"),
        ("DELETE", rf"/api/{_KIND}/{_ID}/tag/(?P<rev>[^/]+)", "untag"),
        ("PUT", rf"/api/{_KIND}/{_ID}/settings", "settings"),
        ("(GET|HEAD)", rf"/{_IN}{_ID}/resolve/(?P<rev>[^/]+)/(?P<path>.+)", "resolve"),
    )

    def handle_any(self) -> None:
        path = unquote(urlsplit(self.path).path)
        line = self.line = f"{self.command} {path}"
        length = int(self.headers.get("Content-Length") or 0)
        with self.hub.lock:
            self.hub.requests.append(line)
            fault = next((f for part, f in self.hub.faults.items() if part in line and f[1] > 0), None)
            if fault:
                fault[1] -= 1
        for tell in self.hub.before:
            tell(line)
        if fault and fault[0] == 0:
            self.rfile.read(length // 2)
            self.close_connection = True
            self.connection.close()
            return
        self.body = self.rfile.read(length)
        if fault:
            body = json.dumps({"error": self.hub.says}).encode()
            told = {"X-Error-Code": "Fault", "X-Error-Message": self.hub.says, **self.hub.with_faults}
            self.answer(fault[0], body, told)
            return
        for method, pattern, name in self.ROUTES:
            if re.fullmatch(method, self.command) and (found := re.fullmatch(pattern, path)):
                parts = found.groupdict()
                self.kind = (parts.pop("kind", None) or "models").rstrip("/")
                with self.hub.lock:
                    getattr(self, name)(**parts)
                return
        self.fail(404, "RepoNotFound", f"no such endpoint: {line}")

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any

    # Who may

    @property
    def token(self) -> str | None:
        return (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None

    def may_write(self) -> bool:
        if self.token not in (TOKEN, READ_ONLY):
            self.fail(401, "", f"Invalid token: {self.token}")
        elif self.token == READ_ONLY:
            self.fail(403, "", "this token may only read")
        return self.token == TOKEN

    def repo(self, id: str) -> Repo | None:
        repo = self.hub.repos.get(id)
        if repo is None or repo.kind != self.kind or (repo.private and self.token not in (TOKEN, READ_ONLY)):
            self.fail(401 if self.token is None else 404, "RepoNotFound", "not there")
            return None
        return repo

    def at(self, id: str, rev: str | None) -> tuple[Repo, str, dict[str, bytes]] | None:
        if (repo := self.repo(id)) is None:
            return None
        found = repo.resolve(rev or "main")
        if found is None:
            self.fail(404, "RevisionNotFound", "no such revision")
            return None
        return repo, *found

    # Endpoints

    def whoami(self) -> None:
        self.json({"name": "tester", "orgs": []}) if self.token == TOKEN else self.fail(401, "", "Invalid token")

    def identity(self) -> None:
        """What GitHub Actions gives a job that may prove who it is."""
        self.json({"value": IDENTITY}) if self.token == JOB else self.fail(401, "", "no such job")

    def exchange(self) -> None:
        wanted = json.loads(self.body)
        if wanted["subject_token"] == IDENTITY and wanted["resource"] in self.hub.trusting:
            self.json({"access_token": TOKEN, "token_type": "bearer", "expires_in": 3600})
        else:
            self.fail(403, "", "this repository has no such trusted publisher")

    def validate_yaml(self) -> None:
        self.json({"errors": [], "warnings": []})

    def create(self) -> None:
        if not self.may_write():
            return
        wanted = json.loads(self.body)
        self.kind = f"{wanted.get('type') or 'model'}s"
        id = f"{wanted.get('organization') or 'tester'}/{wanted['name']}"
        if id in self.hub.repos:
            self.json({"url": f"{self.hub.url}/{self.kind}/{id}"}, 409)
            return
        private = wanted.get("visibility") == "private" or bool(wanted.get("private"))
        repo = self.hub.repos[id] = Repo(private=private, kind=self.kind)
        repo.add({".gitattributes": b"*.parquet filter=lfs\n"})
        self.json({"url": f"{self.hub.url}/{self.kind}/{id}", "name": id})

    def info(self, id: str, rev: str | None = None) -> None:
        if found := self.at(id, rev):
            repo, sha, files = found
            siblings = [{"rfilename": name} for name in files]
            value = {"_id": "1", "id": id, "sha": sha, "private": repo.private, "gated": repo.gated, "tags": []}
            more = {"siblings": siblings, "cardData": repo.card, "disabled": False, "downloads": 0, "likes": 0}
            self.json({**value, **more})

    def refs(self, id: str) -> None:
        if repo := self.repo(id):
            tags = [{"name": n, "ref": f"refs/tags/{n}", "targetCommit": sha} for n, sha in repo.tags.items()]
            branches = [{"name": "main", "ref": "refs/heads/main", "targetCommit": repo.head}]
            self.json({"branches": branches, "tags": tags, "converts": []})

    def history(self, id: str, rev: str) -> None:
        if repo := self.repo(id):
            told = {"authors": [{"user": "tester"}], "date": "2026-11-30T00:00:00.000Z", "message": ""}
            self.json([{"id": sha, "title": repo.titles[sha], **told} for sha, _ in reversed(repo.commits)])

    def tree(self, id: str, rev: str, path: str | None = None) -> None:
        if found := self.at(id, rev):
            _, _, files = found
            inside = {n: c for n, c in files.items() if not path or n.startswith(f"{path}/")}
            if path and not inside:
                self.fail(404, "EntryNotFound", "no such folder")
                return
            folders = [n for n in folders_of(files) if not path or n.startswith(f"{path}/")]
            entries = [self.entry(name, content) for name, content in inside.items()]
            self.json([*map(self.folder_entry, folders), *entries])

    def paths_info(self, id: str, rev: str) -> None:
        if found := self.at(id, rev):
            text = self.body.decode()
            wanted = json.loads(text)["paths"] if text.startswith("{") else parse_qs(text).get("paths", [])
            folders = [self.folder_entry(p) for p in wanted if p in folders_of(found[2])]
            self.json([*folders, *(self.entry(p, found[2][p]) for p in wanted if p in found[2])])

    def folder_entry(self, name: str) -> dict[str, Any]:
        return {"type": "directory", "path": name, "oid": hashlib.sha1(name.encode()).hexdigest()}  # noqa: S324

    def entry(self, name: str, content: bytes) -> dict[str, Any]:
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324
        value: dict[str, Any] = {"type": "file", "path": name, "size": len(content), "oid": blob}
        if name.endswith(LARGE):
            oid = hashlib.sha256(content).hexdigest()
            value["lfs"] = {"oid": oid, "size": len(content), "pointerSize": 130}
        return value

    def preupload(self, id: str, rev: str) -> None:
        if self.may_write() and self.repo(id):
            files = json.loads(self.body)["files"]
            modes = [{"path": f["path"], "uploadMode": "lfs" if f["path"].endswith(LARGE) else "regular",
                      "shouldIgnore": False, "oid": None} for f in files]  # fmt: skip
            self.json({"files": modes})

    def lfs_batch(self, id: str) -> None:
        if not self.may_write():
            return
        objects = []
        for wanted in json.loads(self.body)["objects"]:
            value: dict[str, Any] = {"oid": wanted["oid"], "size": wanted["size"], "authenticated": True}
            if wanted["oid"] not in self.hub.large:
                upload = {"href": f"{self.hub.url}/lfs/{wanted['oid']}", "header": {}}
                value["actions"] = {"upload": upload, "verify": {"href": f"{self.hub.url}/lfs/verify", "header": {}}}
            objects.append(value)
        self.json({"transfer": "basic", "objects": objects}, kind="application/vnd.git-lfs+json")

    def lfs_put(self, oid: str) -> None:
        if hashlib.sha256(self.body).hexdigest() != oid:
            self.fail(400, "", "the content does not have this hash")
            return
        self.hub.large[oid] = self.body
        self.json({})

    def lfs_verify(self) -> None:
        self.json({}) if json.loads(self.body)["oid"] in self.hub.large else self.fail(404, "", "never arrived")

    def commit(self, id: str, rev: str) -> None:
        if not self.may_write() or (repo := self.repo(id)) is None:
            return
        files, title = dict(repo.files), ""
        for line in self.body.splitlines():
            part = json.loads(line)
            value = part["value"]
            if part["key"] == "header" and value.get("parentCommit") not in (None, repo.head):
                self.fail(412, "", "A commit has happened since.")
                return
            if part["key"] == "header":
                title = value["summary"]
            elif part["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif part["key"] == "lfsFile":
                files[value["path"]] = self.hub.large[value["oid"]]
            elif part["key"] == "deletedFile":
                files.pop(value["path"], None)
        sha = repo.add(files, title)
        self.json({"commitUrl": f"{self.hub.url}/{self.kind}/{id}/commit/{sha}", "commitOid": sha, "success": True})

    def tag(self, id: str, rev: str) -> None:
        if self.may_write() and (found := self.at(id, rev)):
            repo, sha, _ = found
            name = json.loads(self.body)["tag"]
            if name in repo.tags:
                self.fail(409, "", "this tag exists")
                return
            repo.tags[name] = sha
            self.json({})

    def untag(self, id: str, rev: str) -> None:
        if self.may_write() and (repo := self.repo(id)):
            if repo.tags.pop(rev, None) is None:
                self.fail(404, "RevisionNotFound", "no such tag")
            else:
                self.json({})

    def settings(self, id: str) -> None:
        if self.may_write() and (repo := self.repo(id)):
            wanted = json.loads(self.body)
            if "visibility" in wanted or "private" in wanted:
                repo.private = wanted.get("visibility") == "private" or bool(wanted.get("private"))
            repo.gated = wanted.get("gated", repo.gated)
            self.json({})

    def resolve(self, id: str, rev: str, path: str) -> None:
        if not (found := self.at(id, rev)):
            return
        _, sha, files = found
        if path not in files:
            self.fail(404, "EntryNotFound", "no such file")
            return
        content = files[path]
        status, part = 200, content
        if wanted := self.headers.get("Range", "").removeprefix("bytes="):
            first, _, last = wanted.partition("-")
            status, part = 206, content[int(first) : int(last) + 1 if last else None]
        headers = {"Accept-Ranges": "bytes", "X-Repo-Commit": sha}
        headers["ETag"] = f'"{hashlib.sha256(content).hexdigest()}"'
        if status == 206:
            headers["Content-Range"] = f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}"
        self.answer(status, part, headers)

    # How it answers

    def json(self, value: object, status: int = 200, kind: str = "application/json") -> None:
        self.answer(status, json.dumps(value).encode(), {"Content-Type": kind})

    def fail(self, status: int, code: str, message: str) -> None:
        body = json.dumps({"error": message}).encode()
        self.answer(status, body, {"X-Error-Code": code, "X-Error-Message": message} if code else {})

    def answer(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
        for tell in self.hub.after:
            tell(self.line)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        with suppress(ConnectionError):  # whoever asked may have been killed
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: pytest shows what matters."""
