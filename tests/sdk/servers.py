"""The processes that the SDK suite needs: the stand-in upstream, the witness before it, and LIP itself.

Every server listens on a port that the system chooses, says so in a ready line, and is ended by its pid.
"""

import os
import pathlib
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TOOLS = pathlib.Path(os.environ.get("LIP_TOOLS", ROOT / ".tools"))
PYTHON, NODE = TOOLS / "py/bin/python", TOOLS / "bin/node"
AIMOCK = TOOLS / "npm/node_modules/@copilotkit/aimock/dist/cli.js"
CLIENT_KEY, BAD_KEY, UPSTREAM_KEY = "sk-client-of-lip", "sk-unknown-to-lip", "sk-lip-at-upstream"
READY_S = 60

CONFIG = """\
default_backend = "echo"
[backends.echo]
type = "echo"
[backends.openai]
type = "openai"
api_url = "{upstream}/v1"
[backends.openai-responses]
type = "openai-responses"
api_url = "{upstream}/v1"
[backends.anthropic]
type = "anthropic"
api_url = "{upstream}/v1"
[backends.gemini]
type = "gemini"
api_url = "{upstream}"
"""
"""TOML for LIP: a backend for each dialect; `{upstream}` becomes the origin of the stand-in upstream."""


def quiet_env():
    """The environment without keys, proxies and settings of whoever runs this."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR", "LIP_TOOLS", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "NO_PROXY": "127.0.0.1", "HOME": tempfile.gettempdir()}


def run_quietly(command, limit_s):
    """Runs a program to its end, in an environment without keys; its two outputs are one."""
    return subprocess.run(
        [str(part) for part in command], env=quiet_env(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=limit_s
    )


def end_when_told():
    """Makes SIGTERM, as of a suite that took too long, run the `finally` clauses that end the servers."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))


class Server:
    """A child process that prints a ready line with its origin."""

    def __init__(self, name, command, env, ready, log):
        self.name, self.log = name, log
        self._lines = queue.Queue()
        self._process = subprocess.Popen(
            [str(part) for part in command],
            env=quiet_env() | env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        threading.Thread(target=self._copy, args=(ready,), daemon=True).start()
        try:
            found = self._lines.get(timeout=READY_S)
        except queue.Empty:
            found = None
        if found is None:
            self.stop()
            raise SystemExit(f"{name} did not say that it is ready\n{self.shown()}")
        self.origin = found

    def _copy(self, ready):
        with self.log.open("wb") as out:
            for line in self._process.stdout:
                out.write(line)
                out.flush()
                if match := re.search(ready, line.decode("utf-8", "replace")):
                    self._lines.put(match.group(1))
        self._lines.put(None)

    def shown(self):
        """The log's beginning, where a start-up summary stands, and its end."""
        lines = self.log.read_text("utf-8", "replace").splitlines() if self.log.exists() else []
        if len(lines) > 36:
            lines[12:-24] = ["…"]
        return "\n".join(f"  {self.name} | {line[:300]}" for line in lines)

    def alive(self):
        return self._process.poll() is None

    def kill(self):
        """At once, with its children."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self):
        """Asks first; a process that is still there after 5 s is killed, with its children."""
        if self.alive():
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()


def start_aimock(folder, keys):
    fixtures = ROOT / "tests/peers/aimock-fixtures.json"
    command = [NODE, AIMOCK, "-p", "0", "-h", "127.0.0.1", "-f", fixtures, "--log-level", "info"]
    return Server("upstream", command, {"AIMOCK_API_KEYS": keys}, r"listening on (http://\S+)", folder / "upstream.log")


def start_witness(folder, upstream, name="witness"):
    command = [NODE, ROOT / "tests/peers/witness.mjs", "--to", upstream.origin]
    return Server(name, command, {}, r"listening on (http://\S+)", folder / f"{name}.log")


def start_lip(binary, folder, upstream, port=0):
    """LIP with a backend for every dialect, all of them at `upstream`."""
    keys = {name: UPSTREAM_KEY for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY")}
    config = CONFIG.replace("{upstream}", upstream.origin)
    return start_alone(binary, folder, config, {"API_KEYS": CLIENT_KEY, **keys}, port)


def start_alone(binary, folder, config, env=None, port=0):
    """LIP with this configuration."""
    path, home = folder / "lip.toml", folder / "home"
    path.write_text(config, "utf-8")
    home.mkdir(exist_ok=True)
    env = {"HOME": str(home), "XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home), **(env or {})}
    command = [binary, "--config", path, "--host", "127.0.0.1", "--port", str(port)]
    return Server("lip", command, env, r"lip listening on (http://\S+)", folder / "lip.log")
