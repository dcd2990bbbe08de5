"""What the scripts of several servers wait and compare with."""
import time

PATIENCE_S = 45


def require(what, found, wanted):
    assert found == wanted, f"{what}: {found}, not {wanted}"


def until(what, look):
    """The first good answer of `look`."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {PATIENCE_S} s")
