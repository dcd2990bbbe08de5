"""The frame of a script that starts servers: they end with it, in reverse order, and what they said is shown where it fails."""

import argparse
import contextlib
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "sdk"))

from servers import end_when_told  # noqa: E402


def lip_of_arguments(doc):
    """The staged binary that `--lip` names; its plugins lie next to it."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--lip", type=pathlib.Path, required=True, help="the staged binary; its plugins lie next to it")
    return parser.parse_args().lip.resolve()


class Frame:
    """What runs, and folders that go with it."""

    def __init__(self):
        self.running = []
        self._folders = contextlib.ExitStack()

    def folder(self, prefix):
        return pathlib.Path(self._folders.enter_context(tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)))

    def add(self, server):
        """`server`, which has `stop` and `shown`."""
        self.running.append(server)
        return server

    def end(self):
        for server in reversed(self.running):
            server.stop()
        self._folders.close()


@contextlib.contextmanager
def frame():
    end_when_told()
    held = Frame()
    try:
        yield held
    except BaseException:
        for server in held.running:
            print(server.shown())
        raise
    finally:
        held.end()


def tell(stories):
    """Carries out each, given as its name and what to do, and says how long it took."""
    for what, story in stories:
        began = time.monotonic()
        story()
        print(f"ok    {what}, {time.monotonic() - began:.1f} s", flush=True)
