#!/usr/bin/env python3
"""`lip acp` as the agent of a real client: acpx, with LIP's own echo behind it. No network.

    python3 tests/peers/acp_client.py --lip target/stage/dev/lip

What LIP says is written down and held against the protocol's own schema. Needs `scripts/tools acp`. Uses the standard library only.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "sdk")]

from servers import NODE, PYTHON, TOOLS, end_when_told, quiet_env, run_quietly  # noqa: E402

ACPX = TOOLS / "acp/node_modules/acpx/dist/cli.js"
PATIENCE_S = 60
WANTS = ("initialize", "session/new", "session/prompt", "session/update", "session/set_config_option")
CONFIG = 'default_backend = "echo"\n'


class Desk:
    """A home, a project in it, and the client that keeps its sessions there."""

    def __init__(self, lip):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lip-acp-client-"))
        self.project, self.record = self.folder / "project", self.folder / "record"
        self.project.mkdir(), self.record.mkdir()
        config = self.folder / "lip.toml"
        config.write_text(CONFIG)
        # The client splits it as a shell does.
        tee = f'"{sys.executable}" "{HERE / "acp_tee.py"}" "{self.record}"'
        self.agent = f'{tee} "{lip}" acp --config "{config}"'
        self.env = quiet_env() | {"HOME": str(self.folder)}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # The client keeps its agent for a while: told to close, it ends it.
        self.run("sessions", "close", may_fail=True)
        gone = ended(str(self.folder))
        shutil.rmtree(self.folder, ignore_errors=True)
        assert gone, "processes of the client or of LIP are left"

    def command(self, *words, options=()):
        return [str(word) for word in (NODE, ACPX, *options, "--agent", self.agent, *words)]

    def run(self, *words, options=("--format", "quiet"), may_fail=False):
        """What the client prints for people."""
        done = subprocess.run(
            self.command(*words, options=options), cwd=self.project, env=self.env, capture_output=True, text=True, timeout=PATIENCE_S
        )
        assert may_fail or done.returncode == 0, (words, done.returncode, done.stdout, done.stderr)
        return done.stdout.strip() if done.returncode == 0 else done.stdout + done.stderr

    def start(self, *words):
        """A client that is not waited for."""
        return subprocess.Popen(self.command(*words), cwd=self.project, env=self.env, stdout=subprocess.PIPE, text=True)


def ended(mark):
    """Waits until no process has `mark` among its words."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        lines = []
        for words in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                lines.append(words.read_bytes().decode(errors="replace"))
            except OSError:
                pass  # It ended while it was looked at.
        if not any(mark in line for line in lines):
            return True
        time.sleep(0.05)
    return False


def one_shot(desk):
    """Text, thoughts, usage, the model by the client's own option, an error."""
    assert desk.run("exec", "hello, editor") == "hello, editor"
    lines = desk.run("exec", "#echo reasoning easy\n#echo usage 11 7\nhello", options=("--format", "json")).splitlines()
    messages = [json.loads(line) for line in lines]
    updates = [message["params"]["update"] for message in messages if message.get("method") == "session/update"]
    said = [(update["sessionUpdate"], update["content"]["text"]) for update in updates]
    assert said == [("agent_thought_chunk", "easy"), ("agent_message_chunk", "hello")], said
    end = messages[-1]["result"]
    assert (end["stopReason"], end["usage"]["totalTokens"]) == ("end_turn", 18), end
    shown = desk.run("exec", "hello", options=("--model", "echo:echo-reasoner"))
    assert "thinking about: hello" in shown, shown
    failed = desk.run("exec", "#echo error 429 slow down", may_fail=True)
    assert "slow down" in failed, failed


def conversation(desk):
    """One session for several runs of the client: commands keep what they set, a prompt is cancelled, and the session goes on."""
    desk.run("sessions", "new")
    assert "heliotrope" in desk.run("!/project(heliotrope)")
    assert desk.run("hello") == "hello"
    assert "heliotrope" in desk.run("!/project")
    for _ in range(5):
        slow = desk.start("#echo delay 30000\na text that comes in several pieces, each of them very late")
        end = time.monotonic() + PATIENCE_S
        while slow.poll() is None and time.monotonic() < end:
            desk.run("cancel", may_fail=True)
        shown, _ = slow.communicate(timeout=1)
        if shown:
            break  # Else the client was cancelled before it had sent its prompt.
    assert "cancelled" in shown, shown
    assert "echo:echo-reasoner" in desk.run("set", "model", "echo:echo-reasoner")
    assert desk.run("still here").endswith("still here")


def schema(desk):
    """LIP's side of all that was said."""
    for path in desk.record.iterdir():
        entries = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        path.write_text("".join(f"{json.dumps(by_the_book(entry))}\n" for entry in entries))
    wants = [word for method in WANTS for word in ("--want", method)]
    done = run_quietly([PYTHON, HERE / "acp_schema.py", desk.record, "--side", "agent", *wants], 60)
    print(done.stdout, end="")
    assert done.returncode == 0, "the schema"


def by_the_book(entry):
    """Without `models`, which is older than the standard, and `usage`, which is still a draft of it: clients read both, the schema has neither."""
    message = json.loads(entry["line"])
    if entry["from"] == "agent" and isinstance(message.get("result"), dict):
        for name in ("models", "usage"):
            message["result"].pop(name, None)
    return entry | {"line": json.dumps(message)}


def main():
    end_when_told()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lip", required=True, type=os.path.abspath)
    args = parser.parse_args()
    failed = 0
    stories = (one_shot, conversation, schema)
    with Desk(args.lip) as desk:
        for story in stories:
            began = time.monotonic()
            try:
                story(desk)
                print(f"acpx       {story.__name__:20} passed {time.monotonic() - began:5.1f} s", flush=True)
            except Exception as error:  # noqa: BLE001
                failed += 1
                print(f"acpx       {story.__name__:20} FAILED {error!r:.1500}", flush=True)
    print(f"{len(stories) - failed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
