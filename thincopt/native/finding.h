/* Which of the printed functions run here: of the best level, or of the one that was asked for. */
#ifndef THINCOPT_FINDING_H
#define THINCOPT_FINDING_H

#include <string.h>

#include "printed.h"

static const struct printed shipped[] = {LEVELS(PRINTED)};
enum { LEVEL_COUNT = sizeof shipped / sizeof *shipped };
static size_t level; /* what new runners use */

/* Libraries of printed functions that were loaded since; none is ever unloaded. */
static struct enrolled {
    const struct printed *printed;
    struct enrolled *before;
} *enrolled;

#ifdef __x86_64__
#include <cpuid.h>

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
static int is_best_narrow(void) { return 0; }
static int runs_here(size_t level) { return level == 0; }
#endif

static size_t best_level(void)
{
    size_t found = 0;
    for (size_t i = 1; i < LEVEL_COUNT; i++)
        if (runs_here(i) && !(i == 2 && is_best_narrow()))
            found = i;
    return found;
}

static scalar_function *scalars_in(const struct printed *printed, const char *name)
{
    for (const struct scalar_entry *each = printed->scalars; each->name; each++)
        if (!strcmp(each->name, name))
            return each->function;
    return NULL;
}

static const struct walk_entry *walk_in(const struct printed *printed, const char *name)
{
    for (const struct walk_entry *each = printed->walks; each->name; each++)
        if (!strcmp(each->name, name))
            return each;
    return NULL;
}

static int is_at_level(const struct enrolled *each) { return !strcmp(each->printed->level, shipped[level].level); }

static scalar_function *find_scalars(const char *name)
{
    scalar_function *found = scalars_in(&shipped[level], name);
    for (const struct enrolled *each = enrolled; each && !found; each = each->before)
        found = is_at_level(each) ? scalars_in(each->printed, name) : NULL;
    return found;
}

static const struct walk_entry *find_walk(const char *name)
{
    const struct walk_entry *found = walk_in(&shipped[level], name);
    for (const struct enrolled *each = enrolled; each && !found; each = each->before)
        found = is_at_level(each) ? walk_in(each->printed, name) : NULL;
    return found;
}

static int is_finite(const void *values, int64_t count, size_t itemsize)
{
    return shipped[level].all_finite[itemsize == 8](values, count);
}

#endif
