#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * lip_plugin.h: connectors for LIP, the LLM Interactive Proxy, in C and in every language that can write a C function.
 * Generated from lip-abi by `cargo xtask gen`. Do not edit.
 *
 * A connector opens no socket and starts no thread. A task of it (one turn, one list of models) is resumed with completions; it
 * asks the host for operations, gives pieces of the answer, and says whether it waits, is done, or has failed.
 *
 * A library exports two constants: its stamp, which the host reads from the file before it loads it, and its table:
 *
 *     LIP_PLUGIN_STAMP("acme 1.0.0");
 *     LIP_EXPORT const LipPlugin lip_plugin_c_v1 = {
 *         sizeof(LipPlugin), LIP_ABI, manifest, create, start, resume, drop_task, drop_instance, NULL, NULL,
 *     };
 *
 * lent:        valid until the call returns; keep a buffer with lip_keep to have it for longer.
 * handed over: the reference goes along; whoever gets it gives it back.
 *
 * No exception and no longjmp may leave a function of the library. A crash in it ends the host, unless the library runs in a
 * process of its own (plugins.isolation = "child").
 */

/** The version of the interface that this header describes: for `LipPlugin.abi`. */
#define LIP_ABI {1, 2, 0, 0}
/** The same as text: for the manifest. */
#define LIP_ABI_TEXT "1.2.0"

/** An HTTP request. `meta`: JSON `{method, url, headers:[[name,value]], secret_headers:[[name,prefix,secret]], timeout_ms?}`; `body`: the
 *  request's bytes. Completion when the head has arrived: `arg` = status, `handle` = the body, `meta` = empty. */
#define LIP_OP_HTTP 1u
/** The next chunk of the body `handle`. Completion: `OK` with `body`, or `EOF`. */
#define LIP_OP_BODY_READ 2u
/** Wait `arg` milliseconds. */
#define LIP_OP_SLEEP 3u
/** The value of the secret named in `meta` (UTF-8). Only for connectors whose manifest says `reads_secret`. */
#define LIP_OP_SECRET_GET 4u
/** Reserved. */
#define LIP_OP_SECRET_PUT 5u
/** Reserved. */
#define LIP_OP_PROC_SPAWN 6u
/** Reserved. */
#define LIP_OP_WRITE 7u
/** Lets go of `handle`; an open body closes its connection. */
#define LIP_OP_CLOSE 8u
/** A small value of this instance: `meta` = JSON `{key, session?}`. Completion: `body`, or `EOF` when there is none. */
#define LIP_OP_KV_GET 9u
/** Stores `body` (at most 64 KiB): `meta` = JSON `{key, session?, ttl_ms?}`. An empty body removes the value. */
#define LIP_OP_KV_PUT 10u
/** Reserved. */
#define LIP_OP_FILE_READ 11u
/** Reserved. */
#define LIP_OP_LOCK 12u
/** Reserved. */
#define LIP_OP_WS_OPEN 13u
/** Waits on a port of this machine for the browser that a person logs in with. `meta`: JSON `{ports, path, state}`. Completion when
 *  it listens: `arg` = the port, `handle` = a body that is the callback's query once it has come. Only in the task `login`. */
#define LIP_OP_LISTEN_ONCE 14u
/** The response headers that belong to the body `handle`. Completion: `meta` = JSON `[[name, value], …]`. */
#define LIP_OP_HEADERS 15u
/** A prompt turn on an agent that the host supervises. `meta`: JSON description of the agent; `body`: the turn in dialect `lip`.
 *  Completion as for `HTTP`; the body is a stream in dialect `lip`. */
#define LIP_OP_AGENT_TURN 16u
/** Runs a turn on another selector: `meta` = JSON `{selector, stream, dialect}`; `body`: the request in that dialect. */
#define LIP_OP_DISPATCH 17u
/** A short-lived access token from the host's vault. `meta`: JSON `{scope?, without?, refused?}`: the model, accounts that are not
 *  wanted, the number of a lease whose token the upstream refused. Completion: `arg` = the lease's number `n`, `body` = JSON `{account,
 *  label?, fields?, expires_at_ms?}`; the token itself is filled into headers as the secret `token:n`. When there is none:
 *  `DENIED` with `body` = JSON `{code, client_code?, …}`, an `LipError` for the client. */
#define LIP_OP_TOKEN 18u
/** The models that an agent offers. `meta`: as for `AGENT_TURN`. Completion: `body` = JSON `[{id, title?}, …]`. */
#define LIP_OP_AGENT_MODELS 19u
/** Runs an agent's program once, to its end, outside of any turn. `meta`: as for `AGENT_TURN`, whose arguments are those of this
 *  run; `arg` = milliseconds that it has. Completion: `body` = JSON `{code?, stdout, stderr}`. */
#define LIP_OP_AGENT_COMMAND 20u
/** What became of the lease `arg`. `meta`: JSON `{outcome, scope?, until_ms?, why?, url?, fields?}`; `outcome`: `good`, `cooling`, `blocked`,
 *  `needs_login` or `fields` (to be kept with the account). */
#define LIP_OP_ACCOUNT 21u
/** Shows a person what to do to log in. `meta`: JSON `{url, code?, expires_in_ms?}`. Only in the task `login`. */
#define LIP_OP_SHOW 22u

/** It is done. */
#define LIP_STATUS_OK 0u
/** There is no more. */
#define LIP_STATUS_EOF 1u
/** The network, the file or the peer failed; `meta` = one sentence. */
#define LIP_STATUS_IO 2u
/** A deadline passed; `meta` = one sentence. */
#define LIP_STATUS_TIMEOUT 3u
/** Not allowed for this connector; `meta` = one sentence. */
#define LIP_STATUS_DENIED 4u
/** This host does not know the operation. */
#define LIP_STATUS_UNSUPPORTED 5u
/** Somebody else was quicker; read again. */
#define LIP_STATUS_CONFLICT 6u

/** `data` = the next bytes of a streamed answer, framed as the dialect frames them. `meta` = the dialect's id, empty: the turn's. */
#define LIP_EVENT_CHUNK 1u
/** The host hands the body `handle` to the client itself, with its status and headers. `data` = what of it was read already, to go
 *  first. `meta` as for `CHUNK`. */
#define LIP_EVENT_SPLICE 2u
/** `data` = the whole answer, not streamed. `meta` as for `CHUNK`. */
#define LIP_EVENT_FULL 3u
/** `data` = JSON usage counts as the upstream reported them. */
#define LIP_EVENT_USAGE 4u
/** `data` = one sentence for the turn's trace. */
#define LIP_EVENT_NOTE 5u

/** Done, or waiting: `create` and `start` succeeded; `resume` waits for completions or a wake. */
#define LIP_PENDING 0u
/** The task is complete. Only from `resume`. */
#define LIP_DONE 1u
/** It failed, and the error says why. Every other number means the same. */
#define LIP_FAILED 2u

/** Where a step puts what it produces: lent to one call of `resume`, of no use after it or in another thread. */
typedef struct LipOut LipOut;

/** Bytes that are lent for the duration of a call; UTF-8 where they are text. Not terminated by a zero. */
typedef struct {
  /** The first byte. May be null when `len` is 0. */
  const uint8_t *ptr;
  /** Number of bytes. */
  size_t len;
} LipText;

/** How to keep and let go the owner of a buffer's memory. Both may be called from any thread. */
typedef struct {
  /** Adds one reference to the owner. */
  void (*retain)(const void *owner);
  /** Drops one reference; the last one frees the memory. */
  void (*release)(const void *owner);
} LipBufVt;

/** Immutable bytes with an owner that counts references. All zeros: no bytes. Without `vt`: bytes that live as long as the library.
 *  A buffer that is handed over carries one reference with it; one that is lent must be kept before it is stored. */
typedef struct {
  /** The first byte. May be null when `len` is 0. */
  const uint8_t *ptr;
  /** Number of bytes. */
  size_t len;
  /** What `vt` is called with. */
  const void *owner;
  /** The owner's functions, or null. They live as long as the library. */
  const LipBufVt *vt;
} LipBuf;

/** Library to host: do this. The host answers each with exactly one completion, unless it is cancelled. */
typedef struct {
  /** Chosen by the library, never reused within a task. */
  uint64_t id;
  /** One of `LIP_OP_…`. */
  uint32_t kind;
  /** Zero unless the kind says otherwise. */
  uint32_t flags;
  /** A body or stream of this task. */
  uint64_t handle;
  /** A number, per kind. */
  uint64_t arg;
  /** Parameters, per kind. */
  LipBuf meta;
  /** Payload, per kind. */
  LipBuf body;
} LipOp;

/** Host to library: an operation ended. Its buffers are lent for the call. */
typedef struct {
  /** The `id` of the operation. */
  uint64_t id;
  /** One of `LIP_STATUS_…`. */
  uint32_t status;
  /** Zero unless the kind says otherwise. */
  uint32_t flags;
  /** A new body or stream of this task. */
  uint64_t handle;
  /** A number, per kind. */
  uint64_t arg;
  /** Result data, per kind; one sentence when the status is no success. */
  LipBuf meta;
  /** Payload, per kind. */
  LipBuf body;
} LipCompletion;

/** Library to host: a piece of the answer. */
typedef struct {
  /** One of `LIP_EVENT_…`. */
  uint32_t kind;
  /** Zero unless the kind says otherwise. */
  uint32_t index;
  /** A body of this task. */
  uint64_t handle;
  /** A number, per kind. */
  uint64_t arg;
  /** Parameters, per kind. */
  LipBuf meta;
  /** Payload, per kind. */
  LipBuf data;
} LipEvent;

/** Why a call or a task failed. The host gives it filled with zeros; what the library writes is handed over. */
typedef struct {
  /** UTF-8: `auth`, `rate_limited`, `upstream`, `bad_request`, `not_found`, `timeout`, `unsupported`, `io`, `denied`, `bad_config`, … */
  LipBuf code;
  /** JSON `{message, hint?, status?, retry_after_ms?, param?, code?}`; that `code` goes to the client. */
  LipBuf detail;
} LipError;

/** The functions of the host. They may be called from any thread at any time and never block, but for the three that take a step's `LipOut`.
 *  Lives as long as the process. It grows at its end only: what lies beyond `size` is missing on this host. */
typedef struct {
  /** Bytes of this table. */
  size_t size;
  /** Asks for a `resume` of the task `key` soon. Unknown and old keys are ignored. */
  void (*wake)(uint64_t key);
  /** One log line. Levels: 1 error, 2 warn, 3 info, 4 debug, 5 trace. */
  void (*log)(uint32_t level, LipText target, LipText message);
  /** Milliseconds since 1970-01-01T00:00:00Z by the host's clock. */
  uint64_t (*now_unix_ms)(void);
  /** What this host is: JSON `{abi, host, operations: [number, …], cage}`. */
  LipText (*host_info)(void);
  /** A buffer that holds a copy of these bytes, handed over. */
  LipBuf (*copy)(const uint8_t *bytes, size_t len);
  /** Asks for an operation. Its buffers are handed over. */
  void (*start_op)(LipOut *out, const LipOp *op);
  /** The result of the operation `id` is not wanted any more. */
  void (*cancel_op)(LipOut *out, uint64_t id);
  /** Gives a piece of the answer. Its buffers are handed over. */
  void (*emit)(LipOut *out, const LipEvent *event);
} LipHost;

/** What a library exports, under the name `lip_plugin_c_v1`. It grows at its end only: what lies beyond `size` is missing in this library.
 *
 *  Instances and tasks are pointers of the library's own choice, but not null. An instance may be used by many threads at a time; a task is
 *  used by one thread at a time, and may outlive its instance's `shutdown` but not its `drop_instance`. */
typedef struct {
  /** Bytes of this table. */
  size_t size;
  /** Major, minor and patch of the interface it was written for, then a zero: `LIP_ABI`. */
  uint16_t abi[4];
  /** JSON `{plugin, version, abi, connectors: [{id, title, dialects, …}]}`; lives as long as the library. */
  LipText (*manifest)(void);
  /** Makes one instance of the connector named `connector`. `config`: the instance's JSON object, lent. Performs no IO.
   *  `LIP_PENDING`: `*made` is the instance; anything else: `*error` says why not. */
  uint32_t (*create)(const LipHost *host, LipText connector, LipText instance, const LipBuf *config, void **made, LipError *error);
  /** Starts the task `key`. `what`: `turn`, `models`, `count_tokens`, …; `meta`: JSON envelope; `body`: the request in its dialect; both lent.
   *  `LIP_PENDING`: `*made` is the task, which is resumed next; anything else: `*error` says why not. */
  uint32_t (*start)(void *instance,
                    uint64_t key,
                    LipText what,
                    const LipBuf *meta,
                    const LipBuf *body,
                    void **made,
                    LipError *error);
  /** Takes what has completed and says what to do next: `LIP_PENDING`, `LIP_DONE` or `LIP_FAILED`. Must not block. */
  uint32_t (*resume)(void *task, const LipCompletion *done, size_t n_done, LipOut *out, LipError *error);
  /** Lets go of a task, whether it has ended or not: if not, this is cancellation. */
  void (*drop_task)(void *task);
  /** Lets go of an instance, after all of its tasks. */
  void (*drop_instance)(void *instance);
  /** May be null. No new task will be started; running ones go on. */
  void (*shutdown)(void *instance);
  /** May be null. A JSON object that says how the instance is, handed over. */
  LipBuf (*status)(void *instance);
} LipPlugin;

/** What a library says of itself without being run. */
typedef struct {
  /** `LIP_STAMP_MAGIC`. */
  uint8_t magic[16];
  /** Major, minor and patch of the ABI it was built with, then a spare number. */
  uint16_t abi[4];
  /** 1 when built with `panic = "unwind"`. */
  uint8_t unwind;
  /** Bits of a pointer: 64 or 32. */
  uint8_t ptr_bits;
  /** Name and version of the library, UTF-8, padded with zeros. */
  uint8_t text[94];
} LipStamp;

#if defined(_WIN32)
#define LIP_VISIBLE __declspec(dllexport)
#else
#define LIP_VISIBLE __attribute__((visibility("default"), used))
#endif

/** Before what a library exports. */
#ifdef __cplusplus
#define LIP_EXPORT extern "C" LIP_VISIBLE
#else
#define LIP_EXPORT LIP_VISIBLE
#endif

/** Marks a stamp in a file of any format. */
#define LIP_STAMP_MAGIC {0x7f, 'L', 'I', 'P', '-', 'P', 'L', 'U', 'G', 'I', 'N', 0x01, '\r', '\n', 0x1a, '\n'}

/** The library's stamp. `text`: its name and version, such as "acme 1.0.0", at most 93 bytes. */
#define LIP_PLUGIN_STAMP(text) \
  LIP_EXPORT const LipStamp LIP_PLUGIN_STAMP = {LIP_STAMP_MAGIC, LIP_ABI, 1, (uint8_t)(8 * sizeof(void *)), text}

/** A text of this library, to lend. */
static inline LipText lip_text(const char *text) {
  LipText lent = {(const uint8_t *)text, strlen(text)};
  return lent;
}

/** A buffer of a text that lives as long as this library. */
static inline LipBuf lip_static(const char *text) {
  LipBuf buf = {(const uint8_t *)text, strlen(text), NULL, NULL};
  return buf;
}

/** A further reference to the same bytes, to store or to hand over. */
static inline LipBuf lip_keep(const LipBuf *buf) {
  if (buf->vt != NULL) buf->vt->retain(buf->owner);
  return *buf;
}

/** Gives a reference back. */
static inline void lip_release(LipBuf *buf) {
  if (buf->vt != NULL) buf->vt->release(buf->owner);
  memset(buf, 0, sizeof *buf);
}
