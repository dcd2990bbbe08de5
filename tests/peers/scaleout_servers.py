"""What the suite `scale-out` starts: a Redis and an nginx of nobody's, and hosts of LIP that share the one behind the other; and how it asks them."""

import http.client
import json
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "sdk"))

from patience import PATIENCE_S  # noqa: E402
from servers import Server, quiet_env  # noqa: E402

PASSWORD = "canary-state-0123456789"
CONFIG = """\
default_backend = "echo"
log_level = "info"
[backends.echo]
type = "echo"
[backends."echo.spare"]
type = "echo"
"""
AROUND = """\
daemon off;
pid {folder}/{name}.pid;
error_log {folder}/{name}-error.log;
worker_processes 1;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/{name}-body;
  proxy_temp_path {folder}/{name}-proxy;
  fastcgi_temp_path {folder}/{name}-fastcgi;
  uwsgi_temp_path {folder}/{name}-uwsgi;
  scgi_temp_path {folder}/{name}-scgi;
{text}
}}
"""
"""A whole file of an nginx that nobody installed: all that it writes lies in a folder, under a name."""
NGINX = """\
  upstream lip {{
    random;
{servers}
    keepalive 32;
  }}
  server {{
    listen 127.0.0.1:{port};
    client_max_body_size 100m;
    location / {{
      proxy_pass http://lip;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_buffering off;
      proxy_request_buffering off;
      proxy_read_timeout 1h;
    }}
  }}
"""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Child:
    """A server that has to be told its port: another port is tried where somebody has taken it meanwhile."""

    def __init__(self, folder):
        self.folder, self.process, self.port = folder, None, None
        for _ in range(5):
            self.port = free_port()
            if self.start():
                return
        raise AssertionError(f"{type(self).__name__} does not start: {self.log()}")

    def start(self):
        out = (self.folder / f"{type(self).__name__.lower()}.log").open("ab")
        self.process = subprocess.Popen([str(part) for part in self.command()], stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=quiet_env())
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end and self.process.poll() is None:
            if self.is_ready():
                return True
            time.sleep(0.02)
        self.stop()
        return False

    def log(self):
        return (self.folder / f"{type(self).__name__.lower()}.log").read_text("utf-8", "replace")[-2000:]

    def shown(self):
        return f"  {type(self).__name__} | {self.log()}"

    def stop(self, how=signal.SIGKILL):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(10)


class Redis(Child):
    def command(self):
        return ["redis-server", "--port", self.port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", self.folder, "--requirepass", PASSWORD]

    def is_ready(self):
        return self.ask("PING", check=False) == "PONG"

    def ask(self, *words, check=True):
        command = ["redis-cli", "-p", str(self.port), "--no-auth-warning", *map(str, words)]
        env = quiet_env() | {"REDISCLI_AUTH": PASSWORD}
        return subprocess.run(command, check=check, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode().strip()

    def url(self):
        return f"redis://:{PASSWORD}@127.0.0.1:{self.port}/3"


class TlsRedis(Redis):
    """One that is known by a certificate of an authority of its own."""

    def __init__(self, folder):
        folder.mkdir()
        made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=test"]
        self.authority = folder / "authority.pem"
        run = lambda *words: subprocess.run([str(word) for word in words], check=True, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: E731
        run(*made, "-keyout", "authority.key", "-out", self.authority)
        run(*made, "-CA", self.authority, "-CAkey", "authority.key", "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE",
            "-keyout", "server.key", "-out", "server.pem")  # fmt: skip
        super().__init__(folder)

    def command(self):
        plain = super().command()
        plain[plain.index("--port") : plain.index("--port") + 2] = ["--port", 0, "--tls-port", self.port]
        return [*plain, "--tls-cert-file", "server.pem", "--tls-key-file", "server.key", "--tls-ca-cert-file", self.authority, "--tls-auth-clients", "no"]

    def is_ready(self):
        return self.ask("--tls", "--cacert", self.authority, "PING", check=False) == "PONG"

    def url(self):
        return super().url().replace("redis://", "rediss://")


class Nginx(Child):
    def __init__(self, folder, hosts):
        self.hosts = hosts
        super().__init__(folder)

    def configuration(self, servers):
        return AROUND.format(folder=self.folder, name="nginx", text=NGINX.format(servers=servers, port=self.port))

    def write(self):
        """Its file, with the places of the hosts as they are now."""
        servers = "\n".join(f"    server {urllib.parse.urlsplit(host.origin).netloc} max_fails=0;" for host in self.hosts)
        path = self.folder / "nginx.conf"
        path.write_text(self.configuration(servers))
        return path

    def command(self):
        return [shutil.which("nginx") or "/usr/sbin/nginx", "-c", self.write(), "-p", self.folder, "-e", self.folder / "nginx-error.log"]

    def is_ready(self):
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0

    @property
    def origin(self):
        return f"http://127.0.0.1:{self.port}"


def start_lip(lip, folder, state=None, top="", env=None):
    folder.mkdir()
    (folder / "lip.toml").write_text(top + CONFIG)
    env = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "LIP_USAGE_ENABLED": "false", **(env or {})}
    env |= {"LIP_STATE": state} if state else {}
    return Server(folder.name, [lip, "--config", folder / "lip.toml", "--port", "0"], env, r"lip listening on (http://\S+)", folder / "log")


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        self.route = headers.get("x-lip-route")


def ask(origin, path, body=None, headers=None):
    """One request on a connection of its own."""
    parts = urllib.parse.urlsplit(origin)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE_S)
    try:
        data = None if body is None else json.dumps(body)
        connection.request("GET" if body is None else "POST", path, data, {"content-type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, headers, answer.read().decode())
    finally:
        connection.close()


# --- one conversation in the four protocols ---------------------------------------------------------


def chat(history, stream):
    return "/v1/chat/completions", {"model": "echo:start", "stream": stream, "messages": [{"role": role, "content": text} for role, text in history]}


def anthropic(history, stream):
    messages = [{"role": role, "content": text} for role, text in history]
    return "/v1/messages", {"model": "echo:start", "max_tokens": 500, "stream": stream, "messages": messages}


def responses(history, stream):
    kind = {"user": "input_text", "assistant": "output_text"}
    items = [{"type": "message", "role": role, "content": [{"type": kind[role], "text": text}]} for role, text in history]
    return "/v1/responses", {"model": "echo:start", "stream": stream, "store": False, "input": items}


def gemini(history, stream):
    name = {"user": "user", "assistant": "model"}
    verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return f"/v1beta/models/echo:start:{verb}", {"contents": [{"role": name[role], "parts": [{"text": text}]} for role, text in history]}


def text_of(value):
    """All texts of an answer, whatever its protocol calls them; of a stream, of its pieces."""
    if isinstance(value, dict):
        if value.get("type") in ("response.completed", "response.output_text.done", "response.content_part.done", "response.output_item.done"):
            return ""
        own = [value[key] for key in ("content", "text", "delta") if isinstance(value.get(key), str)]
        return "".join(own) + "".join(text_of(inner) for inner in value.values() if isinstance(inner, (dict, list)))
    return "".join(map(text_of, value)) if isinstance(value, list) else ""


def said(answer):
    if not answer.headers.get("content-type", "").startswith("text/event-stream"):
        return text_of(json.loads(answer.body))
    events = [line[5:].strip() for line in answer.body.splitlines() if line.startswith("data:")]
    return "".join(text_of(json.loads(event)) for event in events if event != "[DONE]")


ALL = [chat, anthropic, responses, gemini]
