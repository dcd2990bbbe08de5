#!/usr/bin/env bash
# Gemini CLI: Gemini, streamed.
. "$(dirname "$0")/agent_env.sh"
mkdir -p "$folder/home/.gemini"
cat >"$folder/home/.gemini/settings.json" <<'JSON'
{"security": {"auth": {"selectedType": "gemini-api-key"}}, "privacy": {"usageStatisticsEnabled": false},
 "telemetry": {"enabled": false}, "general": {"enableAutoUpdate": false, "disableAutoUpdate": true}}
JSON
alone GEMINI_API_KEY="$key" GOOGLE_GEMINI_BASE_URL="$base" GEMINI_CLI_TRUST_WORKSPACE=true GEMINI_TELEMETRY_ENABLED=false \
  "$tools/bin/node" "$agents/gemini.js" --model "$model" --approval-mode yolo --output-format json --prompt "$prompt"
