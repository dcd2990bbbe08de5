#!/usr/bin/env bash
# Claude Code: Anthropic Messages.
. "$(dirname "$0")/agent_env.sh"
mkdir -p "$folder/home/.claude"
alone ANTHROPIC_BASE_URL="$base" ANTHROPIC_API_KEY="$key" API_TIMEOUT_MS=60000 CLAUDE_CODE_MAX_RETRIES=1 \
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 DISABLE_TELEMETRY=1 DISABLE_ERROR_REPORTING=1 DISABLE_AUTOUPDATER=1 \
  "$agents/claude" -p "$prompt" --model "$model" --output-format json --allowedTools 'Bash(echo:*)'
