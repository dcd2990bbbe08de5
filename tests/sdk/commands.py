"""In-chat commands through the official Python SDKs, on all four frontends, streamed and not.

python commands.py --base http://127.0.0.1:8000 --mode upstream --seen http://127.0.0.1:8001
"""

import json
import pathlib
import re
import urllib.parse
import urllib.request
import uuid

from harness import Script, same
from talks import TALKS, Gemini, Messages

SAID = json.loads((pathlib.Path(__file__).parent / "commands.json").read_text("utf-8"))
script = Script("in-chat commands (Python)", {"echo": "", "upstream": ""})
PLAIN, TOOL = script.case("plain"), script.case("tool")
each_way, mixed = [], []
"""Checks that run streamed and not, and checks that do both by turns."""


def upstream_bodies(mark, path=""):
    query = urllib.parse.urlencode({"holding": mark, "path": path})
    with urllib.request.urlopen(f"{script.args.seen}/__seen?{query}", timeout=20) as answer:
        return json.load(answer)


def elsewhere(talk):
    """A frontend whose provider is not the one that `talk` names."""
    return Gemini if isinstance(talk, Messages) else Messages


@each_way.append
def every_command(talk, mark):
    asked = []
    for words, want in SAID["said"]:
        text = talk.say(words.replace("{mark}", mark))
        assert want.replace("{mark}", mark) in text, f"{words}: {text}"
        asked += re.findall(r"!/([a-z-]+)", words)
        if words == "!/help":
            known = re.findall(r"^\s*!/([a-z-]+)", text, re.M)
    assert len(known) > 20, known
    same(sorted(set(known) - set(asked)), [], "commands of !/help that commands.json does not say")
    same(upstream_bodies(mark), [], "what reached the upstream")


@each_way.append
def switch_and_unset(talk, mark):
    other = elsewhere(talk)

    def where(words):
        before = len(upstream_bodies(mark, talk.path)), len(upstream_bodies(mark, other.path))
        same(talk.say(f"{PLAIN.prompt} {mark} {words}"), PLAIN.text)
        return len(upstream_bodies(mark, talk.path)) - before[0], len(upstream_bodies(mark, other.path)) - before[1]

    same(where("one"), (1, 0))
    name = other.home.split(":")[0]
    same(talk.say(f"!/backend({name})"), f"Backend: {name}")
    same([where("two"), where("three")], [(0, 1), (0, 1)], "after the switch")
    assert "unset" in talk.say("!/unset(backend)")
    same(where("four"), (1, 0), "after unset")


@each_way.append
def one_off_is_used_by_a_success_once(talk, mark):
    other = elsewhere(talk)
    assert other.home in talk.say(f"!/oneoff({other.home})")
    talk.try_to_say(f"CASE-ERROR-400 {mark}")
    for _ in "12":
        same(talk.say(f"{PLAIN.prompt} {mark}"), PLAIN.text)
    same((len(upstream_bodies(mark, other.path)), len(upstream_bodies(mark, talk.path))), (2, 1), "turns there and at home")


@mixed.append
def agent_of_twenty_turns(talk, mark):
    local, commands = [], iter(SAID["between_turns"])
    for turn in range(20):
        talk.streamed = turn % 2 == 0
        if turn % 3 == 1:
            local.append(talk.say(next(commands).replace("{elsewhere}", elsewhere(talk).home)))
        words = f"{TOOL.prompt} {mark} turn {turn}"
        words = {2: f"{words}\n!/set(project=p{turn})", 3: f"!/reasoning-effort(low)\n{words}"}.get(turn % 4, words)
        talk.history.append(talk.user(words))
        _, calls = talk.ask()
        same([name for _, name in calls], ["get_weather"])
        talk.history.append(talk.result(calls[0], SAID["tool_result"]))
        same(talk.ask()[0], TOOL.after, f"turn {turn}")
    bodies = upstream_bodies(mark)
    same((len(local), len(bodies)), (7, 40), "local answers and requests")
    same(len(upstream_bodies(mark, elsewhere(talk).path)), 1, "one-off turns")
    quoted = json.dumps(SAID["tool_result"])[1:-1]
    for body in bodies:
        rest = body.replace(json.dumps(quoted)[1:-1], "").replace(quoted, "")  # one provider gets results as JSON within JSON
        assert "!/" not in rest, rest[max(0, rest.index("!/") - 100) :][:300]
        for text in local:
            assert json.dumps(text, ensure_ascii=False)[1:-1] not in body, f"an answer of LIP went on: {text}"
    assert all(f"turn {turn}" in bodies[-1] for turn in range(20)), "the conversation lost turns"
    same(bodies[-1].count(quoted), 20, "tool results")


def named(check, kind, streamed, way):
    def run():
        check(kind(script, streamed), f"mark-{uuid.uuid4().hex}")

    run.__name__ = f"{kind.__name__.lower()}_{way}_{check.__name__}"
    return run


for kind in TALKS:
    for check in each_way:
        script.check(named(check, kind, False, "whole"))
        script.check(named(check, kind, True, "stream"))
    for check in mixed:
        script.check(named(check, kind, True, "mixed"))
script.run()
