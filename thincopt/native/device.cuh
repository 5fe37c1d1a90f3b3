/* What every kernel on a device is made of; a printed block or walk follows in the same text. ops/cuda/launching.py
   says which kernels a step launches, and ops/cuda/batch.py lays out what they read.

   All of it is written for any number of threads in a block, so that a processor can run it too, with one.
   Scalars live on the device, with t: what is skipped or replayed there needs no word from the host. */

#define KERNEL extern "C" __global__ void
#ifdef __CUDACC__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL
#endif

#if DOUBLE
typedef double real;
#define MATH(name) name
#else
typedef float real;
#define MATH(name) name##f
#endif
#define SCALED(x) ((double)(x))

enum { WIDE = 16 / sizeof(real), GROUPS = 4 };
#define GO 0.0 /* what a key's row says of its step */
#define SKIP 1.0
#define STOP 2.0
enum { PROPAGATE, SKIPS, RAISES };            /* what becomes of a gradient that is not finite */
enum { PROGRAM, VERDICT, EPOCH, SCALARS };    /* a row: these, then the kernel's scalars, then those of the next walk */
enum { T, SKIPPED, STREAK, OWN };             /* a key's record: these, then its scalar state */
enum { CULPRIT, LONGEST, LONGEST_OF };        /* what the host is told */
enum { STOPPED, NUMBERS };                    /* what keys have in common: whether all is stopped, then all settings */

struct unit { int task, chunk; };

/* One key of a batch. */
struct task {
    int64_t size, first, number, is_double, cohort, stands; /* `first` of the batch's chunks; the key's number */
    double *record;
    real *gradient;
};

/* A batch. */
struct table {
    int64_t count, chunks, width, numbers_at, units_of[2];
    double *rows, *sums, *common, *shared;
    volatile int64_t *told;
    const struct task *tasks;
    const struct unit *units[2]; /* chunks of the keys in float32, and in float64 */
    unsigned long long bad;      /* the last epoch with a gradient that was not finite, then the first such key */
    void *const *pointers[64];   /* of each walk: its arrays, key by key */
};

/* What a launch does, for keys of which cohort: from `programs_at` on are its programs, from `numbers_from` on the factor
   of its rate and its settings, from `shared_from` on what its keys share. Lists follow each other in `at`. */
struct wiring {
    int cohort, programs_at, numbers_from, shared_from;
    int program, is_first, is_last, policy, zeroes, patience;
    int walk, base, own, shared, programs, rate;
    int periods, results, takes, gives, numbers, keeps, totals;
    int at[1];
};

FUNCTION double *row_of(const struct table *table, int64_t k) { return table->rows + k * table->width; }

/* Fold the lanes of some groups by halves, all threads together; lane 0 of each then has its result. */
FUNCTION void fold_lanes(double *lanes, int is_max, int groups)
{
    for (int half = LANES / 2; half; half /= 2) {
        __syncthreads();
        for (int i = threadIdx.x; i < half * groups; i += blockDim.x) {
            double *lane = lanes + i / half * LANES + i % half;
            *lane = is_max ? MAXIMUM(lane[half], *lane) : *lane + lane[half];
        }
    }
    __syncthreads();
}

/* The result of all chunks from the results of each, in place, all threads together. */
FUNCTION double fold_chunks(double *sums, int64_t count, int is_max)
{
    __shared__ double lanes[GROUPS * LANES];
    while (count > 1) {
        const int64_t groups = (count + CHUNK - 1) / CHUNK;
        for (int64_t first = 0; first < groups; first += GROUPS) {
            const int here = groups - first < GROUPS ? (int)(groups - first) : GROUPS;
            for (int i = threadIdx.x; i < here * LANES; i += blockDim.x) {
                const int64_t from = (first + i / LANES) * CHUNK, to = from + CHUNK < count ? from + CHUNK : count;
                double lane = is_max ? -INFINITY : 0;
                for (int64_t at = from + i % LANES; at < to; at += LANES)
                    lane = is_max ? MAXIMUM(sums[at], lane) : lane + sums[at];
                lanes[i] = lane;
            }
            fold_lanes(lanes, is_max, here);
            for (int i = threadIdx.x; i < here; i += blockDim.x)
                sums[first + i] = lanes[i * LANES];
            __syncthreads();
        }
        count = groups;
    }
    return sums[0];
}

/* Take the scalars that a step begins with; those of a step's own are the supplied and the key's state. */
FUNCTION void begin(const struct table *table, const struct wiring *wiring, const struct task *task, double *scalars,
                    double t, double lr_scale)
{
    const int settings = wiring->base - SUPPLIED - wiring->own - wiring->shared;
    const double *numbers = table->common + NUMBERS + wiring->numbers_from;
    for (int i = threadIdx.x; i < wiring->base; i += blockDim.x) {
        const int own = i - settings - SUPPLIED, shared = own - wiring->own;
        scalars[i] = i == wiring->rate ? numbers[1 + i] * (numbers[0] * lr_scale)
                     : own < -SUPPLIED  ? numbers[1 + i]
                     : own == -SUPPLIED ? t
                     : own == -2        ? (double)task->size
                     : own == -1        ? MACHINE_EPSILON(task->is_double)
                     : shared < 0       ? task->record[OWN + own]
                                        : table->shared[wiring->shared_from + shared];
    }
}

/* Whether this step of the key may be taken: by what the host asked for where a gradient is not finite. */
FUNCTION double judge(const struct table *table, const struct wiring *wiring, int64_t k, double *row)
{
    const struct task *task = &table->tasks[k];
    const unsigned long long epoch = (unsigned long long)row[EPOCH], first = table->bad & 0xffffff;
    const int is_bad = wiring->policy != PROPAGATE && table->bad >> 24 == epoch;
    row[EPOCH] = (double)(epoch + 1);
    if (wiring->policy == RAISES && table->common[STOPPED] != 0)
        return STOP;
    if (!is_bad)
        return GO;
    if (wiring->policy == RAISES) {
        if (0xffffff - (int64_t)first == k) {
            table->told[CULPRIT] = task->number + 1;
            __threadfence_system();
            table->common[STOPPED] = 1;
        }
        return STOP;
    }
    task->record[SKIPPED] += 1;
    task->record[STREAK] += 1;
    if (task->record[STREAK] >= wiring->patience && task->record[STREAK] > (double)table->told[LONGEST]) {
        table->told[LONGEST_OF] = table->tasks[0xffffff - first].number + 1;
        table->told[LONGEST] = (int64_t)task->record[STREAK];
        __threadfence_system();
    }
    return SKIP;
}

/* One phase's scalars of each key: results of the walk before it, the block, the numbers of the walk after it. */
template <class Block>
FUNCTION void compute(struct table *table, const struct wiring *wiring, double lr_scale)
{
    for (int64_t k = blockIdx.x; k < table->count; k += gridDim.x) {
        const struct task *task = &table->tasks[k];
        if (task->cohort != wiring->cohort)
            continue;
        double *row = row_of(table, k), *scalars = row + SCALARS;
        const double t = task->record[T] + 1;
        const int *at = wiring->at + wiring->periods;
        int program = (int)row[PROGRAM];
        if (wiring->is_first) {
            program = wiring->programs_at;
            for (int i = 0; i < wiring->periods; i++) {
                const int64_t period = (int64_t)table->common[NUMBERS + wiring->numbers_from + 1 + wiring->at[i]];
                program += (period && (int64_t)t % period == 0) << i;
            }
        }
        __syncthreads();
        if (threadIdx.x == 0)
            row[PROGRAM] = program;
        if (program != wiring->program)
            continue;
        begin(table, wiring, task, scalars, t, lr_scale);
        for (int i = 0; i < wiring->results; i++, at += 4) { /* the scalar, its kind, its sums, those at a scale */
            double *sums = table->sums + at[2] * table->chunks + task->first;
            const int64_t chunks = (task->size + CHUNK - 1) / CHUNK;
            double found = fold_chunks(sums, chunks, at[1] == 2);
            if (at[1] == 1) {
                const double again = fold_chunks(table->sums + at[3] * table->chunks + task->first, chunks, 0);
                found = task->is_double && found - found != 0 ? sqrt(again) / SHRINK : sqrt(found);
            }
            if (threadIdx.x == 0)
                scalars[at[0]] = found;
        }
        __syncthreads();
        if (threadIdx.x != 0)
            continue;
        double in[Block::TAKES + 1], out[Block::GIVES + 1];
        for (int i = 0; i < Block::TAKES; i++)
            in[i] = scalars[at[i]];
        at += wiring->takes;
        Block::of(in, out);
        for (int i = 0; i < wiring->gives; i++)
            scalars[at[i]] = out[i];
        at += wiring->gives;
        for (int i = 0; i < wiring->numbers; i++)
            row[table->numbers_at + i] = scalars[at[i]];
        at += wiring->numbers;
        if (!wiring->is_last)
            continue;
        const double verdict = task->stands ? GO : judge(table, wiring, k, row);
        row[VERDICT] = verdict;
        if (verdict != GO || task->stands)
            continue;
        task->record[T] = t;
        task->record[STREAK] = 0;
        for (int i = 0; i < wiring->keeps; i++)
            task->record[OWN + at[2 * i + 1]] = scalars[at[2 * i]];
    }
}

template <int N> struct alignas(N * sizeof(real)) pack { real at[N]; };

template <int N> FUNCTION struct pack<N> load(const real *from) { return *(const struct pack<N> *)from; }
template <int N> FUNCTION void keep(real *to, struct pack<N> values) { *(struct pack<N> *)to = values; }

/* One chunk of one key, and that key's arrays as a walk has them. */
struct span {
    int64_t key, begin, end;
    const struct task *task;
    const double *row;
    void *const *arrays;
};

FUNCTION struct span span_of(const struct table *table, const struct wiring *wiring, int arrays, int64_t u)
{
    const struct unit unit = table->units[DOUBLE][u];
    const struct task *task = &table->tasks[unit.task];
    const int64_t begin = (int64_t)unit.chunk * CHUNK;
    struct span span = {unit.task, begin, begin + CHUNK < task->size ? begin + CHUNK : task->size, task,
                        row_of(table, unit.task), table->pointers[wiring->walk] + (int64_t)unit.task * arrays};
    return span;
}

/* A walk that stores, where the step may be taken; where it is skipped, gradients become zero and all else stays. */
template <class Walk>
FUNCTION void store(struct table *table, const struct wiring *wiring, double)
{
    for (int64_t u = blockIdx.x; u < table->units_of[DOUBLE]; u += gridDim.x) {
        const struct span span = span_of(table, wiring, Walk::ARRAYS, u);
        if (span.row[PROGRAM] != wiring->program)
            continue;
        const double verdict = span.row[VERDICT];
        if (verdict != GO) {
            const int64_t end = verdict == SKIP && wiring->zeroes ? span.end : span.begin;
            for (int64_t i = span.begin + threadIdx.x; i < end; i += blockDim.x)
                span.task->gradient[i] = 0;
            continue;
        }
        uint64_t bits = 0;
        for (int i = 0; i < Walk::ARRAYS; i++)
            bits |= (uint64_t)span.arrays[i];
        const int64_t middle = bits % 16 ? span.begin : span.end - span.end % WIDE;
        Walk::template over<WIDE>(span.begin, middle, span.arrays, span.row + table->numbers_at);
        Walk::template over<1>(middle, span.end, span.arrays, span.row + table->numbers_at);
    }
}

/* A walk that reduces, chunk by chunk; it may also see whether all gradients are finite. */
template <class Walk>
FUNCTION void reduce(struct table *table, const struct wiring *wiring, double)
{
    __shared__ double lanes[Walk::SUMS + 1][LANES];
    for (int64_t u = blockIdx.x; u < table->units_of[DOUBLE]; u += gridDim.x) {
        const struct span span = span_of(table, wiring, Walk::ARRAYS, u);
        if (span.task->stands || (wiring->program >= 0 && span.row[PROGRAM] != wiring->program))
            continue;
        if (!Walk::over(span.begin, span.end, span.arrays, span.row + table->numbers_at, lanes)) {
            const unsigned long long key = 0xffffff - (span.key < 0xffffff ? span.key : 0xffffff);
            atomicMax(&table->bad, ((unsigned long long)span.row[EPOCH] << 24) | key);
        }
        Walk::fold(lanes);
        for (int i = threadIdx.x; i < Walk::SUMS; i += blockDim.x)
            table->sums[i * table->chunks + span.task->first + span.begin / CHUNK] = lanes[i][0];
        __syncthreads();
    }
}
