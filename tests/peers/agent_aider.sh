#!/usr/bin/env bash
# aider, which edits files by text alone and calls no tool: AGENT_PROTOCOL is chat, anthropic or gemini.
. "$(dirname "$0")/agent_env.sh"
case ${AGENT_PROTOCOL:-chat} in
  chat) provider=openai settings=(OPENAI_API_BASE="$base/v1" OPENAI_API_KEY="$key") ;;
  anthropic) provider=anthropic settings=(ANTHROPIC_API_BASE="$base" ANTHROPIC_BASE_URL="$base" ANTHROPIC_API_KEY="$key") ;;
  gemini) provider=gemini settings=(GEMINI_API_BASE="$base/v1beta" GEMINI_API_KEY="$key") ;;
  *) echo "agent_aider.sh: no protocol $AGENT_PROTOCOL" >&2; exit 2 ;;
esac
# A price list that is there keeps it from fetching one.
mkdir -p "$folder/home/.aider/caches"
echo '{}' >"$folder/home/.aider/caches/model_prices_and_context_window.json"
alone "${settings[@]}" LITELLM_LOCAL_MODEL_COST_MAP=True AIDER_ANALYTICS=false \
  "$agents/aider" --model "$provider/$model" --no-git --yes-always --no-check-update --analytics-disable \
  --no-show-model-warnings --no-show-release-notes --no-auto-commits --no-detect-urls --no-pretty --map-tokens 0 \
  --timeout 60 --message "$prompt"
