/* The printed functions by name: scalars, and walks of both types, in a table for each level of the processor's
   instructions; or for ONLY one of them. */
#ifndef THINCOPT_PRINTED_H
#define THINCOPT_PRINTED_H

#include <stddef.h>

#include "arithmetic.h"
#include "elementary.h"
#include "drawing.h"
#include "scalars.h"

typedef void scalar_function(const double *, double *);
typedef void walk_function(const struct walk *);
typedef int finite_function(const void *, int64_t);

struct printed {
    const char *level;
    const struct scalar_entry { const char *name; scalar_function *function; } *scalars; /* to the first without a name */
    const struct walk_entry { const char *name; walk_function *of[2]; } *walks;          /* of floats, of doubles */
    finite_function *all_finite[2];
};

static const struct scalar_entry scalars[] = {
#define ENTRY(name) {#name, name},
    SCALARS(ENTRY) {NULL, NULL}
#undef ENTRY
};

#define JOINED(name, type, level) name##_##type##_##level
#define JOIN(name, type, level) JOINED(name, type, level)
#define STRING(name) #name
#define BOTH(name, level) {JOIN(name, float, level), JOIN(name, double, level)}
#define PRINTED(level) {STRING(level), scalars, JOIN(walks, at, level), BOTH(all_finite, level)}

#if !defined ONLY || defined ONLY_baseline
#define LEVEL baseline
#include "level.h"
#undef LEVEL
#endif

#ifdef __x86_64__
#define LEVELS(EACH) EACH(baseline), EACH(avx2), EACH(avx512)

#if !defined ONLY || defined ONLY_avx2
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif
#define LEVEL avx2
#include "level.h"
#undef LEVEL
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

#if !defined ONLY || defined ONLY_avx512
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw")
#endif
#define LEVEL avx512
#include "level.h"
#undef LEVEL
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
#else
#define LEVELS(EACH) EACH(baseline)
#endif

#endif
