/* philo's C interface: language models of the Phi-3 class on the machine in front of you.
 *
 * Conventions
 * - Every function that can fail returns a philo_status and takes an optional `philo_error **error` (NULL: the caller
 * only wants the status). On failure *error is a new object that the caller frees; on success it is NULL. Out
 * parameters are set on success only. No C++ exception leaves the library.
 * - Text is UTF-8. Text going in is zero-terminated where only `const char *` is given; paths are UTF-8 on every
 * system.
 * - Text coming out (`char **`) is zero-terminated and freed with philo_text_free; token lists are freed with
 * philo_tokens_free. Reports are one JSON object as text.
 * - Options are pairs of text with the names of the command line, without the dashes: {"max-new-tokens", "100"}. A name
 * that may repeat ("stop") is given several times. Flags take "true" or "false". philo_options_describe lists what each
 * call knows. Unknown names and values out of range give PHILO_USAGE; an option without effect in its combination is
 * reported through on_note.
 * - Handles may be freed in any order: a conversation keeps what it needs of its model.
 * - The library does not print, does not end the process and does not read environment variables.
 *
 * Threads: different handles may be used from different threads. Calls on one handle must not overlap, except that
 * philo_conversation_stop may be called at any time. Conversations of one model take turns: a call waits while another
 * one computes.
 */
#ifndef PHILO_PHILO_H
#define PHILO_PHILO_H

#include <stddef.h>
#include <stdint.h>

#if defined(PHILO_STATIC)
#define PHILO_API
#elif defined(_WIN32) && defined(PHILO_BUILD)
#define PHILO_API __declspec(dllexport)
#elif defined(_WIN32)
#define PHILO_API __declspec(dllimport)
#elif defined(__GNUC__)
#define PHILO_API __attribute__((visibility("default")))
#else
#define PHILO_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The values are the exit codes of the command line. */
typedef enum philo_status {
  PHILO_OK = 0,
  PHILO_FAILED = 1,   /* an error of the library's own */
  PHILO_USAGE = 2,    /* wrong option or argument */
  PHILO_INPUT = 3,    /* a file or text that can't be used: missing, damaged, not supported, longer than the context */
  PHILO_DEVICE = 4,   /* the device or its library is not there or refuses */
  PHILO_RESOURCE = 5, /* not enough memory or disk */
  PHILO_STOPPED = 130 /* a callback asked to stop */
} philo_status;

/* What a callback returns. */
enum { PHILO_CONTINUE = 0, PHILO_STOP = 1 };

typedef int32_t philo_token;

typedef struct philo_error philo_error;
typedef struct philo_model philo_model;
typedef struct philo_conversation philo_conversation;
typedef struct philo_tokenizer philo_tokenizer;

typedef struct philo_option {
  const char* name;
  const char* value;
} philo_option;

/* All members may be zero except `size`. Callbacks run on the thread that made the call and must not throw or longjmp.
 */
typedef struct philo_callbacks {
  size_t size; /* sizeof(philo_callbacks) */
  void* user;  /* handed to each callback */
  /* Each piece of an answer's text that became complete (maybe of 0 bytes) and the token that completed it.
   * Zero-terminated. */
  int (*on_text)(void* user, const char* text, size_t bytes, philo_token token);
  /* `done` of `total` bytes or tokens; total 0 where it is not known. */
  int (*on_progress)(void* user, const char* what, uint64_t done, uint64_t total);
  /* One sentence that people should see: an option without effect, turns that were dropped. */
  void (*on_note)(void* user, const char* note);
} philo_callbacks;

/* ---- errors and memory ---- */

PHILO_API philo_status philo_error_status(const philo_error* error); /* PHILO_OK for NULL */
PHILO_API const char* philo_error_message(const philo_error* error); /* lives as long as the error; "" for NULL */
PHILO_API void philo_error_free(philo_error* error);
PHILO_API void philo_text_free(char* text);
PHILO_API void philo_tokens_free(philo_token* tokens);

/* ---- the library, its options and the machine ---- */

PHILO_API const char* philo_version(void); /* "0.1.0" */

/* What the options of a group are: {"options": [{"name", "type", "value", "help", "default", "repeats", "choices",
 * "range"}]}; types are "flag", "integer", "integers" (separated by commas), "number", "text" and "choice". Groups:
 * "load" (philo_model_open), "conversation" (philo_conversation_new), "generate" (philo_conversation_answer and
 * _continue), "score" (philo_score_*), "inspect" (philo_inspect), "convert" (philo_convert), "machine" (philo_machine),
 * "bench" (philo_bench). */
PHILO_API philo_status philo_options_describe(const char* group, char** json, philo_error** error);

/* Checks names and values as the calls of the group would, without doing anything. */
PHILO_API philo_status philo_options_check(const char* group, const philo_option* options, size_t option_count,
                                           philo_error** error);

/* {"devices": [{"name", "usable", "description", "reason"}], "machine": {"cpu", "cores", "features", "memory_bytes",
 * "available_memory_bytes"}} */
PHILO_API philo_status philo_devices(char** json, philo_error** error);

/* Where ONNX Runtime's library is, for the devices "onnxruntime:...": its file, or a folder to look in, such as that of
 * the Python package. Without this call it is looked for beside philo and where the system keeps libraries. It is loaded
 * once, when a device or philo_devices first asks for it; another place after that is PHILO_USAGE. */
PHILO_API philo_status philo_set_onnxruntime(const char* path, philo_error** error);

/* What bounds computing here: philo_devices' "machine" and {"threads", "read_gb_per_s", "int8_gop_per_s": {isa: x},
 * "fp32_gflop_per_s": {isa: x}, "disturbed", "one_thread": {the same for one thread}}; 10^9 bytes or operations each
 * second, a multiplication and an addition count as two, null where it could not be measured. "disturbed": other
 * programs ran meanwhile, so that the numbers are lower bounds. Options: group "machine". Measured on the first call for
 * a number of threads, about two seconds; then remembered by the process and, with the option cache-folder, by a file in
 * that folder. Do not compute meanwhile: both would be slower. */
PHILO_API philo_status philo_machine(const philo_option* options, size_t option_count, const philo_callbacks* callbacks,
                                     char** json, philo_error** error);

/* What is in a model and what memory it takes, without loading it: {"path", "kind", "architecture", "config",
 * "tensors", "formats", "memory", "tokenizer", "stop_tokens", "defaults", "notes"} and, with the option plan, "plan" as
 * text. */
PHILO_API philo_status philo_inspect(const char* path, const philo_option* options, size_t option_count, char** json,
                                     philo_error** error);

/* ---- tokenizer ---- */

PHILO_API philo_status philo_tokenizer_open(const char* path, philo_tokenizer** tokenizer, philo_error** error);
PHILO_API philo_status philo_tokenizer_of(const philo_model* model, philo_tokenizer** tokenizer, philo_error** error);
PHILO_API void philo_tokenizer_free(philo_tokenizer* tokenizer);

/* Text to tokens, with the special tokens that the tokenizer's files ask for (`special` nonzero) or without. */
PHILO_API philo_status philo_tokenizer_encode(const philo_tokenizer* tokenizer, const char* text, size_t bytes,
                                              int special, philo_token** tokens, size_t* token_count,
                                              philo_error** error);

/* A chat, a JSON list of {"role", "content"}, to tokens. Message contents can't write control tokens, unless
 * `parse_special` is nonzero, which treats them as Hugging Face does. */
PHILO_API philo_status philo_tokenizer_encode_chat(const philo_tokenizer* tokenizer, const char* messages_json,
                                                   int add_generation_prompt, int parse_special, philo_token** tokens,
                                                   size_t* token_count, philo_error** error);

/* Tokens to text; special tokens give their text or, with `skip_special`, nothing. *bytes may be NULL. */
PHILO_API philo_status philo_tokenizer_decode(const philo_tokenizer* tokenizer, const philo_token* tokens,
                                              size_t token_count, int skip_special, char** text, size_t* bytes,
                                              philo_error** error);

/* The vocabulary's own spelling of a token; "" where there is none. */
PHILO_API philo_status philo_tokenizer_piece(const philo_tokenizer* tokenizer, philo_token token, char** piece,
                                             philo_error** error);

/* ---- model ---- */

/* Opens a checkpoint and compiles it for a device. Options: group "load". */
PHILO_API philo_status philo_model_open(const char* path, const philo_option* options, size_t option_count,
                                        const philo_callbacks* callbacks, philo_model** model, philo_error** error);
PHILO_API void philo_model_free(philo_model* model);

/* {"path", "kind", "architecture", "device", "isa", "threads", "prefill_threads", "decode_threads", "weight_format",
 * "activation_format", "kv_format", "context", "chat", "weight_bytes", "load_ms", "notes"}. "threads" are those asked for, or all
 * cores; the processor's device may use fewer, or second threads of cores as well, where it measured that to be faster. */
PHILO_API philo_status philo_model_report(const philo_model* model, char** json, philo_error** error);

/* ---- conversation ---- */

/* Options: group "conversation". */
PHILO_API philo_status philo_conversation_new(philo_model* model, const philo_option* options, size_t option_count,
                                              const philo_callbacks* callbacks, philo_conversation** conversation,
                                              philo_error** error);
PHILO_API void philo_conversation_free(philo_conversation* conversation);

/* As a chat. The system message is replaced; "" removes it. Roles are "user", "assistant", … as the model's template
 * knows them. */
PHILO_API philo_status philo_conversation_set_system(philo_conversation* conversation, const char* text,
                                                     philo_error** error);
PHILO_API philo_status philo_conversation_add(philo_conversation* conversation, const char* role, const char* content,
                                              philo_error** error);
PHILO_API philo_status philo_conversation_remove_last(philo_conversation* conversation, philo_error** error);
PHILO_API philo_status philo_conversation_clear(philo_conversation* conversation,
                                                philo_error** error); /* the system message stays */
PHILO_API philo_status philo_conversation_messages(const philo_conversation* conversation, char** json,
                                                   philo_error** error);

/* The tokens that philo_conversation_answer would start from. Where the context is too small the oldest turns are
 * forgotten. */
PHILO_API philo_status philo_conversation_prompt(philo_conversation* conversation, const philo_callbacks* callbacks,
                                                 philo_token** tokens, size_t* token_count, philo_error** error);

/* Answers the messages and adds the answer to them. Options: group "generate". The report: {"text", "ids",
 * "prompt_ids", "finish_reason", "stop", "device", "weight_format", "timings", "notes"}, "seed" where it sampled and
 * "logprobs" where they were asked for. The timings' shares of what this machine can do ("share_of_bandwidth" of
 * decoding; "share_of_int8_peak" or "share_of_fp32_peak" of the prefill, by what the weights are multiplied with) are
 * null until philo_machine was called for the model's number of threads. "decode_passes" over the weights made the new tokens
 * after the first; fewer than these where "agreed_tokens" of the "guessed_tokens" were right. An answer that was stopped is a result too, with the finish_reason "stopped";
 * when it was stopped before its first token, no message is added. */
PHILO_API philo_status philo_conversation_answer(philo_conversation* conversation, const philo_option* options,
                                                 size_t option_count, const philo_callbacks* callbacks, char** json,
                                                 philo_error** error);

/* As plain tokens: replaces them, keeping what is computed of the common prefix. */
PHILO_API philo_status philo_conversation_assign(philo_conversation* conversation, const philo_token* tokens,
                                                 size_t token_count, philo_error** error);
PHILO_API philo_status philo_conversation_tokens(const philo_conversation* conversation, philo_token** tokens,
                                                 size_t* token_count, philo_error** error);

/* Continues the tokens; the messages of a chat stay as they are. Options and report as for philo_conversation_answer.
 */
PHILO_API philo_status philo_conversation_continue(philo_conversation* conversation, const philo_option* options,
                                                   size_t option_count, const philo_callbacks* callbacks, char** json,
                                                   philo_error** error);

/* Ends the answer that is being made after its current token. May be called from another thread or a signal handler. */
PHILO_API void philo_conversation_stop(philo_conversation* conversation);

/* Writes the messages, the tokens and what is computed of them to a file, and takes them up again, in a later process as well: with the
 * same model and settings nothing is computed a second time. The file is a safetensors file, as large as the cache. Restoring replaces
 * what the conversation held; a file of another model, format or setting is refused with PHILO_INPUT and the reason. */
PHILO_API philo_status philo_conversation_save(philo_conversation* conversation, const char* path, philo_error** error);
PHILO_API philo_status philo_conversation_restore(philo_conversation* conversation, const char* path, philo_error** error);

/* {"tokens", "context", "cache_bytes", "messages", "timings"}: the last answer's timings, with the shares that can be
 * told by now; null before the first one. */
PHILO_API philo_status philo_conversation_report(const philo_conversation* conversation, char** json,
                                                 philo_error** error);

/* ---- score ---- */

/* Perplexity of tokens or of a text: {"tokens", "scored_tokens", "mean_negative_log_likelihood", "perplexity",
 * "word_perplexity"}; the last one for texts. Options: group "score". */
PHILO_API philo_status philo_score_tokens(philo_model* model, const philo_token* tokens, size_t token_count,
                                          const philo_option* options, size_t option_count,
                                          const philo_callbacks* callbacks, char** json, philo_error** error);
PHILO_API philo_status philo_score_text(philo_model* model, const char* text, size_t bytes, const philo_option* options,
                                        size_t option_count, const philo_callbacks* callbacks, char** json,
                                        philo_error** error);

/* ---- convert ---- */

/* Writes the model at `source` with its weights in another format into the new folder `target`, which appears at once when
 * all is done. Options: group "convert". The report: {"source", "target", "weight_format", "group_size", "symmetric",
 * "ratio", "backup_format", "files", "weights", "source_bytes", "bytes", "bits_per_weight", "relative_error", "seconds",
 * "source_bytes_per_s", "formats", "tensors": [{"name", "format", "weights", "source_bytes", "bytes", "bits_per_weight",
 * "relative_error", "signal_to_noise_db"}], "notes"}. Errors are root mean squares of what the conversion changed, relative
 * to those of the weights; the ratio in decibels is null where nothing changed. */
PHILO_API philo_status philo_convert(const char* source, const char* target, const philo_option* options,
                                     size_t option_count, const philo_callbacks* callbacks, char** json,
                                     philo_error** error);

/* ---- self-test ---- */

/* Opens a model and checks that this machine computes it right: each kind of step against its formula in double
 * precision on the model's own weights, decoding against prefill, the tokenizer's round trip, the chat template, and
 * the perplexity of a built-in text. Options: group "load". {"path", "device", "isa", "weight_format", "kv_format",
 * "checks": [{"name", "what", "cells", "worst", "least", "allowed", "passed"}], "passed", "notes"}. A check that fails
 * is a result, not an error. */
PHILO_API philo_status philo_selftest(const char* path, const philo_option* options, size_t option_count,
                                      const philo_callbacks* callbacks, char** json, philo_error** error);

/* ---- bench ---- */

/* Measures how long the first token and each next one take, for every combination of the options device,
 * weight-format, prompt-tokens, depth and sessions. The model is that at `path` or, where it is NULL, that of the
 * option "synthetic". Prompts are random tokens, other ones in each repetition, so that no cache holds them; with
 * "replay" (token ids, separated by commas or white space) depth, prompt and continuation are taken from these. Each
 * combination of device and weight format is loaded alone; a warm-up and then the repetitions follow. Options: group
 * "bench". The limits of the machine are measured first, as philo_machine does. The report: {"model", "machine":
 * {"cpu", "threads", "read_gb_per_s", "int8_gop_per_s": {isa: x}, "fp32_gflop_per_s": {isa: x}, "memory_bytes"},
 * "build": {"version", "compiler"}, "settings": {"new_tokens", "repetitions", "speculate", "replay",
 * "activation_format"}, "runs": [...], "notes"}. A run holds
 * - "device", "isa", "weight_format"; "group_size" (-1: a row), "symmetric" and "ratio" of the block weights, null for
 *   floats, the ratio also for int8; "kv_format", "sessions", "prompt_tokens" (of each session), "depth";
 * - "ttft_ms": from the prompts to the first token of the last session, the median of the repetitions;
 * - "tpot_ms": from there to the last token, for each of new_tokens - 1, the median; null for one new token;
 * - "spread": (longest - shortest) / median of tpot_ms, or of ttft_ms where that is null; null for one repetition;
 * - "prefill_tokens_per_s", "decode_tokens_per_s": of all sessions together;
 * - "share_of_bandwidth": bytes of weights, keys and values of a decoding pass x passes each second / read_gb_per_s;
 * - "share_of_int8_peak": operations of the prefill / the peak of the run's isa, where int8 is multiplied, else null;
 * - "load_ms", "peak_memory_bytes": the most that the process held while the run's model was loaded or the run
 *   computed, mapped file pages included; ever, where the system can't begin that mark anew, which "notes" says;
 * - "failed": why there are no numbers (they are null); null otherwise;
 * - "share_of_fp32_peak": as that of int8, where float32 is multiplied;
 * - "tokens_per_pass": of one session while it decodes; more than 1 where guesses agreed;
 * - "status": the philo_status of what failed; 0 otherwise.
 * A combination that fails is a result, and the others go on. Errors of the options or the path and a callback that
 * asks to stop end the call. */
PHILO_API philo_status philo_bench(const char* path, const philo_option* options, size_t option_count,
                                   const philo_callbacks* callbacks, char** json, philo_error** error);

#ifdef __cplusplus
}
#endif

#endif /* PHILO_PHILO_H */
