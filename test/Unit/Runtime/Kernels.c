/*===- Kernels.c - CPU kernels of the test package ----------------*- C -*-===*\
|*                                                                          *|
|* Part of the TransMamba compiler. See LICENSE.                            *|
|*                                                                          *|
|*===----------------------------------------------------------------------===*|
|*                                                                          *|
|* Compiled to a shared object by the host's compiler, and packed by the    *|
|* tests as the compiler would pack its own code.                           *|
|*                                                                          *|
\*===----------------------------------------------------------------------===*/

#include <stdint.h>

typedef const uint64_t *Args;

/* Compiled twice, with different factors, to tell two packages apart. */
#ifndef FACTOR
#define FACTOR 1
#endif

/* tokens[B, T], scale[], scratch[B, T], T: one point scales a row. */
void scale_tokens(Args args, int64_t row, int64_t y, int64_t z) {
  const int32_t *tokens = (const int32_t *)args[0];
  const float *scale = (const float *)args[1];
  float *scratch = (float *)args[2];
  int64_t length = (int64_t)args[3];
  (void)y;
  (void)z;
  for (int64_t t = 0; t < length; ++t)
    scratch[row * length + t] =
        FACTOR * *scale * (float)tokens[row * length + t];
}

/* scratch[B, T], lengths[B], state[B, 2], sums[B], T: the state becomes the sum
 * of the row's valid elements, and their number. */
void sum_row(Args args, int64_t row, int64_t y, int64_t z) {
  const float *scratch = (const float *)args[0];
  const int32_t *lengths = (const int32_t *)args[1];
  float *state = (float *)args[2];
  float *sums = (float *)args[3];
  int64_t length = (int64_t)args[4];
  (void)y;
  (void)z;
  float sum = 0;
  for (int64_t t = 0; t < lengths[row]; ++t)
    sum += scratch[row * length + t];
  state[2 * row] = sum;
  state[2 * row + 1] = (float)lengths[row];
  sums[row] = sum;
}

/* tokens[B], positions[B], scale[], state[B, 2], sums[B], seen[B] */
void add_token(Args args, int64_t row, int64_t y, int64_t z) {
  const int32_t *tokens = (const int32_t *)args[0];
  const int32_t *positions = (const int32_t *)args[1];
  const float *scale = (const float *)args[2];
  float *state = (float *)args[3];
  float *sums = (float *)args[4];
  int32_t *seen = (int32_t *)args[5];
  (void)y;
  (void)z;
  state[2 * row] += *scale * (float)tokens[row];
  state[2 * row + 1] += 1;
  sums[row] = state[2 * row];
  seen[row] = positions[row];
}

/* tokens[B, T], copy[B, T], T */
void copy_tokens(Args args, int64_t row, int64_t y, int64_t z) {
  const int32_t *tokens = (const int32_t *)args[0];
  int32_t *copy = (int32_t *)args[1];
  int64_t length = (int64_t)args[2];
  (void)y;
  (void)z;
  for (int64_t t = 0; t < length; ++t)
    copy[row * length + t] = tokens[row * length + t];
}

/* counts[X, Y, Z], visits[] (a workspace), X, Y: every point counts itself. */
void count_point(Args args, int64_t x, int64_t y, int64_t z) {
  int32_t *counts = (int32_t *)args[0];
  int32_t *visits = (int32_t *)args[1];
  int64_t sizeX = (int64_t)args[2];
  int64_t sizeY = (int64_t)args[3];
  counts[(z * sizeY + y) * sizeX + x] += 1;
  __atomic_fetch_add(visits, 1, __ATOMIC_RELAXED);
}

/* counts[N], 0 <= x < N */
void clear_count(Args args, int64_t x, int64_t y, int64_t z) {
  (void)y;
  (void)z;
  ((int32_t *)args[0])[x] = 0;
}

/* scratch[1], out[1]: copies what nobody has written. */
void leak_scratch(Args args, int64_t x, int64_t y, int64_t z) {
  (void)x;
  (void)y;
  (void)z;
  *(float *)args[1] = *(const float *)args[0];
}

/* counter[1] (a workspace), N, P, factor (f32), out[N], seen[1]: P points take
 * the elements from a counter. The last one to find none left sets the counter
 * back, and says how many they are. */
void persist(Args args, int64_t x, int64_t y, int64_t z) {
  int32_t *counter = (int32_t *)args[0];
  int64_t count = (int64_t)args[1];
  int64_t points = (int64_t)args[2];
  float *out = (float *)args[4];
  union {
    uint32_t bits;
    float value;
  } factor;
  int32_t next;
  (void)x;
  (void)y;
  (void)z;
  factor.bits = (uint32_t)args[3];
  while ((next = __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED)) < count)
    out[next] = factor.value * (float)next;
  if (next != count + points - 1)
    return;
  *counter = 0;
  *(int32_t *)args[5] = (int32_t)points;
}

/* The logits of a row: largest for the byte after `token`, then falling. */
static void fill_logits(float *logits, int32_t token) {
  for (int32_t i = 0; i < 256; ++i)
    logits[(token + 1 + i) & 255] = (float)-i;
}

/* tokens[B, T], lengths[B], logits[B, 256], T */
void next_logits(Args args, int64_t row, int64_t y, int64_t z) {
  const int32_t *tokens = (const int32_t *)args[0];
  const int32_t *lengths = (const int32_t *)args[1];
  int64_t length = (int64_t)args[3];
  (void)y;
  (void)z;
  fill_logits((float *)args[2] + 256 * row,
              tokens[row * length + lengths[row] - 1]);
}

/* tokens[B], logits[B, 256] */
void step_logits(Args args, int64_t row, int64_t y, int64_t z) {
  (void)y;
  (void)z;
  fill_logits((float *)args[1] + 256 * row, ((const int32_t *)args[0])[row]);
}
