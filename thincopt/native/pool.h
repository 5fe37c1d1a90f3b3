/* Threads that share the units of a job. They are made at first need, sleep between jobs and are joined at exit.

   The caller works too, and waits only for those who took a unit: a worker that wakes late costs nothing. A fork
   waits until no large work is under way, and the child begins without workers. */
#ifndef THINCOPT_POOL_H
#define THINCOPT_POOL_H

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

enum { MOST_THREADS = 256, PATIENCE = 2000 }; /* how often one looks before one sleeps: some 20 µs */

typedef void unit_function(const void *job, int64_t unit);

static struct pool {
    pthread_mutex_t mutex;
    pthread_cond_t called, left, ended; /* a job is there; nobody is at it any more; a large work ended */
    pthread_t workers[MOST_THREADS];
    int threads, started, stopping; /* threads: how many may work at once, with the caller */
    int64_t least;                  /* how many bytes of work are worth waking them */
    int under_way;                  /* large works, whether or not they have the workers */
    int taken, wanted, joined;
    atomic_int at_work;
    unit_function *function;
    const void *job;
    int64_t units;
    atomic_uint jobs;      /* how many there have been */
    atomic_llong next;     /* the unit to be taken next */
} pool = {.mutex = PTHREAD_MUTEX_INITIALIZER, .called = PTHREAD_COND_INITIALIZER, .left = PTHREAD_COND_INITIALIZER,
          .ended = PTHREAD_COND_INITIALIZER, .threads = 1};

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

static void take_units(void)
{
    for (long long unit; (unit = atomic_fetch_add(&pool.next, 1)) < pool.units;)
        pool.function(pool.job, unit);
}

/* Wait until there is another job than the last one seen: awake for a little while, then asleep. */
static void await_job(unsigned seen)
{
    pthread_mutex_unlock(&pool.mutex);
    for (int look = 0; look < PATIENCE && atomic_load(&pool.jobs) == seen; look++)
        relax();
    pthread_mutex_lock(&pool.mutex);
    while (!pool.stopping && atomic_load(&pool.jobs) == seen)
        pthread_cond_wait(&pool.called, &pool.mutex);
}

static void *work(void *jobs_before)
{
    unsigned seen = (unsigned)(uintptr_t)jobs_before;
    pthread_mutex_lock(&pool.mutex);
    while (!pool.stopping) {
        if (atomic_load(&pool.jobs) == seen) {
            await_job(seen);
            continue;
        }
        seen = atomic_load(&pool.jobs);
        if (pool.joined >= pool.wanted)
            continue;
        atomic_fetch_add(&pool.at_work, 1);
        if (++pool.joined < pool.wanted)
            pthread_cond_signal(&pool.called);
        pthread_mutex_unlock(&pool.mutex);
        take_units();
        pthread_mutex_lock(&pool.mutex);
        if (atomic_fetch_sub(&pool.at_work, 1) == 1)
            pthread_cond_signal(&pool.left);
    }
    pthread_mutex_unlock(&pool.mutex);
    return NULL;
}

/* Start workers up to `wanted`, or as many as there can be. They leave signals to the threads of Python. */
static void start_workers(int wanted)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    void *seen = (void *)(uintptr_t)atomic_load(&pool.jobs);
    while (pool.started < wanted && !pthread_create(&pool.workers[pool.started], NULL, work, seen))
        pool.started++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Do all units of a job, with whoever is free. */
static void share(unit_function *function, const void *job, int64_t units)
{
    pthread_mutex_lock(&pool.mutex);
    int wanted = (pool.threads < units ? pool.threads : (int)units) - 1;
    if (pool.taken || pool.stopping || wanted < 1) {
        pthread_mutex_unlock(&pool.mutex);
        for (int64_t unit = 0; unit < units; unit++)
            function(job, unit);
        return;
    }
    if (pool.started < wanted)
        start_workers(wanted);
    pool.taken = 1;
    pool.wanted = wanted;
    pool.joined = 0;
    pool.function = function;
    pool.job = job;
    pool.units = units;
    atomic_store(&pool.next, 0);
    atomic_fetch_add(&pool.jobs, 1);
    pthread_mutex_unlock(&pool.mutex);
    pthread_cond_signal(&pool.called);
    take_units();
    pthread_mutex_lock(&pool.mutex);
    pool.wanted = 0; /* who comes now is too late */
    pthread_mutex_unlock(&pool.mutex);
    for (int look = 0; look < PATIENCE / 20 && atomic_load(&pool.at_work); look++)
        sched_yield(); /* one of them may wait for this very processor */
    pthread_mutex_lock(&pool.mutex);
    while (atomic_load(&pool.at_work))
        pthread_cond_wait(&pool.left, &pool.mutex);
    pool.taken = 0;
    pthread_mutex_unlock(&pool.mutex);
}

/* A large work is one without the interpreter's lock. */
static void begin_large_work(void)
{
    pthread_mutex_lock(&pool.mutex);
    pool.under_way++;
    pthread_mutex_unlock(&pool.mutex);
}

static void end_large_work(void)
{
    pthread_mutex_lock(&pool.mutex);
    pool.under_way--;
    pthread_cond_broadcast(&pool.ended);
    pthread_mutex_unlock(&pool.mutex);
}

static void before_fork(void)
{
    pthread_mutex_lock(&pool.mutex);
    while (pool.under_way)
        pthread_cond_wait(&pool.ended, &pool.mutex);
}

static void after_fork_in_parent(void)
{
    pthread_mutex_unlock(&pool.mutex);
}

static void after_fork_in_child(void)
{
    const struct pool before = pool;
    pool = (struct pool){.mutex = PTHREAD_MUTEX_INITIALIZER, .called = PTHREAD_COND_INITIALIZER,
                         .left = PTHREAD_COND_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER,
                         .threads = before.threads, .least = before.least};
}

/* Let the workers go; the next job makes new ones. */
static void dismiss_workers(void)
{
    pthread_t leaving[MOST_THREADS];
    pthread_mutex_lock(&pool.mutex);
    while (pool.under_way)
        pthread_cond_wait(&pool.ended, &pool.mutex);
    const int count = pool.started;
    memcpy(leaving, pool.workers, sizeof leaving);
    pool.started = 0;
    pool.stopping = 1;
    pthread_cond_broadcast(&pool.called);
    pthread_mutex_unlock(&pool.mutex);
    for (int i = 0; i < count; i++)
        pthread_join(leaving[i], NULL);
    pthread_mutex_lock(&pool.mutex);
    pool.stopping = 0;
    pthread_mutex_unlock(&pool.mutex);
}

#endif
