"""Runs the gateway that the package `tensorzero` has inside; says where it listens. Called by rivals.py with the interpreter that has the package."""
import sys
import threading

import tensorzero

gateway = tensorzero._start_http_gateway(config_file=sys.argv[1], clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=False)
# The URL that its own client is given: scheme, address, path.
print("listening on", "/".join(gateway.base_url.split("/")[:3]), flush=True)
threading.Event().wait()
