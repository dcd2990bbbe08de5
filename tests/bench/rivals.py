"""Other gateways next to LIP, where they are installed: see install-rivals.sh. What is not there is skipped with a line."""
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import report
from report import FLOOR, Row, number
from rounds import in_rounds
from traffic import CASES, TITLES
from yard import Peer, Program, free_port

# Interpreters take their time.
PATIENCE_S = 120
MODEL = "gpt-bench"


@dataclass(frozen=True)
class Rival:
    """One gateway: what has to be there, how it is started, and how it is asked. `needs` and the first word of `command` lie in the folder of rivals."""
    name: str
    needs: str
    command: tuple
    base: str = ""
    model: str = MODEL
    headers: tuple = ()
    env: tuple = ()
    config: tuple = ()
    slow: bool = False

    def program(self, yard, folder):
        port = free_port()
        words = {"port": port, "upstream": yard.mock_address, "folder": folder, "config": yard.scratch / self.config[0] if self.config else "", "here": Path(__file__).parent}
        if self.config:
            words["config"].write_text(self.config[1].format(**words))
        env = {"OPENAI_API_KEY": "x", "NO_PROXY": "127.0.0.1", "HOME": str(yard.scratch), **{key: value.format(**words) for key, value in self.env}}
        said = "listening on " if self.name == "TensorZero" else None
        return Program(self.name, [word.format(**words) for word in self.command], env, said, None if said else port, PATIENCE_S)

    def peer(self, yard, folder):
        process, address = yard.start(self.program(yard, folder))
        headers = tuple(header.format(upstream=yard.mock_address) for header in self.headers)
        return Peer(self.name, address, process.pid, self.model, base=self.base, headers=headers, slow=self.slow)


RIVALS = [
    Rival("TensorZero", "tensorzero/bin/python", ("{folder}/tensorzero/bin/python", "{here}/tensorzero_gateway.py", "{config}"), base="/openai",
          model=f"tensorzero::model_name::{MODEL}", env=(("RUST_LOG", "error"),), config=("tensorzero.toml", f"""
[gateway]
observability.enabled = false
disable_pseudonymous_usage_analytics = true
[models.{MODEL}]
routing = ["mock"]
[models.{MODEL}.providers.mock]
type = "openai"
model_name = "{MODEL}"
api_base = "http://{{upstream}}/v1/"
api_key_location = "env::OPENAI_API_KEY"
""")),
    Rival("LiteLLM", "litellm/bin/litellm", ("{folder}/litellm/bin/litellm", "--config", "{config}", "--host", "127.0.0.1", "--port", "{port}", "--telemetry", "False"),
          env=(("LITELLM_LOCAL_MODEL_COST_MAP", "True"), ("LITELLM_LOG", "ERROR"), ("LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY", "true")), slow=True, config=("litellm.yaml", f"""
model_list:
  - model_name: {MODEL}
    litellm_params: {{{{model: openai/{MODEL}, api_base: "http://{{upstream}}/v1", api_key: x}}}}
litellm_settings: {{{{telemetry: false, num_retries: 0}}}}
general_settings: {{{{disable_spend_logs: true}}}}
""")),
    Rival("Portkey", "portkey/node_modules/@portkey-ai/gateway/build/start-server.js",
          ("node", "{folder}/portkey/node_modules/@portkey-ai/gateway/build/start-server.js", "--headless", "--port={port}"), env=(("NODE_ENV", "production"),),
          headers=("authorization: Bearer x", "x-portkey-provider: openai", "x-portkey-custom-host: http://{upstream}/v1")),
    Rival("hub", "hub/hub", ("{folder}/hub/hub",), base="/api", env=(("PORT", "{port}"), ("CONFIG_FILE_PATH", "{config}"), ("TRACE_CONTENT_ENABLED", "false"), ("RUST_LOG", "error")), config=("hub.yaml", f"""
providers: [{{{{key: openai, type: openai, api_key: x, base_url: "http://{{upstream}}/v1"}}}}]
models: [{{{{key: {MODEL}, type: {MODEL}, provider: openai}}}}]
pipelines: [{{{{name: default, type: chat, plugins: [{{{{model-router: {{{{models: [{MODEL}]}}}}}}}}]}}}}]
""")),
]


class Rivals:
    """Other gateways, with the same requests and streams: CPU, what they add, memory."""
    title = "Next to other gateways"

    @staticmethod
    def measure(bench):
        options = bench.options
        folder = Path(options.rivals_dir).resolve() if options.rivals_dir else None
        if not folder:
            print("bench: no folder of rivals is given: --rivals-dir, or LIP_BENCH_RIVALS", file=sys.stderr)
            return {"rivals": []}
        with bench.yard() as yard:
            direct, peers = yard.mock(), [yard.peer(yard.floor_program()), yard.peer(yard.lip_program())]
            peers += [peer for peer in (started(yard, rival, folder) for rival in RIVALS) if peer]
            idle = {peer.name: yard.weight(peer) for peer in peers}
            result = in_rounds(yard, [(direct.dialect, direct, peers)], options.cases or list(TITLES), options)
            busy = {peer.name: yard.weight(peer) for peer in peers}
        return {**result, "rivals": [peer.name for peer in peers[2:]], "idle": idle, "busy": busy}

    @staticmethod
    def errors(result):
        """Ours: what others get wrong is shown, and fails nothing."""
        return sum(peers[name]["errors"] for peers in result["summary"]["cases"].values() for name in (FLOOR, "lip")) if result["rivals"] else 0

    @staticmethod
    def markdown(result):
        if not result["rivals"]:
            return "None is installed."
        lines = ["", "### What they weigh", "", "| proxy | RSS after the start, MB | after the load | processes | threads |", "|---" * 5 + "|"]
        for name, weight in result["idle"].items():
            lines.append(f"| {name} | {number(weight['rss_kb'] / 1024)} | {number(result['busy'][name]['rss_kb'] / 1024)} | {weight['processes']} | {weight['threads']} |")
        leads = {rival: dict(lead(result, rival)) for rival in result["rivals"]}
        lines += ["", "### Ours by theirs: below 1 is ahead", "", "| what | " + " | ".join(leads) + " |", "|---" * (1 + len(leads)) + "|"]
        for what in next(iter(leads.values())):
            lines.append(f"| {what} | " + " | ".join(f"{found[what]:.3f}" for found in leads.values()) + " |")
        return report.table(result) + "\n" + "\n".join(lines)

    @staticmethod
    def rows(result):
        for rival in result["rivals"]:
            what, ratio = max(lead(result, rival), key=lambda found: found[1])
            yield Row(f"next to {rival}, where it comes nearest: {what}", ratio, 1.0, "× theirs")


def started(yard, rival, folder):
    """The rival, if it is there and answers a request and a stream as it should."""
    if not (folder / rival.needs).exists() or rival.command[0] == "node" and not shutil.which("node"):
        print(f"bench: {rival.name} is not installed: skipped", file=sys.stderr)
        return None
    try:
        peer = rival.peer(yard, folder)
    except (SystemExit, OSError) as error:
        print(f"bench: {rival.name} is skipped, it does not start: {str(error)[-300:]}", file=sys.stderr)
        return None
    for case in CASES:
        yard.set_profile(case.profile)
        answer = yard.in_turn([peer], case, 1)[rival.name]
        if answer["errors"]:
            print(f"bench: {rival.name} fails at \"{TITLES[case.name]}\", skipped: {answer['last_error']}", file=sys.stderr)
            yard.stop(peer.pid)
            return None
    return peer


def lead(result, rival):
    """What is compared, and our part of theirs."""
    for name, peers in result["summary"]["cases"].items():
        case, ours, theirs = report.KINDS[name.split()[0]], peers["lip"], peers[rival]
        yield f"CPU, {TITLES[case.name]}", ours["cpu_us"] / theirs["cpu_us"]
        added = "added_first" if case.stream else "added"
        # Ours may be below zero where the machine is noisy; theirs is what it is compared with.
        yield f"added p50{' to the first delta' if case.stream else ''}, {TITLES[case.name]}", ours[added]["p50"] / max(1.0, theirs[added]["p50"])
    yield "RSS after the load", result["busy"]["lip"]["rss_kb"] / result["busy"][rival]["rss_kb"]
