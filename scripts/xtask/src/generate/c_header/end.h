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
