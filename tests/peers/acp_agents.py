"""The real agents that `acp.py` puts behind LIP: how each is installed, set up, and kept from any network.

Sources: geminicli.com/docs, opencode.ai/docs/config, developers.openai.com/codex/config-reference, and the README of
`@agentclientprotocol/codex-acp`. An agent is made with a fresh home, the origin of its model, and the words that go before its command line.
"""

import json
import shlex

from servers import NODE, TOOLS

KEY = "sk-of-the-stand-in"
SPOKEN = ["initialize", "session/new", "session/prompt", "session/cancel", "session/request_permission"]
"""What LIP says to any agent in the stories."""


class Gemini:
    """The real Gemini CLI, by its own connector."""

    name, kind, spoken = "gemini", "gemini-cli-acp", SPOKEN
    chosen = "gemini-other", None

    def __init__(self, home, origin, front):
        (home / ".gemini").mkdir()
        settings = {
            "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}},
            "general": {"enableAutoUpdate": False, "disableAutoUpdate": True},
            "privacy": {"usageStatisticsEnabled": False},
            "telemetry": {"enabled": False},
        }
        (home / ".gemini/settings.json").write_text(json.dumps(settings))
        program = home / "gemini"
        words = [*front, str(NODE), f"{TOOLS}/acp/node_modules/@google/gemini-cli/bundle/gemini.js"]
        program.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        program.chmod(0o755)
        self.lines = f'gemini_cli_executable = "{program}"\n'
        self.env = {"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": origin}


class Opencode:
    """The real opencode, by its command line."""

    name, kind, spoken = "opencode", "custom-acp", [*SPOKEN, "session/set_config_option"]
    chosen = "stand-in/other", None

    def __init__(self, home, origin, front):
        (home / ".config/opencode").mkdir(parents=True)
        provider = {"npm": "@ai-sdk/openai-compatible", "options": {"baseURL": f"{origin}/v1", "apiKey": KEY}}
        provider |= {"name": "stand-in", "models": {name: {"name": name, "tool_call": True} for name in ("m", "other")}}
        settings = {"provider": {"stand-in": provider}, "model": "stand-in/m", "autoupdate": False, "share": "disabled", "permission": {"edit": "ask"}}
        (home / ".config/opencode/opencode.json").write_text(json.dumps(settings))
        self.lines = f"command = {json.dumps([*front, f'{TOOLS}/agents/bin/opencode', 'acp'])}\n"
        self.env = {"OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_AUTOUPDATE": "1"}


class Codex:
    """The real Codex, by the command line of its adapter. In the mode `read-only` it asks before it writes; by default a model decides."""

    name, kind, spoken = "codex", "custom-acp", [*SPOKEN, "session/set_config_option"]
    chosen = "gpt-5.6-sol", "high"

    def __init__(self, home, origin, front):
        (home / ".codex").mkdir()
        (home / ".codex/config.toml").write_text(CODEX.replace("{origin}", origin))
        words = [*front, str(NODE), f"{TOOLS}/acp/node_modules/@agentclientprotocol/codex-acp/dist/index.js"]
        self.lines = f"command = {json.dumps(words)}\n"
        self.env = {"CODEX_HOME": home / ".codex", "STAND_IN_KEY": KEY, "INITIAL_AGENT_MODE": "read-only", "NO_BROWSER": "1"}


CODEX = """\
model = "gpt-5.5"
model_provider = "stand-in"
check_for_update_on_startup = false
[analytics]
enabled = false
[features]
apps = false
plugins = false
[model_providers.stand-in]
name = "stand-in"
base_url = "{origin}/v1"
env_key = "STAND_IN_KEY"
wire_api = "responses"
supports_websockets = false
"""

AGENTS = {agent.name: agent for agent in (Gemini, Opencode, Codex)}
