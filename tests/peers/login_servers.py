"""Stand-ins for the identity servers of OpenAI and Google and for the APIs behind them, strict about who asks with which token.

Sources: github.com/openai/codex (codex-rs/login, codex-rs/codex-api); github.com/google-gemini/gemini-cli (packages/core/src/code_assist);
developers.google.com/identity/protocols/oauth2; RFC 6749. Tokens have numbers: one access token is in force, and whatever else is shown is
refused. A server counts who was let in, who was refused, and how often tokens were asked for; what it does not expect is a complaint.
"""

import base64
import json
import re
import ssl
import subprocess
import threading
import urllib.parse
from http.server import ThreadingHTTPServer

import model
import model_responses

CANARY = "canary-"
HOUR_S = 3600
CODEX_CLIENT = "app_EMoamEEZ73f0CkXaXp7hrann"
CODEX_ACCOUNT = "acc-7f"
GOOGLE_CLIENT = "681255809395-oo8ft2oprdrnp9e3aqf6av3hmdib135j.apps.googleusercontent.com"
GOOGLE_HOSTS = ("oauth2.googleapis.com", "www.googleapis.com")
"""What Gemini CLI may ask beside Code Assist."""
PROJECT = "project-of-the-plan"
GREETING = [(0, "".join(model.GREETING))]
SCOPES = " ".join(f"https://www.googleapis.com/auth/{name}" for name in ("cloud-platform", "userinfo.email", "userinfo.profile"))


OPENAI_CLAIMS = {
    "https://api.openai.com/auth": {"chatgpt_account_id": CODEX_ACCOUNT, "chatgpt_plan_type": "plus", "chatgpt_user_id": "user-1", "user_id": "user-1"},
}
OPENAI_TOLD = {
    "/backend-api/codex/models": {"models": []},
    "/backend-api/wham/settings/user": {"commit_attribution_enabled": False},
    "/backend-api/wham/accounts/check": {
        "accounts": [{"id": CODEX_ACCOUNT, "account_user_id": "user-1", "structure": "personal", "plan_type": "plus"}],
        "default_account_id": CODEX_ACCOUNT,
        "account_ordering": [CODEX_ACCOUNT],
    },
}
"""What Codex CLI asks beside turns."""


class State:
    """What a server knows and has seen."""

    def __init__(self):
        self.lock = threading.Lock()
        self.number, self.is_revoked = 0, False
        self.complaints = []
        self.forget()

    def forget(self):
        """Begins to count anew."""
        self.renewals, self.let_in, self.refused = 0, [], []

    def seen(self):
        """What was counted since; each token that was let in once."""
        return {"renewals": self.renewals, "let in": sorted(set(self.let_in)), "refused": sorted(set(self.refused))}

    def renew(self):
        self.number, self.is_revoked = self.number + 1, False
        self.renewals += 1


def jwt(claims, number):
    """A token that nobody checks: its signature names it."""

    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'RS256', 'typ': 'JWT'})}.{part(claims)}.{CANARY}jwt-{number}"


class Login(model.Model):
    """One connection to a server that asks for a login."""

    server_version = "stand-in"

    def complain(self, words):
        self.server.state.complaints.append(words)

    def body(self):
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def answer(self, status, answer):
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def lets_in(self):
        """Is the token in force? Counts it by its number."""
        state, shown = self.server.state, self.headers.get("authorization", "")
        number = re.search(r"-(\d+)$", shown)
        number = int(number[1]) if number else -1
        with state.lock:
            fits = not state.is_revoked and shown == f"Bearer {self.access(state.number)}"
            (state.let_in if fits else state.refused).append(number)
        return fits


class OpenAi(Login):
    """auth.openai.com and the API that serves ChatGPT's plans."""

    @staticmethod
    def access(number, end_s=None):
        return jwt({"exp": end_s or 4_102_444_800, **OPENAI_CLAIMS}, number)

    @staticmethod
    def identity(number):
        return jwt({"email": "somebody@example.test", **OPENAI_CLAIMS}, number)

    def do_GET(self):
        told = OPENAI_TOLD.get(self.path.split("?")[0])
        if told is None:
            self.complain(f"GET {self.path}")
            return self.answer(404, {})
        self.answer(200, told) if self.lets_in() else self.refuse()

    def do_POST(self):
        body = self.body()
        if self.path == "/oauth/token":
            return self.token(body)
        if self.path != "/backend-api/codex/responses":
            self.complain(f"POST {self.path}")
            return self.answer(404, {})
        if not self.lets_in():
            return self.refuse()
        if self.headers.get("chatgpt-account-id") != CODEX_ACCOUNT:
            self.complain(f"chatgpt-account-id {self.headers.get('chatgpt-account-id')}")
        asked = json.loads(body)
        self.stream(model_responses.Answer(asked), [(0, piece) for piece in model.GREETING], True)

    def refuse(self):
        self.answer(401, {"error": {"code": "token_expired", "message": "Provided authentication token is expired."}})

    def token(self, body):
        """Refresh tokens work once."""
        state, asked = self.server.state, json.loads(body) if self.headers.get("content-type") == "application/json" else {}
        with state.lock:
            wanted = {"client_id": CODEX_CLIENT, "grant_type": "refresh_token", "refresh_token": f"{CANARY}rt-{state.number}"}
            wrong = [key for key, value in wanted.items() if asked.get(key) != value]
            if wrong:
                self.complain(f"a token was asked for with another {' and '.join(wrong)}")
                return self.answer(401, {"error": {"code": "refresh_token_reused", "message": "Your refresh token was already used."}})
            state.renew()
            number = state.number
        tokens = {"id_token": self.identity(number), "access_token": self.access(number), "refresh_token": f"{CANARY}rt-{number}"}
        self.answer(200, tokens)


class Google(Login):
    """Code Assist on this port; behind `CONNECT`, and with a certificate of this run, the hosts of Google's identity."""

    host = None
    """Of whom TLS is spoken."""

    @staticmethod
    def access(number):
        return f"{CANARY}ya29-{number}"

    @staticmethod
    def identity(number):
        return jwt({"email": "somebody@example.test"}, number)

    @staticmethod
    def refresh():
        return f"{CANARY}1//refresh"

    def do_CONNECT(self):
        host, _, port = self.path.rpartition(":")
        if host not in GOOGLE_HOSTS or port != "443":
            self.complain(f"CONNECT {self.path}")
            return self.answer(403, {})
        self.send_response(200)
        self.end_headers()
        self.host, self.close_connection = host, False
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)

    def finish(self):
        super().finish()
        self.connection.close()

    def do_GET(self):
        self.route(b"")

    def do_POST(self):
        self.route(self.body())

    def route(self, body):
        path = self.path.split("?")[0]
        if path == "/token" and self.host in (None, "oauth2.googleapis.com"):
            return self.token(body)
        if (self.host, path) == ("oauth2.googleapis.com", "/tokeninfo"):
            return self.about(lambda: {"aud": GOOGLE_CLIENT, "expires_in": str(HOUR_S), "scope": SCOPES, "email": "somebody@example.test"})
        if (self.host, path) == ("www.googleapis.com", "/oauth2/v2/userinfo"):
            return self.about(lambda: {"email": "somebody@example.test", "verified_email": True})
        if self.host is None and path.startswith("/v1internal:"):
            return self.about(None, path.partition(":")[2], body)
        self.complain(f"{self.command} {path} of {self.host}")
        self.answer(404, {})

    def about(self, told, method=None, body=b""):
        """What only the owner of the token gets."""
        if not self.lets_in():
            return self.answer(401, {"error": {"code": 401, "message": "Invalid Credentials", "status": "UNAUTHENTICATED"}})
        self.answer(200, told()) if told else self.code_assist(method, json.loads(body or b"{}"))

    def code_assist(self, method, asked):
        tier = {"id": "standard-tier", "name": "Code Assist", "userDefinedCloudaicompanionProject": True}
        if method == "loadCodeAssist":
            return self.answer(200, {"currentTier": tier, "allowedTiers": [{**tier, "isDefault": True}], "cloudaicompanionProject": PROJECT})
        if method in ("streamGenerateContent", "generateContent"):
            if asked.get("project") != PROJECT or not asked["request"]["contents"]:
                self.complain(f"a turn of the project {asked.get('project')}")
            return self.stream(lambda piece: [{"response": part, "traceId": "t"} for part in self.gemini(piece)], GREETING, method[0] == "s")
        known = {"retrieveUserQuota": {"buckets": []}, "listExperiments": {"experimentIds": [], "flags": []}}
        known |= {"countTokens": {"totalTokens": 11}, "fetchAdminControls": {}, "recordCodeAssistMetrics": {}}
        if method not in known:
            self.complain(f"Code Assist's {method}")
        self.answer(200 if method in known else 404, known.get(method, {}))

    def token(self, body):
        """A refresh token works until it is revoked; the answer has no new one."""
        state, asked = self.server.state, dict(urllib.parse.parse_qsl(body.decode()))
        wanted = {"client_id": GOOGLE_CLIENT, "grant_type": "refresh_token", "refresh_token": self.refresh()}
        wrong = [key for key, value in wanted.items() if asked.get(key) != value]
        if wrong or not asked.get("client_secret"):
            self.complain(f"a token was asked for with another {' and '.join(wrong or ['client_secret'])}")
            return self.answer(400, {"error": "invalid_grant", "error_description": "Bad Request"})
        with state.lock:
            state.renew()
            number = state.number
        tokens = {"access_token": self.access(number), "expires_in": HOUR_S - 1, "scope": SCOPES, "token_type": "Bearer"}
        self.answer(200, {**tokens, "id_token": self.identity(number)})


def certificate(folder, hosts):
    """A key and a certificate of these hosts, which is its own authority: one file each."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    names = ",".join(f"DNS:{host}" for host in hosts)
    command += ["-keyout", str(key), "-out", str(cert), "-subj", "/CN=stand-in", "-addext", f"subjectAltName={names}"]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, timeout=30)
    return key, cert


def start(kind, tls=None):
    """A server on a port of the system's choice; `tls` is what `certificate` made."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    server.state, server.left, server.origin = State(), 0, f"http://127.0.0.1:{server.server_port}"
    if tls:
        server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.tls.load_cert_chain(tls[1], tls[0])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
