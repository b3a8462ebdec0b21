/*===- runtime.h - Running packages -----------------------------*- C -*-===*\
|*                                                                          *|
|* Part of the TransMamba compiler. See LICENSE.                            *|
|*                                                                          *|
|*===----------------------------------------------------------------------===*|
|*                                                                          *|
|* The C interface of libtransmamba_runtime.                                *|
|*                                                                          *|
|*   tm_package *package;   an open file                                    *|
|*   tm_device *device;     a processor, or a GPU                           *|
|*   tm_session *session;   a package on a device, with the state of `rows` *|
|*                          sequences                                       *|
|*                                                                          *|
|*   tm_package_open("model.tmpkg", &package);                              *|
|*   tm_device_open("cuda:0", NULL, &device);                               *|
|*   tm_session_create(package, device, 1, NULL, &session);                 *|
|*   tm_session_invoke(session, "prefill", inputs, 2, outputs, 1);          *|
|*                                                                          *|
|* tm_session_enqueue is the same without copies, on a CUDA stream.         *|
|*                                                                          *|
|* Errors. Every function that can fail returns a tm_status; tm_last_error  *|
|* then gives one line, `origin: error: what is wrong and what to do`. No   *|
|* exception and no signal leaves the library, and nothing that a package   *|
|* or an argument holds makes it abort. Results are written on success only.*|
|*                                                                          *|
|* Lifetime. Handles are counted references inside: a session keeps its     *|
|* package and device alive, so handles may be released in any order.       *|
|* Releasing NULL does nothing. Strings that a function returns live as     *|
|* long as the handle they were asked of, unless it says otherwise.         *|
|*                                                                          *|
|* Threads. Packages and devices may be used from any threads at once; a    *|
|* session from one thread at a time.                                       *|
|*                                                                          *|
|* Trust. A package holds native code, which runs with the rights of the    *|
|* process. Checksums find damage, not malice: open packages that you would *|
|* run as programs.                                                         *|
|*                                                                          *|
\*===----------------------------------------------------------------------===*/

#ifndef TRANSMAMBA_RUNTIME_RUNTIME_H
#define TRANSMAMBA_RUNTIME_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TM_API __attribute__((visibility("default")))
#else
#define TM_API
#endif

/* Grows when a function or a field is added. Structures that may grow begin
 * with their size, so programs built with an older header keep working. */
#define TM_ABI_VERSION 2

/* Tensors have at most this many dimensions. */
#define TM_MAX_RANK 8

/* Statuses and types are integers, so that any value may be passed. */
typedef int32_t tm_status;
enum {
  TM_OK = 0,
  /* An argument of the call is wrong: a null pointer, a name that does not
   * exist, a shape or a value that is not allowed. The session is as before. */
  TM_INVALID_ARGUMENT = 1,
  /* The package is missing, damaged, or not a package. */
  TM_BAD_PACKAGE = 2,
  /* The package has nothing that this machine or device can run. */
  TM_UNSUPPORTED = 3,
  TM_OUT_OF_MEMORY = 4,
  /* The device or its driver has failed. The session cannot be used any more.
   */
  TM_DEVICE_ERROR = 5,
  /* The call does not fit the state of the session, such as a decode before a
   * prefill or beyond the model's longest sequence. The session is as before.
   */
  TM_BAD_STATE = 6,
  TM_INTERNAL_ERROR = 7
};

typedef int32_t tm_type;
enum {
  TM_F32 = 0,
  TM_BF16 = 1,
  TM_F16 = 2,
  TM_F64 = 3,
  TM_I8 = 4,
  TM_I32 = 5,
  TM_I64 = 6
};

typedef struct tm_package tm_package;
typedef struct tm_device tm_device;
typedef struct tm_session tm_session;

/*===----------------------------------------------------------------------===*\
|* The library                                                              *|
\*===----------------------------------------------------------------------===*/

/* TM_ABI_VERSION of the library that is loaded. */
TM_API uint32_t tm_abi_version(void);
/* Such as "0.1.0". */
TM_API const char *tm_version(void);
/* What the last failed call of this thread has to say. Never null; valid until
 * the thread's next call. */
TM_API const char *tm_last_error(void);
/* Such as "TM_BAD_PACKAGE". */
TM_API const char *tm_status_name(tm_status status);
/* Bytes of one element; 0 for a value that is not a tm_type. */
TM_API size_t tm_type_size(tm_type type);
/* Such as "f32"; "?" for a value that is not a tm_type. */
TM_API const char *tm_type_name(tm_type type);

/*===----------------------------------------------------------------------===*\
|* Packages                                                                 *|
\*===----------------------------------------------------------------------===*/

/* Opens a package: checks its structure and its manifest. Code and weights are
 * checked against their checksums when a session loads them. */
TM_API tm_status tm_package_open(const char *path, tm_package **package);
TM_API void tm_package_release(tm_package *package);
/* Checks the checksums of all files of the package. */
TM_API tm_status tm_package_verify(const tm_package *package);
/* The manifest, JSON text as docs/package.md describes it. */
TM_API const char *tm_package_manifest(const tm_package *package);

/*===----------------------------------------------------------------------===*\
|* Devices                                                                  *|
\*===----------------------------------------------------------------------===*/

/* How many devices there are: the processor is device 0, named "cpu", then the
 * GPUs, "cuda:0" and so on. Without an NVIDIA driver there are no GPUs, which
 * is not an error. */
TM_API size_t tm_device_count(void);
/* Name and one line of description of device `index`. The strings live as long
 * as the process. */
TM_API tm_status tm_device_describe(size_t index, const char **name,
                                    const char **description);

typedef struct tm_device_options {
  /* sizeof(tm_device_options) */
  size_t struct_size;
  /* Threads that run the kernels on the processor, with the calling one. 0: the
   * environment variable TRANSMAMBA_THREADS, else one for each hardware thread
   * that the process may use. */
  int32_t threads;
} tm_device_options;

/* Opens "cpu", or "cuda:N" ("cuda" is "cuda:0"). `options` may be null. */
TM_API tm_status tm_device_open(const char *name,
                                const tm_device_options *options,
                                tm_device **device);
TM_API void tm_device_release(tm_device *device);
TM_API const char *tm_device_name(const tm_device *device);
TM_API const char *tm_device_description(const tm_device *device);

/*===----------------------------------------------------------------------===*\
|* Sessions                                                                 *|
\*===----------------------------------------------------------------------===*/

typedef enum tm_session_flag {
  /* Launch the commands one by one; otherwise a GPU replays them as a CUDA
   * graph from the second call with the same sizes on. */
  TM_SESSION_NO_GRAPHS = 1,
  /* For debugging: before each call fill the scratch arena and the outputs with
   * 0xff bytes (NaN in every floating-point type, -1 in every integer type), so
   * that reads of memory that no kernel has written show. The environment
   * variable TRANSMAMBA_POISON=1 does the same. */
  TM_SESSION_POISON = 2,
  /* Measure the time of every command; see tm_session_profile. On a GPU this
   * implies TM_SESSION_NO_GRAPHS. */
  TM_SESSION_PROFILE = 4
} tm_session_flag;

typedef struct tm_session_options {
  /* sizeof(tm_session_options) */
  size_t struct_size;
  /* tm_session_flag values, or-ed. */
  uint32_t flags;
} tm_session_options;

/* Loads the first variant of the package that the device can run, with the
 * weights (once for all sessions of one package on one device), and creates the
 * state of `rows` sequences, all zeros. 1 <= rows <= the model's max_batch.
 * `options` may be null. */
TM_API tm_status tm_session_create(tm_package *package, tm_device *device,
                                   int64_t rows,
                                   const tm_session_options *options,
                                   tm_session **session);
TM_API void tm_session_release(tm_session *session);
/* Sets all state to zeros and all positions to 0. */
TM_API tm_status tm_session_reset(tm_session *session);
/* The target of the variant that was loaded, such as "cpu:x86-64-v3". */
TM_API const char *tm_session_target(const tm_session *session);
/* One line for every variant: whether it was taken, and why not. */
TM_API const char *tm_session_selection(const tm_session *session);
TM_API int64_t tm_session_rows(const tm_session *session);

/* A tensor in the caller's memory: row-major, without padding. The memory is
 * the host's but where tm_session_enqueue takes a GPU's. */
typedef struct tm_tensor {
  /* The input's or output's name. */
  const char *name;
  tm_type type;
  int32_t rank;
  int64_t shape[TM_MAX_RANK];
  void *data;
} tm_tensor;

/* Runs an entry point, and returns when the outputs are in the caller's memory.
 *
 * `inputs` holds every input of the entry point but that with the role
 * "positions", each once, in any order; their shapes bind the entry point's
 * symbols (B, T). Everything is checked before anything runs: names, types,
 * shapes, that integers lie in their declared range, that lengths lie in
 * [1, T], and that the positions of the session allow the call. Elements of an
 * input with a range beyond the lengths of their row reach the kernels as the
 * lowest allowed value.
 *
 * `outputs` holds the outputs that are wanted, in any order; their types and
 * shapes must be those that tm_session_output_shape gives. */
TM_API tm_status tm_session_invoke(tm_session *session, const char *entry,
                                   const tm_tensor *inputs, size_t input_count,
                                   const tm_tensor *outputs,
                                   size_t output_count);

/* As tm_session_invoke, but without waiting and, on a GPU, without copying:
 * launches the entry point on the caller's CUDA stream (a CUstream or
 * cudaStream_t; null is the default stream), with tensors that lie in the
 * memory of the session's GPU. The call may return before anything has run.
 * Since TM_ABI_VERSION 2.
 *
 * Inputs whose values the library must see, those with a range and lengths, are
 * in host memory; they are copied before the call returns. Every other input
 * may be in host memory too, or in the GPU's, where kernels read it as it is.
 * Outputs are in the GPU's memory. The driver is asked where a pointer belongs;
 * that the tensor's bytes lie there is the caller's word. Addresses on the GPU
 * are multiples of 64, an output overlaps with no other tensor, and memory
 * stays as it is until the stream has come past the call.
 *
 * Order. Calls of one session wait for one another on the GPU, on whatever
 * streams they are. Positions move when the call returns; what fails on the GPU
 * later is reported by the stream, or by a later call.
 *
 * CUDA graphs. From the second call with the same sizes and addresses on, the
 * commands are replayed as one graph. While the caller captures the stream, the
 * commands become part of the caller's graph instead, if everything that the
 * entry point takes is in the GPU's memory and it moves no positions (else
 * TM_BAD_STATE), and a call with the same sizes has been made before. Earlier
 * calls must have ended. The graph works as long as the session lives, whose
 * other calls must not run at the same time: they share scratch memory and
 * state.
 *
 * On a processor `stream` is null, all memory is the host's, and the call has
 * ended when it returns. A session with TM_SESSION_PROFILE waits in any case.
 */
TM_API tm_status tm_session_enqueue(tm_session *session, const char *entry,
                                    const tm_tensor *inputs, size_t input_count,
                                    const tm_tensor *outputs,
                                    size_t output_count, void *stream);

/* Type, rank and shape of the output `name` for inputs of the given shapes (the
 * data of `inputs` is not looked at). Fills everything of `output` but `data`.
 */
TM_API tm_status tm_session_output_shape(tm_session *session, const char *entry,
                                         const tm_tensor *inputs,
                                         size_t input_count, const char *name,
                                         tm_tensor *output);

/* The positions: how many tokens each row has seen. `positions` has room for
 * tm_session_rows values. */
TM_API tm_status tm_session_positions(const tm_session *session,
                                      int64_t *positions);

/* Number of states, and name, type and shape (rows in place of B) of one.
 * Fills everything of `state` but `data`. */
TM_API size_t tm_session_state_count(const tm_session *session);
TM_API tm_status tm_session_describe_state(const tm_session *session,
                                           size_t index, tm_tensor *state);
/* Copies the state `name` to or from `data`, which has `size` bytes, exactly
 * those of the state. Writing is for tests and for restoring what was read; it
 * does not move positions. */
TM_API tm_status tm_session_read_state(tm_session *session, const char *name,
                                       void *data, size_t size);
TM_API tm_status tm_session_write_state(tm_session *session, const char *name,
                                        const void *data, size_t size);

/* Time of one command of the last call. */
typedef struct tm_command_time {
  /* Name of the kernel; lives as long as the session. */
  const char *kernel;
  int64_t grid[3];
  double milliseconds;
} tm_command_time;

/* The times of the commands of the last call of a session with
 * TM_SESSION_PROFILE, in order; commands with an empty grid are left out. Sets
 * `*count` to how many there are and fills `times` with at most `capacity`. */
TM_API tm_status tm_session_profile(const tm_session *session,
                                    tm_command_time *times, size_t capacity,
                                    size_t *count);

#ifdef __cplusplus
}
#endif

#endif /* TRANSMAMBA_RUNTIME_RUNTIME_H */
