/* Finds a field of a JSON object without a JSON library. What is no JSON has no fields; nothing is read behind the end. */
#pragma once
#include <stddef.h>
#include <string.h>

typedef struct {
  const char *at;
  size_t len; /* 0: there is none */
} Span;

static inline const char *json_space(const char *at, const char *end) {
  while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r' || *at == ',' || *at == ':')) at++;
  return at;
}

/* The end of the value that begins here; NULL when it does not end. Counts brackets, so that depth costs nothing. */
static inline const char *json_skip(const char *at, const char *end) {
  size_t depth = 0;
  for (; at < end; at++) {
    if (*at == '"') {
      for (at++; at < end && *at != '"'; at++) {
        if (*at == '\\') at++;
      }
      if (at >= end) return NULL;
    } else if (*at == '[' || *at == '{') {
      depth++;
      continue;
    } else if (*at == ']' || *at == '}') {
      if (depth == 0) return at;
      depth--;
    } else if (depth > 0) {
      continue;
    } else {
      while (at < end && strchr(",]} \t\r\n", *at) == NULL) at++;
      return at;
    }
    if (depth == 0) return at + 1;
  }
  return NULL;
}

/* The value of the field `key`, as it is written. */
static inline Span json_field(const void *text, size_t len, const char *key) {
  const char *at = (const char *)text, *end = at + len;
  Span none = {NULL, 0};
  if (len == 0) return none;
  at = json_space(at, end);
  if (at == end || *at != '{') return none;
  for (at = json_space(at + 1, end); at < end && *at == '"'; at = json_space(at, end)) {
    const char *name = at + 1, *after = json_skip(at, end);
    if (after == NULL) return none;
    const char *value = json_space(after, end);
    const char *rest = json_skip(value, end);
    if (rest == NULL || rest == value) return none;
    if ((size_t)(after - 1 - name) == strlen(key) && memcmp(name, key, strlen(key)) == 0) {
      Span found = {value, (size_t)(rest - value)};
      return found;
    }
    at = rest;
  }
  return none;
}
