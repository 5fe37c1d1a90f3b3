/* Run kernels on tasks that are known to be sound: scalars, sums, walks over memory. */
#ifndef THINCOPT_RUNNING_H
#define THINCOPT_RUNNING_H

#include "wiring.h"

enum outcome { DONE, UNKNOWN, REFUSED, NONFINITE, FAILED = -1 }; /* see ops/contract.py */
#define SHRINK 0x1p-600 /* see ops/plain.py */

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

static void walk_over(const Phase *phase, const Task *task, double scale, double *sums)
{
    void *arrays[MOST_ARRAYS];
    double numbers[MOST_NUMBERS];
    for (Py_ssize_t i = 0; i < phase->arrays.count; i++) {
        const int which = phase->arrays.at[i];
        arrays[i] = which == 0 ? task->weights : which == 1 ? task->gradient : task->slot->arrays[which - 2].buf;
    }
    for (Py_ssize_t i = 0; i < phase->numbers.count; i++)
        numbers[i] = task->scalars[phase->numbers.at[i]];
    const struct walk walk = {0, task->size, arrays, numbers, scale, sums, (task->size + CHUNK - 1) / CHUNK};
    phase->walk[task->slot->itemsize == 8](&walk);
}

static void reduce(const Phase *phase, Task *task, double *sums)
{
    const int64_t chunks = (task->size + CHUNK - 1) / CHUNK;
    int overflown = 0;
    walk_over(phase, task, 1.0, sums);
    for (Py_ssize_t i = 0; i < phase->results.count; i++) {
        const double found = fold_chunks(sums + i * chunks, chunks, phase->kinds.at[i] == AMAX);
        const int is_norm = phase->kinds.at[i] == NORM;
        task->scalars[phase->results.at[i]] = is_norm ? sqrt(found) : found;
        overflown |= is_norm && !isfinite(found);
    }
    if (!overflown || task->slot->itemsize != 8)
        return;
    walk_over(phase, task, SHRINK, sums);
    for (Py_ssize_t i = 0; i < phase->results.count; i++) {
        double *result = &task->scalars[phase->results.at[i]];
        if (phase->kinds.at[i] == NORM && !isfinite(*result))
            *result = sqrt(fold_chunks(sums + i * chunks, chunks, 0)) / SHRINK;
    }
}

static int is_finite(const Task *task)
{
    return (task->slot->itemsize == 8 ? all_finite_double : all_finite_float)(task->gradient, task->size);
}

/* Whether the first reductions betray a gradient that is not finite. */
static int is_suspect(const Task *task)
{
    const Phase *first = task->kernel->phases;
    for (Py_ssize_t i = 0; task->kernel->guarded && i < first->results.count; i++)
        if (!isfinite(task->scalars[first->results.at[i]]))
            return !is_finite(task);
    return 0;
}

static void begin(const Runner *self, Task *task, Kernel *kernel, int64_t t, double lr_scale)
{
    const Py_ssize_t numbers = self->numbers.len / 8, own = task->slot->scalars.len / 8;
    double *scalars = task->scalars;
    task->kernel = kernel;
    memcpy(scalars, self->numbers.buf, (size_t)self->numbers.len);
    if (self->rate >= 0)
        scalars[self->rate] *= lr_scale;
    scalars[numbers] = (double)t;
    scalars[numbers + 1] = (double)task->size;
    memcpy(scalars + numbers + 2, task->slot->scalars.buf, (size_t)task->slot->scalars.len);
    memcpy(scalars + numbers + 2 + own, self->shared.buf, (size_t)self->shared.len);
}

static void commit(const Runner *self, Task *task)
{
    const Py_ssize_t own = task->slot->scalars.len / 8;
    const Kernel *kernel = task->kernel;
    ++*(int64_t *)task->slot->count.buf;
    for (Py_ssize_t i = 0; i < kernel->keep_from.count; i++) {
        const int to = kernel->keep_to.at[i];
        double *place = to < own ? (double *)task->slot->scalars.buf + to : (double *)self->shared.buf + to - own;
        *place = task->scalars[kernel->keep_from.at[i]];
    }
}

static void add_up(Task *tasks, Py_ssize_t count, Py_ssize_t depth)
{
    const ints *totals = &tasks[0].kernel->phases[depth].totals;
    for (Py_ssize_t i = 0; i < totals->count; i += 2) {
        double total = 0.0;
        for (Py_ssize_t k = 0; k < count; k++)
            total += tasks[k].scalars[tasks[k].kernel->phases[depth].totals.at[i]];
        for (Py_ssize_t k = 0; k < count; k++)
            tasks[k].scalars[tasks[k].kernel->phases[depth].totals.at[i + 1]] = total;
    }
}

/* Every walk but the last reads only; so a gradient that is not finite is found before anything has changed. */
static enum outcome run(Runner *self, Py_ssize_t count, double lr_scale)
{
    Task *tasks = self->tasks;
    Py_ssize_t deepest = 0;
    for (Py_ssize_t k = 0; k < count; k++) {
        const int64_t t = *(int64_t *)tasks[k].slot->count.buf + 1;
        const int64_t period = self->period < 0 ? 0 : (int64_t)((double *)self->numbers.buf)[self->period];
        begin(self, &tasks[k], period && t % period == 0 ? &self->before : &self->main, t, lr_scale);
        if (tasks[k].kernel->phase_count > deepest)
            deepest = tasks[k].kernel->phase_count;
        if (self->check_finite && !tasks[k].kernel->guarded && !is_finite(&tasks[k]))
            return NONFINITE;
    }
    for (Py_ssize_t depth = 0; depth + 1 < deepest; depth++) {
        for (Py_ssize_t k = 0; k < count; k++)
            compute_scalars(&tasks[k].kernel->phases[depth], tasks[k].scalars);
        add_up(tasks, count, depth);
        for (Py_ssize_t k = 0; k < count; k++) {
            if (tasks[k].kernel->phases[depth].walk[0])
                reduce(&tasks[k].kernel->phases[depth], &tasks[k], self->sums);
            if (depth == 0 && self->check_finite && is_suspect(&tasks[k]))
                return NONFINITE;
        }
    }
    for (Py_ssize_t k = 0; k < count; k++) {
        Phase *last = &tasks[k].kernel->phases[tasks[k].kernel->phase_count - 1];
        compute_scalars(last, tasks[k].scalars);
        walk_over(last, &tasks[k], 1.0, NULL);
    }
    for (Py_ssize_t k = 0; k < count; k++)
        commit(self, &tasks[k]);
    for (Py_ssize_t k = 0; k < count; k++)
        if (tasks[k].kernel == &self->before) {
            begin(self, &tasks[k], &self->after, *(int64_t *)tasks[k].slot->count.buf, lr_scale);
            Phase *last = &self->after.phases[self->after.phase_count - 1];
            compute_scalars(last, tasks[k].scalars);
            walk_over(last, &tasks[k], 1.0, NULL);
        }
    return DONE;
}

#endif
