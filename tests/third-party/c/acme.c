/* A complete connector for an OpenAI-compatible provider, in C. The host asks the network; this file says what to ask. */
#include "lip_plugin.h"

#include <stdio.h>
#include <stdlib.h>

#include "json_field.h"

LIP_PLUGIN_STAMP("acme-c 0.1.0");

static const char MANIFEST[] =
    "{\"plugin\": \"acme-c\", \"version\": \"0.1.0\", \"abi\": \"" LIP_ABI_TEXT "\", \"connectors\": [{"
    "\"id\": \"acme-c\", \"title\": \"Acme AI, in C\", \"dialects\": [\"openai-chat\"], \"auth\": \"api-key\","
    "\"env\": {\"api_key\": \"ACME_API_KEY\", \"base_url\": \"ACME_API_BASE_URL\"}, \"egress\": [\"api.acme.example\"]}]}";

/* An instance. */
typedef struct {
  const LipHost *host;
  char *base; /* the base URL as it is written in JSON, so that it can be put into JSON again */
} Acme;

/* A task: one turn, or one list of models. */
typedef struct {
  const Acme *acme;
  int is_turn;
  int is_asked;
  LipBuf body;     /* of the turn's request, until it is sent */
  uint64_t handle; /* of the answer's body, while it is open */
  char *text;      /* what was read of it */
  size_t len;
} Task;

enum { ASK = 1, READ = 2 }; /* each further read: one number more */
#define TEXT_BYTES_MAX (4u << 20)

static LipBuf copied(const LipHost *host, const char *text) { return host->copy((const uint8_t *)text, strlen(text)); }

static uint32_t fail(const LipHost *host, LipError *error, const char *code, const char *message, unsigned status) {
  char detail[256];
  if (status != 0) {
    snprintf(detail, sizeof detail, "{\"message\": \"%s %u\", \"status\": %u}", message, status, status);
  } else {
    snprintf(detail, sizeof detail, "{\"message\": \"%s\"}", message);
  }
  error->code = lip_static(code);
  error->detail = copied(host, detail);
  return LIP_FAILED;
}

static LipText manifest(void) { return lip_text(MANIFEST); }

static uint32_t create(const LipHost *host, LipText connector, LipText instance, const LipBuf *config, void **made, LipError *error) {
  (void)instance;
  if (connector.len != 6 || memcmp(connector.ptr, "acme-c", 6) != 0) {
    return fail(host, error, "not_found", "this library has the connector acme-c and no other", 0);
  }
  const char *base = "https://api.acme.example/v1";
  size_t len = strlen(base);
  Span set = json_field(config->ptr, config->len, "base_url");
  if (set.len != 0 && memcmp(set.at, "null", set.len < 4 ? set.len : 4) != 0) {
    if (set.len < 2 || (strncmp(set.at, "\"http://", 8) != 0 && strncmp(set.at, "\"https://", 9) != 0)) {
      return fail(host, error, "bad_config", "base_url: write a URL that begins with https:// or http://", 0);
    }
    base = set.at + 1;
    len = set.len - 2;
  }
  while (len > 0 && base[len - 1] == '/') len--;
  Acme *acme = calloc(1, sizeof *acme);
  char *copy = malloc(len + 1);
  if (acme == NULL || copy == NULL) {
    free(acme), free(copy);
    return fail(host, error, "io", "out of memory", 0);
  }
  memcpy(copy, base, len);
  copy[len] = 0;
  acme->host = host;
  acme->base = copy;
  *made = acme;
  return LIP_PENDING;
}

static void drop_instance(void *instance) {
  Acme *acme = instance;
  free(acme->base);
  free(acme);
}

static uint32_t start(void *instance, uint64_t key, LipText what, const LipBuf *meta, const LipBuf *body, void **made,
                      LipError *error) {
  (void)key, (void)meta;
  const Acme *acme = instance;
  int is_turn = what.len == 4 && memcmp(what.ptr, "turn", 4) == 0;
  if (!is_turn && !(what.len == 6 && memcmp(what.ptr, "models", 6) == 0)) {
    return fail(acme->host, error, "unsupported", "this connector knows turns and models only", 0);
  }
  Task *task = calloc(1, sizeof *task);
  if (task == NULL) return fail(acme->host, error, "io", "out of memory", 0);
  task->acme = acme;
  task->is_turn = is_turn;
  if (is_turn) task->body = lip_keep(body);
  *made = task;
  return LIP_PENDING;
}

static void drop_task(void *dropped) {
  Task *task = dropped;
  lip_release(&task->body);
  free(task->text);
  free(task);
}

/* The request. The host fills the secret in: this library never sees it. */
static uint32_t ask(Task *task, LipOut *out, LipError *error) {
  static const char FORM[] =
      "{\"method\": \"%s\", \"url\": \"%s%s\", \"headers\": [[\"content-type\", \"application/json\"]],"
      "\"secret_headers\": [[\"authorization\", \"Bearer \", \"api_key\"]]}";
  const LipHost *host = task->acme->host;
  size_t size = sizeof FORM + strlen(task->acme->base) + 64;
  char *meta = malloc(size);
  if (meta == NULL) return fail(host, error, "io", "out of memory", 0);
  snprintf(meta, size, FORM, task->is_turn ? "POST" : "GET", task->acme->base, task->is_turn ? "/chat/completions" : "/models");
  LipOp op = {.id = ASK, .kind = LIP_OP_HTTP, .meta = copied(host, meta), .body = task->body};
  free(meta);
  memset(&task->body, 0, sizeof task->body); /* it goes with the operation */
  host->start_op(out, &op);
  task->is_asked = 1;
  return LIP_PENDING;
}

static void read_more(const Task *task, LipOut *out, uint64_t id) {
  LipOp op = {.id = id, .kind = LIP_OP_BODY_READ, .handle = task->handle};
  task->acme->host->start_op(out, &op);
}

static void close_body(const Task *task, LipOut *out) {
  LipOp op = {.id = UINT64_MAX, .kind = LIP_OP_CLOSE, .handle = task->handle};
  task->acme->host->start_op(out, &op);
}

static uint32_t not_done(const Task *task, const LipCompletion *done, LipError *error) {
  const LipHost *host = task->acme->host;
  switch (done->status) {
    case LIP_STATUS_TIMEOUT: return fail(host, error, "timeout", "the provider does not answer in time", 0);
    case LIP_STATUS_DENIED: return fail(host, error, "denied", "the host refuses the request: is the key set?", 0);
    case LIP_STATUS_UNSUPPORTED: return fail(host, error, "unsupported", "this host does not ask providers", 0);
    default: return fail(host, error, "io", "the connection to the provider failed", 0);
  }
}

/* The answer's head. A turn's answer goes to the client as it is, whatever its status. */
static uint32_t headed(Task *task, const LipCompletion *done, LipOut *out, LipError *error) {
  const LipHost *host = task->acme->host;
  if (done->status != LIP_STATUS_OK) return not_done(task, done, error);
  task->handle = done->handle;
  if (task->is_turn) {
    LipEvent splice = {.kind = LIP_EVENT_SPLICE, .handle = done->handle, .arg = done->arg};
    host->emit(out, &splice);
    return LIP_DONE;
  }
  if (done->arg < 200 || done->arg > 299) {
    close_body(task, out);
    return fail(host, error, "upstream", "the provider answers with status", (unsigned)done->arg);
  }
  read_more(task, out, READ);
  return LIP_PENDING;
}

/* A chunk of the list of models. `{"data": [{"id": …}, …]}` holds what the host wants, as it stands. */
static uint32_t listed(Task *task, const LipCompletion *done, LipOut *out, LipError *error) {
  const LipHost *host = task->acme->host;
  if (done->status == LIP_STATUS_OK) {
    char *text = task->len + done->body.len > TEXT_BYTES_MAX ? NULL : realloc(task->text, task->len + done->body.len + 1);
    if (text == NULL) {
      close_body(task, out);
      return fail(host, error, "io", "the list of models is too long", 0);
    }
    if (done->body.len != 0) memcpy(text + task->len, done->body.ptr, done->body.len);
    task->text = text;
    task->len += done->body.len;
    read_more(task, out, done->id + 1);
    return LIP_PENDING;
  }
  if (done->status != LIP_STATUS_EOF) {
    close_body(task, out);
    return not_done(task, done, error);
  }
  Span data = json_field(task->text, task->len, "data");
  if (data.len == 0 || data.at[0] != '[') return fail(host, error, "bad_json", "the provider's list of models cannot be read", 0);
  LipEvent full = {.kind = LIP_EVENT_FULL, .data = host->copy((const uint8_t *)data.at, data.len)};
  host->emit(out, &full);
  return LIP_DONE;
}

static uint32_t resume(void *resumed, const LipCompletion *done, size_t n_done, LipOut *out, LipError *error) {
  Task *task = resumed;
  if (n_done == 0) return task->is_asked ? LIP_PENDING : ask(task, out, error);
  return done->id == ASK ? headed(task, done, out, error) : listed(task, done, out, error);
}

LIP_EXPORT const LipPlugin lip_plugin_c_v1 = {
    sizeof(LipPlugin), LIP_ABI, manifest, create, start, resume, drop_task, drop_instance, NULL, NULL,
};
