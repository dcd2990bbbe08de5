// A connector in C++ that reads the provider's stream itself: comments that keep the connection alive stay behind, every event goes on
// when it is whole, and a stream that ends without its last event is an error. Answers that are no stream go to the client as they are.
#include "lip_plugin.h"

#include <utility>
#include <string>
#include <string_view>

#include "../c/json_field.h"

LIP_PLUGIN_STAMP("acme-cpp 0.1.0");

namespace {

constexpr char MANIFEST[] = R"({"plugin": "acme-cpp", "version": "0.1.0", "abi": ")" LIP_ABI_TEXT R"(", "connectors": [{
  "id": "acme-cpp", "title": "Acme AI, in C++", "dialects": ["openai-chat"], "auth": "api-key",
  "env": {"api_key": "ACME_API_KEY", "base_url": "ACME_API_BASE_URL"}, "egress": ["api.acme.example"]}]})";

constexpr size_t EVENT_BYTES_MAX = 16u << 20;

std::string_view view(LipText text) { return {reinterpret_cast<const char *>(text.ptr), text.len}; }
std::string_view view(const LipBuf &buf) { return {reinterpret_cast<const char *>(buf.ptr), buf.len}; }

std::string_view field(const LipBuf &json, const char *key) {
  Span span = json_field(json.ptr, json.len, key);
  return {span.len == 0 ? "" : span.at, span.len};
}

bool starts(std::string_view text, std::string_view with) { return text.substr(0, with.size()) == with; }

// A reference to shared bytes.
class Buffer {
 public:
  explicit Buffer(const LipBuf &lent) : buf_(lip_keep(&lent)) {}
  ~Buffer() { lip_release(&buf_); }
  Buffer(const Buffer &) = delete;
  Buffer &operator=(const Buffer &) = delete;
  LipBuf hand_over() { return std::exchange(buf_, LipBuf{}); }

 private:
  LipBuf buf_;
};

// What goes wrong, on its way to the host.
struct Failure {
  const char *code;
  std::string message;
};

struct Acme {
  const LipHost *host;
  std::string base;  // as it is written in JSON

  LipBuf copied(std::string_view text) const {
    return host->copy(reinterpret_cast<const uint8_t *>(text.data()), text.size());
  }

  uint32_t failed(const Failure &failure, LipError *error) const {
    error->code = lip_static(failure.code);
    error->detail = copied("{\"message\": \"" + failure.message + "\"}");
    return LIP_FAILED;
  }
};

class Task {
 public:
  Task(const Acme &acme, const LipBuf &meta, const LipBuf &body)
      : acme(acme), body_(body), is_stream_(field(meta, "stream") == "true") {}

  const Acme &acme;

  // One step. Throws what goes wrong.
  uint32_t resume(const LipCompletion *done, size_t n_done, LipOut *out) {
    out_ = out;
    if (n_done == 0) {
      if (last_id_ == 0) ask();
      return LIP_PENDING;
    }
    if (done->status == LIP_STATUS_EOF) return ended();
    if (done->status != LIP_STATUS_OK) throw refused(done->status);
    if (handle_ == 0) return headed(*done);
    if (!is_read_) return judged(*done);
    return read(*done);
  }

 private:
  void start(uint32_t kind, LipBuf meta = {}, LipBuf body = {}) {
    LipOp op = {++last_id_, kind, 0, handle_, 0, meta, body};
    acme.host->start_op(out_, &op);
  }

  void emit(uint32_t kind, LipBuf data = {}) {
    LipEvent event = {kind, 0, kind == LIP_EVENT_SPLICE ? handle_ : 0, 0, {}, data};
    acme.host->emit(out_, &event);
  }

  void ask() {
    start(LIP_OP_HTTP, acme.copied(R"({"method": "POST", "url": ")" + acme.base + R"(/chat/completions",
      "headers": [["content-type", "application/json"]], "secret_headers": [["authorization", "Bearer ", "api_key"]]})"),
          body_.hand_over());
  }

  uint32_t splice() {
    emit(LIP_EVENT_SPLICE);
    return LIP_DONE;
  }

  uint32_t headed(const LipCompletion &done) {
    handle_ = done.handle;
    if (!is_stream_ || done.arg != 200) return splice();
    start(LIP_OP_HEADERS);
    return LIP_PENDING;
  }

  // Is the answer a stream, as it should be?
  uint32_t judged(const LipCompletion &done) {
    if (view(done.meta).find("text/event-stream") == std::string_view::npos) return splice();
    is_read_ = true;
    start(LIP_OP_BODY_READ);
    return LIP_PENDING;
  }

  uint32_t read(const LipCompletion &done) {
    text_ += view(done.body);
    size_t at = 0;
    for (size_t end; (end = text_.find("\n\n", at)) != std::string::npos; at = end + 2) {
      std::string_view event = std::string_view(text_).substr(at, end + 2 - at);
      if (event[0] == ':') continue;
      is_whole_ = starts(event, "data: [DONE]");
      emit(LIP_EVENT_CHUNK, acme.copied(event));
    }
    text_.erase(0, at);
    if (text_.size() > EVENT_BYTES_MAX) {
      start(LIP_OP_CLOSE);
      throw Failure{"upstream", "the provider sends an event without end"};
    }
    start(LIP_OP_BODY_READ);
    return LIP_PENDING;
  }

  uint32_t ended() {
    if (!is_whole_) throw Failure{"io", "the provider's stream ends early"};
    return LIP_DONE;
  }

  Failure refused(uint32_t status) {
    if (handle_ != 0) start(LIP_OP_CLOSE);
    switch (status) {
      case LIP_STATUS_TIMEOUT: return {"timeout", "the provider does not answer in time"};
      case LIP_STATUS_DENIED: return {"denied", "the host refuses the request: is the key set?"};
      case LIP_STATUS_UNSUPPORTED: return {"unsupported", "this host lacks what the connector needs"};
      default: return {"io", "the connection to the provider failed"};
    }
  }

  Buffer body_;
  bool is_stream_;
  bool is_read_ = false, is_whole_ = false;
  uint64_t last_id_ = 0, handle_ = 0;
  std::string text_;  // the beginning of an event
  LipOut *out_ = nullptr;
};

std::string base_url(const LipBuf &config) {
  std::string_view set = field(config, "base_url");
  if (set.empty() || set == "null") return "https://api.acme.example/v1";
  if (!starts(set, "\"http://") && !starts(set, "\"https://")) {
    throw Failure{"bad_config", "base_url: write a URL that begins with https:// or http://"};
  }
  std::string base(set.substr(1, set.size() - 2));
  while (!base.empty() && base.back() == '/') base.pop_back();
  return base;
}

// No exception leaves the library.
template <typename F>
uint32_t guarded(const Acme &acme, LipError *error, F work) noexcept {
  try {
    return work();
  } catch (const Failure &failure) {
    return acme.failed(failure, error);
  } catch (...) {
    return acme.failed({"io", "out of memory"}, error);
  }
}

LipText manifest() { return lip_text(MANIFEST); }

uint32_t create(const LipHost *host, LipText connector, LipText, const LipBuf *config, void **made, LipError *error) {
  const Acme failing{host, {}};
  return guarded(failing, error, [&] {
    if (view(connector) != "acme-cpp") throw Failure{"not_found", "this library has the connector acme-cpp and no other"};
    *made = new Acme{host, base_url(*config)};
    return LIP_PENDING;
  });
}

uint32_t start(void *instance, uint64_t, LipText what, const LipBuf *meta, const LipBuf *body, void **made, LipError *error) {
  const Acme &acme = *static_cast<Acme *>(instance);
  return guarded(acme, error, [&] {
    if (view(what) != "turn") throw Failure{"unsupported", "this connector knows turns only"};
    *made = new Task(acme, *meta, *body);
    return LIP_PENDING;
  });
}

uint32_t resume(void *task, const LipCompletion *done, size_t n_done, LipOut *out, LipError *error) {
  Task &resumed = *static_cast<Task *>(task);
  return guarded(resumed.acme, error, [&] { return resumed.resume(done, n_done, out); });
}

void drop_task(void *task) { delete static_cast<Task *>(task); }
void drop_instance(void *instance) { delete static_cast<Acme *>(instance); }

}  // namespace

LIP_EXPORT const LipPlugin lip_plugin_c_v1 = {
    sizeof(LipPlugin), LIP_ABI, manifest, create, start, resume, drop_task, drop_instance, nullptr, nullptr,
};
