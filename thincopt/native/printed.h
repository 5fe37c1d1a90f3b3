/* The printed functions by name: scalars once, walks for each level of the processor's instructions and both types. */
#ifndef THINCOPT_PRINTED_H
#define THINCOPT_PRINTED_H

#include "arithmetic.h"
#include "elementary.h"
#include "scalars.h"

#define JOINED(name, type, level) name##_##type##_##level
#define JOIN(name, type, level) JOINED(name, type, level)

#define LEVEL baseline
#include "level.h"
#undef LEVEL

#ifdef __x86_64__
#include <cpuid.h>
#define LEVELS(EACH, name) EACH(name, baseline) EACH(name, avx2) EACH(name, avx512)

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
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw"))), apply_to = function)
#else
#pragma GCC pop_options
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

/* Zen 4 does 512 bits in two halves; there the narrower walks were measured to be faster within the cache. */
static int is_best_narrow(void)
{
    unsigned a, b, c, d;
    const int is_amd = __get_cpuid(0, &a, &b, &c, &d) && b == signature_AMD_ebx;
    return is_amd && __get_cpuid(1, &a, &b, &c, &d) && ((a >> 8) & 15) + ((a >> 20) & 255) == 0x19;
}

static int runs_here(size_t level)
{
    __builtin_cpu_init();
    return level == 0 || (level == 1 && __builtin_cpu_supports("avx2"))
        || (level == 2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")
            && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"));
}
#else
#define LEVELS(EACH, name) EACH(name, baseline)
static int is_best_narrow(void) { return 0; }
static int runs_here(size_t level) { return level == 0; }
#endif

#define LEVEL_NAME(prefix, level) #level,
static const char *const level_names[] = {LEVELS(LEVEL_NAME, )};
enum { LEVEL_COUNT = sizeof level_names / sizeof *level_names };
static size_t level; /* what new runners use */

static size_t best_level(void)
{
    size_t found = 0;
    for (size_t i = 1; i < LEVEL_COUNT; i++)
        if (runs_here(i) && !(i == 2 && is_best_narrow()))
            found = i;
    return found;
}

typedef void scalar_function(const double *, double *);
typedef void walk_function(const struct walk *);
static const struct { const char *name; scalar_function *function; } scalar_table[] = {
#define ENTRY(name) {#name, name},
    SCALARS(ENTRY)
#undef ENTRY
};

static const struct { const char *name; walk_function *at[LEVEL_COUNT][2]; } walk_table[] = {
#define BOTH(name, level) {name##_float_##level, name##_double_##level},
#define ENTRY(name) {#name, {LEVELS(BOTH, name)}},
    WALKS(ENTRY)
#undef ENTRY
};

#define OF_FLOATS(name, level) all_finite_float_##level,
#define OF_DOUBLES(name, level) all_finite_double_##level,
static int is_finite(const void *values, int64_t count, size_t itemsize)
{
    static int (*const of_floats[])(const float *, int64_t) = {LEVELS(OF_FLOATS, )};
    static int (*const of_doubles[])(const double *, int64_t) = {LEVELS(OF_DOUBLES, )};
    return itemsize == 8 ? of_doubles[level](values, count) : of_floats[level](values, count);
}

#endif
