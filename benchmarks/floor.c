/* The floor: the reads and writes of a step of Adam, with exclusive or for arithmetic, so that nothing but memory
   takes time and the compiler can leave nothing out. It times itself: a call from Python would outlast small arrays. */
#define _POSIX_C_SOURCE 199309L
#include <stdint.h>
#include <time.h>

struct arrays {
    uint32_t *w, *g, *m, *v, *average;
    int64_t size;
};

/* Reads g: 4 bytes an element. The result enters every weight, so the next pass cannot begin earlier. */
static uint32_t norm(const uint32_t *g, int64_t size)
{
    uint32_t seen = 0;
    for (int64_t i = 0; i < size; i++)
        seen |= g[i];
    return seen;
}

/* Reads w, g, m, v; writes w, m, v and a zero for g: 32 bytes an element. */
static void step(uint32_t *restrict w, uint32_t *restrict g, uint32_t *restrict m, uint32_t *restrict v, int64_t size,
                 uint32_t seen)
{
    for (int64_t i = 0; i < size; i++) {
        w[i] ^= m[i] ^ seen;
        m[i] ^= v[i];
        v[i] ^= g[i];
        g[i] = 0;
    }
}

/* As step, and reads and writes the average: 40 bytes an element. */
static void averaged_step(uint32_t *restrict w, uint32_t *restrict g, uint32_t *restrict m, uint32_t *restrict v,
                          uint32_t *restrict average, int64_t size, uint32_t seen)
{
    for (int64_t i = 0; i < size; i++) {
        w[i] ^= m[i] ^ seen;
        m[i] ^= v[i];
        v[i] ^= g[i];
        g[i] = 0;
        average[i] ^= w[i];
    }
}

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

/* Seconds for one step of each entry: 32 bytes an element, 36 (the gradient is read first) or 44 (averages too). */
double seconds(const struct arrays *entries, int64_t count, int64_t bytes)
{
    const double start = now();
    for (const struct arrays *each = entries; each < entries + count; each++) {
        const uint32_t seen = bytes > 32 ? norm(each->g, each->size) : 0;
        if (bytes > 36)
            averaged_step(each->w, each->g, each->m, each->v, each->average, each->size, seen);
        else
            step(each->w, each->g, each->m, each->v, each->size, seen);
    }
    return now() - start;
}
