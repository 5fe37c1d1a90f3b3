/* How compiled walks go through memory, what is fetched ahead, and sums in the defined order, which
   ops/numpy/summing.py states for Python; the rest of their arithmetic is exact.h's. */
#ifndef THINCOPT_ARITHMETIC_H
#define THINCOPT_ARITHMETIC_H

#include "exact.h"

/* One walk over elements begin…end of some of a key's arrays and scalars: those at the places that are listed. A walk
   that reduces begins at a whole chunk, and writes the result of chunk c for its reduction r to sums[r * stride + c];
   norms see each element times `scale`. */
struct walk {
    int64_t begin, end;
    void *const *arrays;
    const double *scalars;
    const int *array_at, *scalar_at;
    double scale;
    double *sums;
    int64_t stride;
};

#define ARRAY(i) walk->arrays[walk->array_at[i]]
#define NUMBER(i) walk->scalars[walk->scalar_at[i]]

/* Stands before a loop over arrays that are apart, as checking.h and the engine see to: GCC would not ask six of them
   whether they are, and `restrict` counts in parameters alone. */
#ifdef __clang__
#define APART _Pragma("clang loop vectorize(assume_safety)")
#else
#define APART _Pragma("GCC ivdep")
#endif

/* Walks go by rows of LANES elements, and at each have the row that is FAR ahead brought from memory: while arithmetic
   waits for its operands, processors look less far ahead by themselves. */
#define FAR (2048 / (int64_t)sizeof(real))
#define BRING(row) bring(row, sizeof(real[LANES]))

static inline void bring(const void *row, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += 64) /* each line of the cache */
        __builtin_prefetch((const char *)row + at);
}

#define START_LANES(lanes, value) do { for (int j = 0; j < LANES; j++) lanes[j] = value; } while (0)

static inline double fold_sum(double *lanes)
{
    for (int half = LANES / 2; half; half /= 2)
        for (int j = 0; j < half; j++)
            lanes[j] += lanes[j + half];
    return lanes[0];
}

static inline double fold_max(double *lanes)
{
    for (int j = 1; j < LANES; j++)
        lanes[0] = MAXIMUM(lanes[j], lanes[0]);
    return lanes[0];
}

/* The result of all chunks from the results of each, in place. */
static double fold_chunks(double *sums, int64_t count, int is_max)
{
    while (count > 1) {
        int64_t done = 0;
        for (int64_t from = 0; from < count; from += CHUNK) {
            const int64_t to = from + CHUNK < count ? from + CHUNK : count;
            double lanes[LANES];
            START_LANES(lanes, (is_max ? -INFINITY : 0));
            for (int64_t row = from; row < to; row += LANES)
                for (int j = 0; j < LANES && row + j < to; j++)
                    lanes[j] = is_max ? MAXIMUM(sums[row + j], lanes[j]) : lanes[j] + sums[row + j];
            sums[done++] = is_max ? fold_max(lanes) : fold_sum(lanes);
        }
        count = done;
    }
    return sums[0];
}

#endif
