#!/bin/sh
# One turn of the real Codex CLI through a Responses server: it must call its shell, and then say that it has finished.
#
#   CODEX_BIN=path/to/codex tests/peers/agent_codex.sh http://127.0.0.1:8000/v1 http|ws [MODEL] [PROMPT]
#
# The prompt is one that the upstream answers with a call of `echo`; see the fixtures. MARK is what that prints, and DONE
# what the agent says in the end. Prints Codex's events, and exits with 0 if both were seen.
set -eu
base=$1 transport=$2 model=${3:-gpt-5-codex} prompt=${4:-PEER-AGENT: run echo}
mark=${MARK:-peer-agent-ran} done=${DONE:-PEER-AGENT-DONE}

case $transport in
  http) sockets=false ;;
  ws) sockets=true ;;
  *) echo "agent_codex: transport $transport is neither http nor ws" >&2; exit 2 ;;
esac

# Codex reads and writes nothing outside this folder.
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
mkdir -p "$room/home/.codex" "$room/work" "$room/tmp"
cat > "$room/home/.codex/config.toml" <<END
model = "$model"
model_provider = "lip"
approval_policy = "never"
check_for_update_on_startup = false

[analytics]
enabled = false

[model_providers.lip]
name = "LIP"
base_url = "$base"
env_key = "LIP_CLIENT_KEY"
wire_api = "responses"
supports_websockets = $sockets
request_max_retries = 0
stream_max_retries = 0
stream_idle_timeout_ms = 30000
END

cd "$room/work"
env -i PATH="$PATH" HOME="$room/home" TMPDIR="$room/tmp" TERM=dumb LANG=C.UTF-8 LIP_CLIENT_KEY="${LIP_CLIENT_KEY:-any}" \
  timeout "${LIMIT_S:-90}" "${CODEX_BIN:-codex}" exec --skip-git-repo-check --sandbox danger-full-access --json "$prompt" \
  </dev/null >"$room/events" 2>"$room/complaints" || { cat "$room/events" "$room/complaints"; exit 1; }
cat "$room/events"
for wanted in "\"aggregated_output\":\"$mark" "$done" '"type":"turn.completed"'; do
  grep -qF -- "$wanted" "$room/events" || { echo "agent_codex: no $wanted in its events" >&2; exit 1; }
done
