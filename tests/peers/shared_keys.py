#!/usr/bin/env python3
"""Client keys in a real PostgreSQL: what `lip keys` writes there every host takes up, and keeps while the server is away; and what `lip doctor` says of it.

    python3 tests/peers/shared_keys.py --lip target/stage/dev/lip

Needs what `postgres.py` needs.
"""

import hashlib
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from frame import frame, lip_of_arguments  # noqa: E402
from patience import require, until  # noqa: E402
from postgres import KEY, PASSWORD, Host, Postgres  # noqa: E402

TOP = 'access_mode = "multi_user"\n[auth]\nkeys_database = true\n'


class Keyed(Host):
    """A host that takes its client keys from there."""

    def status(self, key):
        self.key = key
        return self.turn(0)[0]

    def keys(self, *args):
        """What `lip keys` prints, and says."""
        command = [str(self.lip), "keys", *args, "--config", str(self.config)]
        done = subprocess.run(command, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        return done.returncode, done.stdout.strip(), done.stderr


def told(postgres, hosts):
    """A key is made once, stands nowhere, and is one for all hosts; a revoked one for none."""
    one, other = hosts
    require("before there is any", {host.status("guess") for host in hosts}, {401})
    code, ann, _ = one.keys("new", "ann", "--requests-per-minute", "100000")
    require("made", code, 0)
    for host in hosts:
        until("ann's key", lambda: host.status(ann) == 200)
        require("another", host.status(ann + "x"), 401)
    code, _, said = other.keys("new", "ann")
    assert code != 0 and "already" in said, said
    assert "requests_per_minute 100000" in other.keys("list")[1].replace('"', ""), other.keys("list")
    dump = postgres.ask("SELECT told FROM lip_clients", "keys")
    assert ann not in dump and hashlib.sha256(ann.encode()).hexdigest() in dump, dump
    assert ann not in one.log() + other.log()
    return ann


def names(postgres, lip, folder, one, ann):
    """A name that a host's own configuration gives away is not another's there."""
    top = f'{TOP}keys_kept_for = 1\n[auth.keys.ben]\nhash = "sha256:{hashlib.sha256(KEY.encode()).hexdigest()}"\n'
    own = Keyed(lip, folder / "own", one.env["LIP_USAGE_DATABASE"], top)
    code, _, said = own.keys("new", "ben")
    assert code != 0 and "already" in said, said
    _, ben, _ = one.keys("new", "ben")
    until("ben's key", lambda: one.status(ben) == 200)
    until("ann's key", lambda: own.status(ann) == 200)
    require("keys of ben", (own.status(KEY), own.status(ben), one.status(KEY)), (200, 401, 401))
    return own


def away(postgres, hosts, ann):
    """Keys that are known stay known; a host that was started without the server says that it knows none, and learns them."""
    one, other = hosts[:2]
    postgres.crash()
    other.server.stop()
    other.begin()
    require("one that knows it", one.status(ann), 200)
    require("one that cannot know it", other.status(ann), 503)
    until("the end of the time for which keys are kept", lambda: hosts[2].status(ann) == 503)
    require("a key of its own", hosts[2].status(KEY), 200)
    postgres.start()
    for host in hosts:
        until("ann's key", lambda: host.status(ann) == 200)
    require("revoked", one.keys("revoke", "ann")[0], 0)
    for host in hosts:
        until("its end", lambda: host.status(ann) == 401)
    code, _, said = one.keys("revoke", "ann")
    assert code != 0 and "no key" in said, said


def doctor(host, **env):
    """What is said of the database and the spool: level, and sentence with remedy."""
    command = [str(host.lip), "doctor", "--json", "--config", str(host.config)]
    done = subprocess.run(command, env=host.env | env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert PASSWORD.encode() not in done.stdout + done.stderr, done
    findings = json.loads(done.stdout)["findings"]
    return {one["what"]: (one["level"], f"{one['finding']}; {one['remedy']}") for one in findings if one["what"] in ("usage database", "spool")}


def looked_at(postgres, host):
    """A server that is well, empty, of a newer LIP, not to be written, or gone; and rows that wait for it."""
    one = lambda found, level, word: require(f"{word} in {found}", (found[0], word in found[1]), (level, True))  # noqa: E731
    found = doctor(host)
    one(found["usage database"], "ok", "tables have version")
    one(found["spool"], "ok", "nothing waits")
    one(doctor(host, LIP_USAGE_DATABASE=postgres.make("fresh"))["usage database"], "ok", "first host makes")
    require("tables that a doctor made", postgres.ask("SELECT COUNT(*) FROM pg_tables WHERE tablename LIKE 'lip_%'", "fresh"), "0")
    newer = postgres.make("newer")
    postgres.ask("CREATE TABLE lip_schema (one BIGINT, version BIGINT); INSERT INTO lip_schema VALUES (1, 99)", "newer")
    one(doctor(host, LIP_USAGE_DATABASE=newer)["usage database"], "fail", "version 99")
    postgres.ask(f"CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest", "keys")
    guest = postgres.url("keys").replace("//lip:", "//guest:")
    one(doctor(host, LIP_USAGE_DATABASE=guest)["usage database"], "fail", "may not write")
    one(doctor(host, LIP_USAGE_DATABASE=guest.replace(PASSWORD, "wrong"))["usage database"], "fail", "cannot be asked")
    postgres.crash()
    host.key = KEY
    require("a turn without the database", host.turn(0)[0], 200)
    until("a row that waits", lambda: "1 rows wait" in doctor(host)["spool"][1])
    one(doctor(host)["usage database"], "fail", "check usage.database")
    postgres.start()


def main():
    lip = lip_of_arguments(__doc__)
    with frame() as held:
        postgres, folder = held.add(Postgres(held.folder("pg"))), held.folder("lip")
        url = postgres.make("keys")
        one, other = [held.add(Keyed(lip, folder / name, url, TOP)) for name in ("one", "other")]
        ann = told(postgres, [one, other])
        own = held.add(names(postgres, lip, folder, one, ann))
        away(postgres, [one, other, own], ann)
        looked_at(postgres, own)
    print("client keys are the same for all hosts")


if __name__ == "__main__":
    main()
