
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
#define LIP_ABI @ABI@
/** The same as text: for the manifest. */
#define LIP_ABI_TEXT "@ABI_TEXT@"
