# What the scripts of the agents share; to be sourced. Each script runs one agent for one turn, with no login, no settings of
# whoever runs it and no way to the network but LIP:
#
#   agent_NAME.sh BASE MODEL PROMPT      BASE is LIP's origin, MODEL a name that LIP knows
#
# Environment: LIP_KEY, the key that LIP takes; LIP_TOOLS, where `scripts/tools agents` put the agents; AGENT_FOLDER, an
# empty folder that the agent may fill (default: a new one); AGENT_S, how long it may take (default: 120).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tools=${LIP_TOOLS:-$here/../../.tools}
agents=$tools/agents/bin
[ $# -ge 3 ] || { echo "usage: ${0##*/} BASE MODEL PROMPT" >&2; exit 2; }
base=$1 model=$2 prompt=$3
key=${LIP_KEY:-sk-any}
folder=${AGENT_FOLDER:-$(mktemp -d)}
mkdir -p "$folder/home" "$folder/work" "$folder/tmp"
cd "$folder/work"

# Runs a program with nothing in its environment but what is given: `alone NAME=VALUE… PROGRAM ARGUMENT…`.
alone() {
  exec env -i PATH="$tools/bin:/usr/local/bin:/usr/bin:/bin" HOME="$folder/home" TMPDIR="$folder/tmp" \
    TERM=dumb NO_COLOR=1 LANG=C.UTF-8 NO_PROXY=127.0.0.1 timeout "${AGENT_S:-120}" env "$@" </dev/null
}
