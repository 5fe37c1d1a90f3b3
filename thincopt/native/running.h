/* Run kernels on tasks that are known to be sound: scalars, sums, walks over memory. */
#ifndef THINCOPT_RUNNING_H
#define THINCOPT_RUNNING_H

#include "sharing.h"

enum outcome { DONE, UNKNOWN, REFUSED, NONFINITE, FAILED = -1 }; /* see ops/contract.py */

static void compute_scalars(Phase *phase, double *scalars)
{
    if (!phase->scalars)
        return;
    double *in = phase->known_in, *out = phase->known_out;
    int same = phase->is_known;
    for (Py_ssize_t i = 0; i < phase->takes.count; i++) {
        const double value = scalars[phase->takes.at[i]];
        same &= !memcmp(&in[i], &value, sizeof value);
        in[i] = value;
    }
    if (!same)
        phase->scalars(in, out);
    phase->is_known = 1;
    for (Py_ssize_t i = 0; i < phase->gives.count; i++)
        scalars[phase->gives.at[i]] = out[i];
}

static void walk_part(const struct pass *pass, const Task *task, int64_t begin, int64_t end)
{
    const Phase *phase = task->phase;
    if (!phase)
        return;
    const struct walk walk = {begin, end, task->arrays, task->scalars, phase->arrays.at, phase->numbers.at,
                              pass->scale, task->sums, task->chunks};
    phase->walk[task->itemsize == 8](&walk);
}

static void check_part(const struct pass *pass, const Task *task, int64_t begin, int64_t end)
{
    if (!task->slot->cohort->stands && !atomic_load_explicit(pass->is_nonfinite, memory_order_relaxed)
        && !is_finite((const char *)task->arrays[1] + (size_t)begin * task->itemsize, end - begin, task->itemsize))
        atomic_store(pass->is_nonfinite, 1);
}

static int all_finite(const Room *room, Py_ssize_t count)
{
    atomic_int is_nonfinite = 0;
    const struct pass pass = {check_part, room, count, 1.0, &is_nonfinite};
    go_over(&pass);
    return !atomic_load(&is_nonfinite);
}

/* The results of a walk's reductions; whether a norm overflowed, which is taken again at a smaller scale. */
static int fold(Task *task, int is_again)
{
    const Phase *phase = task->phase;
    int overflown = 0;
    for (Py_ssize_t i = 0; phase && i < phase->results.count; i++) {
        const int is_norm = phase->kinds.at[i] == NORM;
        double *result = &task->scalars[phase->results.at[i]];
        if (is_again && (!is_norm || isfinite(*result)))
            continue;
        const double found = fold_chunks(task->sums + i * task->chunks, task->chunks, phase->kinds.at[i] == AMAX);
        *result = is_norm ? sqrt(found) / (is_again ? SHRINK : 1.0) : found;
        overflown |= is_norm && !isfinite(found) && task->itemsize == 8;
    }
    return overflown;
}

/* One walk that reads only, and the results of its reductions. */
static void reduce(Room *room, Py_ssize_t count)
{
    int overflown = 0;
    struct pass pass = {walk_part, room, count, 1.0, NULL};
    go_over(&pass);
    for (Py_ssize_t k = 0; k < count; k++)
        overflown |= fold(&room->tasks[k], 0);
    if (!overflown)
        return;
    pass.scale = SHRINK;
    go_over(&pass);
    for (Py_ssize_t k = 0; k < count; k++)
        fold(&room->tasks[k], 1);
}

/* Whether the first reductions of a guarded kernel betray a gradient that is not finite. */
static int is_suspect(const Task *task)
{
    const Phase *first = task->kernel->phases;
    if (task->slot->cohort->stands)
        return 0;
    for (Py_ssize_t i = 0; i < first->results.count; i++)
        if (!isfinite(task->scalars[first->results.at[i]]))
            return !is_finite(task->arrays[1], task->size, task->itemsize);
    return 0;
}

/* What a call is given beside arrays: the numbers of every cohort, and a factor of the rate. */
struct given {
    const double *numbers;
    double lr_scale;
};

static const double *settings_of(const Cohort *cohort, struct given given) { return given.numbers + cohort->first + 1; }

/* The factor of a cohort's rate: its own times the call's. */
static double scale_of(const Cohort *cohort, struct given given) { return given.numbers[cohort->first] * given.lr_scale; }

static void begin(const Task *task, int64_t t, struct given given)
{
    const Cohort *cohort = task->slot->cohort;
    const Py_ssize_t numbers = cohort->number_count;
    double *scalars = task->scalars;
    memcpy(scalars, settings_of(cohort, given), (size_t)numbers * sizeof *scalars);
    if (cohort->rate >= 0)
        scalars[cohort->rate] *= scale_of(cohort, given);
    scalars[numbers] = (double)t;
    scalars[numbers + 1] = (double)task->size;
    scalars[numbers + 2] = MACHINE_EPSILON(task->itemsize == 8);
    if (cohort->reads_own)
        memcpy(scalars + numbers + SUPPLIED, task->slot->scalars.buf, (size_t)task->slot->scalars.len);
    memcpy(scalars + numbers + SUPPLIED + cohort->own_count, cohort->shared.buf, (size_t)cohort->shared.len);
}

/* What a kernel makes of the scalar state. */
static void keep(const Task *task)
{
    const Cohort *cohort = task->slot->cohort;
    const Py_ssize_t own = cohort->own_count;
    const Kernel *kernel = task->kernel;
    for (Py_ssize_t i = 0; kernel && i < kernel->keep_from.count; i++) {
        const int to = kernel->keep_to.at[i];
        double *place = to < own ? (double *)task->slot->scalars.buf + to : (double *)cohort->shared.buf + to - own;
        *place = task->scalars[kernel->keep_from.at[i]];
    }
}

static void count_step(Task *task)
{
    const int is_known = task->slot->is_known;
    task->slot->is_known = 1;
    if (task->slot->cohort->stands)
        return;
    ++*(int64_t *)task->slot->counts.buf;
    if (!is_known)
        *(int64_t *)task->slot->taken.buf = 1;
}

static const ints *totals_of(const Task *task, Py_ssize_t depth)
{
    static const ints none = {0, NULL};
    return task->kernel && depth + 1 < task->kernel->phase_count ? &task->kernel->phases[depth].totals : &none;
}

/* Sums over the keys; those that have any at this depth have as many: see recipes/composing.py. */
static void add_up(Task *tasks, Py_ssize_t count, Py_ssize_t depth)
{
    Py_ssize_t most = 0;
    for (Py_ssize_t k = 0; k < count; k++)
        most = greater(most, totals_of(&tasks[k], depth)->count);
    for (Py_ssize_t i = 0; i < most; i += 2) {
        double total = 0.0;
        for (Py_ssize_t k = 0; k < count; k++)
            if (i < totals_of(&tasks[k], depth)->count)
                total += tasks[k].scalars[totals_of(&tasks[k], depth)->at[i]];
        for (Py_ssize_t k = 0; k < count; k++)
            if (i < totals_of(&tasks[k], depth)->count)
                tasks[k].scalars[totals_of(&tasks[k], depth)->at[i + 1]] = total;
    }
}

/* The scalars of every task's phase at this depth, or of its last; those phases walk next. */
static void compute(Room *room, Py_ssize_t count, Py_ssize_t depth, int is_last)
{
    for (Py_ssize_t k = 0; k < count; k++) {
        Task *task = &room->tasks[k];
        Kernel *kernel = task->kernel;
        task->phase = NULL;
        if (!kernel || (!is_last && depth + 1 >= kernel->phase_count))
            continue;
        Phase *phase = &kernel->phases[is_last ? kernel->phase_count - 1 : depth];
        compute_scalars(phase, task->scalars);
        task->phase = phase->walk[0] ? phase : NULL;
    }
}

static void store(Room *room, Py_ssize_t count)
{
    const struct pass pass = {walk_part, room, count, 1.0, NULL};
    compute(room, count, 0, 1);
    go_over(&pass);
}

/* One kernel of each key. Every walk but the last reads only; so a gradient that is not finite is found before anything
   has changed. */
static enum outcome run_kernels(Room *room, Py_ssize_t count, int check_finite)
{
    Task *tasks = room->tasks;
    Py_ssize_t deepest = 0;
    int guarded = 1;
    for (Py_ssize_t k = 0; k < count; k++)
        if (tasks[k].kernel) {
            deepest = tasks[k].kernel->phase_count > deepest ? tasks[k].kernel->phase_count : deepest;
            guarded &= tasks[k].kernel->guarded || tasks[k].slot->cohort->stands;
        }
    if (check_finite && !guarded && !all_finite(room, count))
        return NONFINITE;
    for (Py_ssize_t depth = 0; depth + 1 < deepest; depth++) {
        compute(room, count, depth, 0);
        add_up(tasks, count, depth);
        reduce(room, count);
        for (Py_ssize_t k = 0; depth == 0 && check_finite && guarded && k < count; k++)
            if (is_suspect(&tasks[k]))
                return NONFINITE;
    }
    store(room, count);
    for (Py_ssize_t k = 0; k < count; k++)
        keep(&tasks[k]);
    return DONE;
}

/* Which kernels a key's t-th step is. */
static const ints *plan_of(const Cohort *cohort, int64_t t, const double *settings)
{
    int which = 0;
    for (Py_ssize_t i = 0; i < cohort->periods.count; i++) {
        const int64_t period = (int64_t)settings[cohort->periods.at[i]];
        which |= (period && t % period == 0) << i;
    }
    return &cohort->plans[which];
}

/* Whether a step of one key needs nothing of the others: a single walk, and nothing that keys share. */
static int is_straight(const Runner *self, const Room *room)
{
    for (Py_ssize_t i = 0; i < self->cohort_count; i++) {
        const Cohort *each = &self->cohorts[i];
        if (each->kernel_count != 1 || each->kernels->phase_count != 1 || each->shared.len
            || (self->check_finite && !each->kernels->guarded && !each->stands))
            return 0;
    }
    return !room->unit_count;
}

/* Whether a key's scalars are those of the one before it, whose own have not changed by its step. */
static int is_alike(const Task *task, const Task *before)
{
    const Slot *slot = task->slot, *other = before->slot;
    return slot->cohort == other->cohort && !before->kernel->keep_from.count && task->size == before->size
        && task->itemsize == before->itemsize && *(int64_t *)slot->counts.buf + 1 == *(int64_t *)other->counts.buf
        && !(slot->cohort->reads_own && memcmp(slot->scalars.buf, other->scalars.buf, (size_t)slot->scalars.len));
}

/* The whole step of one key after that of another, while the processor has near what it needs. */
static void run_straight(Room *room, Py_ssize_t count, struct given given)
{
    const struct pass pass = {walk_part, room, count, 1.0, NULL};
    for (Py_ssize_t k = 0; k < count; k++) {
        Task *task = &room->tasks[k];
        Phase *phase = task->slot->cohort->kernels->phases;
        task->scalars = room->scalars;
        task->kernel = task->slot->cohort->kernels;
        task->phase = phase->walk[0] ? phase : NULL;
        if (!k || !is_alike(task, task - 1)) {
            begin(task, *(int64_t *)task->slot->counts.buf + 1, given);
            compute_scalars(phase, task->scalars);
        }
        walk_part(&pass, task, 0, task->size);
        keep(task);
        count_step(task);
    }
}

/* A step of each key: the first kernels of all, then the second ones of those that have them, and so on. */
static enum outcome run(const Runner *self, Room *room, Py_ssize_t count, struct given given)
{
    Task *tasks = room->tasks;
    Py_ssize_t most = 1;
    if (is_straight(self, room)) {
        run_straight(room, count, given);
        return DONE;
    }
    for (Py_ssize_t k = 0; k < count; k++) {
        const Cohort *cohort = tasks[k].slot->cohort;
        tasks[k].plan = plan_of(cohort, *(int64_t *)tasks[k].slot->counts.buf + 1, settings_of(cohort, given));
        most = greater(most, tasks[k].plan->count);
    }
    for (Py_ssize_t i = 0; i < most; i++) {
        for (Py_ssize_t k = 0; k < count; k++) {
            Kernel *kernels = tasks[k].slot->cohort->kernels;
            tasks[k].kernel = i < tasks[k].plan->count ? &kernels[tasks[k].plan->at[i]] : NULL;
            if (tasks[k].kernel)
                begin(&tasks[k], *(int64_t *)tasks[k].slot->counts.buf + 1, given);
        }
        if (run_kernels(room, count, self->check_finite && i == 0) != DONE)
            return NONFINITE;
    }
    for (Py_ssize_t k = 0; k < count; k++)
        count_step(&tasks[k]);
    return DONE;
}

#endif
