/* The floor: the reads and writes of a step of Adam, with exclusive or for arithmetic, so that nothing but memory
   takes time and the compiler can leave nothing out. It times itself, for a call from Python would outlast small
   arrays; its threads are awake when the clock starts, so that they cost nothing that is not the step's. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

enum { MOST_THREADS = 256, SPINS = 20000, LINE = 16, ROW = 64, FAR = 2048 / 4 }; /* the last three in elements */

struct arrays {
    uint32_t *w, *g, *m, *v, *average;
    int64_t size;
};

enum pass { WAKE, NORM, KEEPING_STEP, STEP, AVERAGED_STEP };

static struct {
    enum pass pass;
    const struct arrays *entries;
    int64_t count, total;
    uint32_t seen;
} job;
static int threads = 1, started = 1;
static atomic_uint turn, busy, seen;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t called = PTHREAD_COND_INITIALIZER;

/* Reads g: 4 bytes an element. The result enters every weight, so the next pass cannot begin earlier. */
static uint32_t norm(const uint32_t *g, int64_t begin, int64_t end)
{
    uint32_t found = 0;
    for (int64_t i = begin; i < end; i++)
        found |= g[i];
    return found;
}

/* Reads w, g, m, v; writes w, m, v: 28 bytes an element. */
static void keeping_step(uint32_t *restrict w, const uint32_t *restrict g, uint32_t *restrict m, uint32_t *restrict v,
                         int64_t begin, int64_t end, uint32_t known)
{
    for (int64_t i = begin; i < end; i++) {
        w[i] ^= m[i] ^ known;
        m[i] ^= v[i];
        v[i] ^= g[i];
    }
}

/* As that, and writes a zero for g: 32 bytes an element. */
static void step(uint32_t *restrict w, uint32_t *restrict g, uint32_t *restrict m, uint32_t *restrict v, int64_t begin,
                 int64_t end, uint32_t known)
{
    for (int64_t i = begin; i < end; i++) {
        w[i] ^= m[i] ^ known;
        m[i] ^= v[i];
        v[i] ^= g[i];
        g[i] = 0;
    }
}

/* As step, and reads and writes the average: 40 bytes an element. */
static void averaged_step(uint32_t *restrict w, uint32_t *restrict g, uint32_t *restrict m, uint32_t *restrict v,
                          uint32_t *restrict average, int64_t begin, int64_t end, uint32_t known)
{
    for (int64_t i = begin; i < end; i++) {
        w[i] ^= m[i] ^ known;
        m[i] ^= v[i];
        v[i] ^= g[i];
        g[i] = 0;
        average[i] ^= w[i];
    }
}

/* Have a row brought from memory that is far ahead, as thincopt's walks do. */
static void bring(const struct arrays *a, int64_t row)
{
    const uint32_t *arrays[] = {a->w, a->g, a->m, a->v, a->average};
    for (int i = 0; i < (job.pass == AVERAGED_STEP ? 5 : 4); i++)
        for (int at = 0; at < ROW; at += LINE)
            __builtin_prefetch(arrays[i] + row + at);
}

static void step_over(const struct arrays *a, int64_t begin, int64_t end)
{
    if (job.pass == KEEPING_STEP)
        keeping_step(a->w, a->g, a->m, a->v, begin, end, job.seen);
    else if (job.pass == STEP)
        step(a->w, a->g, a->m, a->v, begin, end, job.seen);
    else
        averaged_step(a->w, a->g, a->m, a->v, a->average, begin, end, job.seen);
}

static uint32_t pass_over(const struct arrays *a, int64_t begin, int64_t end)
{
    if (job.pass == NORM)
        return norm(a->g, begin, end);
    for (int64_t row = begin; row < end; row += ROW) {
        if (row + ROW + FAR <= end)
            bring(a, row + FAR);
        step_over(a, row, row + ROW < end ? row + ROW : end);
    }
    return 0;
}

/* One thread's share: as many elements as any other's, wherever in the list they are; cut at cache lines. */
static void share(int index)
{
    const int64_t first = job.total * index / threads / LINE * LINE;
    const int64_t last = index + 1 == threads ? job.total : job.total * (index + 1) / threads / LINE * LINE;
    uint32_t found = 0;
    int64_t at = 0;
    for (const struct arrays *a = job.entries; a < job.entries + job.count && at < last; at += a++->size) {
        const int64_t begin = first > at ? first - at : 0;
        const int64_t end = last - at < a->size ? last - at : a->size;
        if (begin < end)
            found |= pass_over(a, begin, end);
    }
    if (job.pass == NORM)
        atomic_fetch_or_explicit(&seen, found, memory_order_relaxed);
}

/* Wait for a turn other than the last: spinning first, then asleep. */
static unsigned awaited(unsigned last)
{
    for (int spin = 0; spin < SPINS; spin++)
        if (atomic_load_explicit(&turn, memory_order_acquire) != last)
            return last + 1;
    pthread_mutex_lock(&mutex);
    while (atomic_load(&turn) == last)
        pthread_cond_wait(&called, &mutex);
    pthread_mutex_unlock(&mutex);
    return last + 1;
}

static void *serve(void *argument)
{
    const int index = (int)(intptr_t)argument;
    for (unsigned last = 0;;) {
        last = awaited(last);
        if (index < threads && job.pass != WAKE)
            share(index);
        atomic_fetch_sub_explicit(&busy, 1, memory_order_release);
    }
    return NULL;
}

/* Have every thread take its share of a pass, this one too, and wait for them. */
static void together(enum pass pass)
{
    job.pass = pass;
    if (threads > 1) {
        atomic_store(&busy, (unsigned)started - 1);
        pthread_mutex_lock(&mutex);
        atomic_fetch_add(&turn, 1);
        pthread_cond_broadcast(&called);
        pthread_mutex_unlock(&mutex);
    }
    if (pass != WAKE)
        share(0);
    while (threads > 1 && atomic_load_explicit(&busy, memory_order_acquire))
        ;
}

/* Begin, once, with so many threads, which are kept. How many there are. */
int open_threads(int wanted)
{
    for (pthread_t made; started < wanted && started < MOST_THREADS; started++)
        if (pthread_create(&made, NULL, serve, (void *)(intptr_t)started))
            break;
    return started;
}

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

/* Seconds for so many steps of `count` entries each, of 28 bytes an element (the gradients are kept), 32, 36 (they are
   all read first) or 44 (and averages), by `wanted` threads. */
double seconds(const struct arrays *entries, int64_t steps, int64_t count, int64_t bytes, int wanted)
{
    threads = wanted < started ? wanted : started;
    job.count = count;
    job.total = job.seen = 0;
    for (int64_t i = 0; i < count; i++)
        job.total += entries[i].size;
    job.entries = entries;
    together(WAKE);
    const double start = now();
    for (int64_t i = 0; i < steps; i++, job.entries += count) {
        if (bytes > 32) {
            together(NORM);
            job.seen = atomic_exchange(&seen, 0);
        }
        together(bytes > 36 ? AVERAGED_STEP : bytes > 28 ? STEP : KEEPING_STEP);
    }
    return now() - start;
}
