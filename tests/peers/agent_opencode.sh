#!/usr/bin/env bash
# opencode, which speaks all four protocols: AGENT_PROTOCOL is chat, responses, anthropic or gemini.
. "$(dirname "$0")/agent_env.sh"
case ${AGENT_PROTOCOL:-chat} in
  chat) package=@ai-sdk/openai-compatible url=$base/v1 ;;
  responses) package=@ai-sdk/openai url=$base/v1 ;;
  anthropic) package=@ai-sdk/anthropic url=$base/v1 ;;
  gemini) package=@ai-sdk/google url=$base/v1beta ;;
  *) echo "agent_opencode.sh: no protocol $AGENT_PROTOCOL" >&2; exit 2 ;;
esac
cat >"$folder/opencode.json" <<JSON
{"autoupdate": false, "share": "disabled", "permission": {"bash": "allow", "edit": "allow"},
 "provider": {"lip": {"npm": "$package", "name": "lip", "options": {"baseURL": "$url", "apiKey": "$key"},
  "models": {"$model": {"name": "$model", "tool_call": true, "limit": {"context": 128000, "output": 8192}}}}},
 "model": "lip/$model", "small_model": "lip/$model"}
JSON
alone OPENCODE_CONFIG="$folder/opencode.json" OPENCODE_DISABLE_AUTOUPDATE=1 OPENCODE_DISABLE_MODELS_FETCH=1 \
  OPENCODE_DISABLE_LSP_DOWNLOAD=1 OPENCODE_DISABLE_DEFAULT_PLUGINS=1 OPENCODE_DISABLE_SHARE=1 \
  "$agents/opencode" run --format json --model "lip/$model" "$prompt"
