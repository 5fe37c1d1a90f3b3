/* Kernels as Python hands them over: tuples of numbers and function names; see ops/numpy/compiled.py. */
#ifndef THINCOPT_WIRING_H
#define THINCOPT_WIRING_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "finding.h"
#include "pool.h"

enum kind { SUM, DOT, NORM, AMAX };

typedef struct { Py_ssize_t count; int *at; } ints;

typedef struct {
    scalar_function *scalars;
    ints takes, gives, totals; /* totals: from, to, from, to … */
    walk_function *walk[2];
    ints arrays, numbers, results, kinds;
    double *known_in, *known_out; /* the last inputs of this block, and what came of them */
    int is_known;
} Phase;

typedef struct {
    int guarded;
    Py_ssize_t size, phase_count;
    Phase *phases;
    ints keep_from, keep_to; /* scalar at `from` is stored back as scalar state `to` */
} Kernel;

/* Keys that have the same settings, and so the same kernels. */
typedef struct {
    Py_ssize_t number_count, own_count, array_count;
    Py_ssize_t first; /* where its numbers begin, of all that a call brings: a factor of the rate, then the settings */
    long rate;        /* its place among the settings, or -1 */
    int reads_own;    /* whether a kernel asks for any of a key's own scalars */
    int stands;       /* frozen: steps are not counted, nor are gradients looked at */
    Py_buffer shared;
    ints periods; /* places among the settings: bit i of a case says whether the step is a multiple of the i-th */
    ints *plans;  /* for each case, which kernels */
    Py_ssize_t kernel_count;
    Kernel *kernels;
} Cohort;

typedef struct {
    PyObject_HEAD
    const Cohort *cohort;
    Py_ssize_t array_count, size, itemsize, ndim;
    int is_known; /* a step was taken with these arrays */
    Py_ssize_t *shape;
    Py_buffer counts, taken, scalars, *arrays; /* counts[0] is t; taken[0] tells Python of is_known */
} Slot;

typedef struct {
    Slot *slot;
    const ints *plan; /* the kernels of this step, one after the other */
    Kernel *kernel;   /* the present one, if any */
    Phase *phase; /* the walk that is to be done, if any */
    void **arrays; /* weights, gradient, then state */
    double *scalars, *sums;
    int64_t size, chunks;
    size_t itemsize;
    Py_buffer views[2];
} Task;

/* A part of one array. */
typedef struct { Py_ssize_t task; int64_t begin, end; } Span;

/* What one call works in. A call within another (buffers and keys may run Python) has a room of its own. */
typedef struct {
    int is_taken;
    Py_ssize_t array_room, scalar_room, task_room, sum_room, range_room, span_room, unit_room, known_ranges;
    Py_ssize_t unit_count; /* how the work is shared; none: by this thread alone */
    void **arrays;
    double *scalars, *sums;
    Task *tasks;
    Span *spans;
    Py_ssize_t *units;  /* unit u is the spans from units[u] to units[u + 1] */
    uintptr_t *ranges; /* of the last batch that was found free of overlap: start, end, start, end … */
} Room;

typedef struct {
    PyObject_HEAD
    PyObject *array_type, *handles;
    PyObject *ticket, *enter, *leave; /* see turns.py */
    int check_finite;
    Py_ssize_t number_count;            /* of all cohorts */
    Py_ssize_t scalar_most, array_most; /* of a task */
    Py_ssize_t reduction_most;
    Py_ssize_t cohort_count;
    Cohort *cohorts;
    Room room;
} Runner;

static Py_ssize_t greater(Py_ssize_t a, Py_ssize_t b) { return a > b ? a : b; }

static int grow(void **memory, Py_ssize_t *room, Py_ssize_t wanted, size_t size)
{
    if (wanted <= *room)
        return 0;
    void *larger = PyMem_Realloc(*memory, (size_t)wanted * size);
    if (!larger)
        return PyErr_NoMemory(), -1;
    *memory = larger;
    *room = wanted;
    return 0;
}

static int read_ints(PyObject *tuple, ints *out)
{
    out->count = PyTuple_Size(tuple);
    if (out->count < 0)
        return -1;
    out->at = PyMem_Calloc((size_t)out->count + 1, sizeof *out->at);
    if (!out->at) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < out->count; i++) {
        out->at[i] = (int)PyLong_AsLong(PyTuple_GetItem(tuple, i));
        if (PyErr_Occurred())
            return -1;
    }
    return 0;
}

static int name_of(PyObject *value, const char **name)
{
    Py_ssize_t length;
    *name = value == Py_None ? "" : PyUnicode_AsUTF8AndSize(value, &length);
    return *name ? 0 : -1;
}

static int read_phase(PyObject *tuple, Phase *phase)
{
    const char *scalars, *walk;
    ints *fields[] = {&phase->takes, &phase->gives, &phase->totals, &phase->arrays,
                      &phase->numbers, &phase->results, &phase->kinds};
    if (PyTuple_Size(tuple) != 9 || name_of(PyTuple_GetItem(tuple, 0), &scalars) < 0
        || name_of(PyTuple_GetItem(tuple, 1), &walk) < 0)
        return -1;
    const struct walk_entry *found = find_walk(walk);
    phase->scalars = find_scalars(scalars);
    if (found)
        memcpy(phase->walk, found->of, sizeof phase->walk);
    if ((*scalars && !phase->scalars) || (*walk && !phase->walk[0])) {
        PyErr_Format(PyExc_LookupError, "not compiled: %s %s", scalars, walk);
        return -1;
    }
    for (int i = 0; i < 7; i++)
        if (read_ints(PyTuple_GetItem(tuple, i + 2), fields[i]) < 0)
            return -1;
    phase->known_in = PyMem_Calloc((size_t)(phase->takes.count + phase->gives.count) + 1, sizeof(double));
    phase->known_out = phase->known_in ? phase->known_in + phase->takes.count : NULL;
    return phase->known_in ? 0 : (PyErr_NoMemory(), -1);
}

static int read_kernel(PyObject *tuple, Kernel *kernel)
{
    kernel->size = PyLong_AsSsize_t(PyTuple_GetItem(tuple, 0));
    kernel->guarded = PyObject_IsTrue(PyTuple_GetItem(tuple, 1));
    PyObject *phases = PyTuple_GetItem(tuple, 4);
    if (!phases || read_ints(PyTuple_GetItem(tuple, 2), &kernel->keep_from) < 0
        || read_ints(PyTuple_GetItem(tuple, 3), &kernel->keep_to) < 0)
        return -1;
    const Py_ssize_t count = PyTuple_Size(phases);
    kernel->phases = PyMem_Calloc((size_t)count + 1, sizeof *kernel->phases);
    if (!kernel->phases)
        return PyErr_NoMemory(), -1;
    for (; kernel->phase_count < count; kernel->phase_count++)
        if (read_phase(PyTuple_GetItem(phases, kernel->phase_count), &kernel->phases[kernel->phase_count]) < 0) {
            kernel->phase_count++;
            return -1;
        }
    return 0;
}

static void free_kernel(Kernel *kernel)
{
    for (Py_ssize_t i = 0; i < kernel->phase_count; i++) {
        Phase *phase = &kernel->phases[i];
        int *owned[] = {phase->takes.at, phase->gives.at, phase->totals.at, phase->arrays.at,
                        phase->numbers.at, phase->results.at, phase->kinds.at};
        for (int j = 0; j < 7; j++)
            PyMem_Free(owned[j]);
        PyMem_Free(phase->known_in);
    }
    PyMem_Free(kernel->phases);
    PyMem_Free(kernel->keep_from.at);
    PyMem_Free(kernel->keep_to.at);
}

static int read_kernels(PyObject *tuple, Cohort *cohort)
{
    const Py_ssize_t count = PyTuple_Size(tuple);
    cohort->kernels = PyMem_Calloc((size_t)count + 1, sizeof *cohort->kernels);
    if (!cohort->kernels)
        return PyErr_NoMemory(), -1;
    while (cohort->kernel_count < count) {
        const Py_ssize_t i = cohort->kernel_count++;
        if (read_kernel(PyTuple_GetItem(tuple, i), &cohort->kernels[i]) < 0)
            return -1;
    }
    return 0;
}

static int read_plans(PyObject *periods, PyObject *tuple, Cohort *cohort)
{
    const Py_ssize_t count = PyTuple_Size(tuple);
    cohort->plans = PyMem_Calloc((size_t)count + 1, sizeof *cohort->plans);
    if (!cohort->plans)
        return PyErr_NoMemory(), -1;
    if (read_ints(periods, &cohort->periods) < 0)
        return -1;
    if (count != (Py_ssize_t)1 << cohort->periods.count)
        return PyErr_SetString(PyExc_ValueError, "there is not one plan for each case"), -1;
    for (Py_ssize_t i = 0; i < count; i++)
        if (read_ints(PyTuple_GetItem(tuple, i), &cohort->plans[i]) < 0)
            return -1;
    return 0;
}

static int reads_any(const ints *places, Py_ssize_t from, Py_ssize_t to)
{
    for (Py_ssize_t i = 0; i < places->count; i++)
        if (places->at[i] >= from && places->at[i] < to)
            return 1;
    return 0;
}

static int reads_own(const Cohort *cohort)
{
    const Py_ssize_t from = cohort->number_count + SUPPLIED, to = from + cohort->own_count;
    for (Py_ssize_t k = 0; k < cohort->kernel_count; k++) {
        const Kernel *kernel = &cohort->kernels[k];
        for (Py_ssize_t p = 0; p < kernel->phase_count; p++)
            if (reads_any(&kernel->phases[p].takes, from, to) || reads_any(&kernel->phases[p].numbers, from, to)
                || reads_any(&kernel->keep_from, from, to))
                return 1;
    }
    return 0;
}

/* (shared, counts of settings and of a key's scalars and arrays, place of the rate, whether it stands, places of the
   periods, for each case its kernels, the kernels) */
static int read_cohort(PyObject *tuple, Cohort *cohort)
{
    PyObject *shared, *periods, *plans, *kernels;
    if (!PyArg_ParseTuple(tuple, "OnnnlpO!O!O!", &shared, &cohort->number_count, &cohort->own_count,
                          &cohort->array_count, &cohort->rate, &cohort->stands, &PyTuple_Type, &periods, &PyTuple_Type, &plans,
                          &PyTuple_Type, &kernels))
        return -1;
    if (PyObject_GetBuffer(shared, &cohort->shared, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE) < 0
        || read_kernels(kernels, cohort) < 0 || read_plans(periods, plans, cohort) < 0)
        return -1;
    cohort->reads_own = reads_own(cohort);
    return 0;
}

static void free_cohort(Cohort *cohort)
{
    PyBuffer_Release(&cohort->shared);
    for (Py_ssize_t i = 0; cohort->plans && i < (Py_ssize_t)1 << cohort->periods.count; i++)
        PyMem_Free(cohort->plans[i].at);
    PyMem_Free(cohort->plans);
    PyMem_Free(cohort->periods.at);
    for (Py_ssize_t i = 0; i < cohort->kernel_count; i++)
        free_kernel(&cohort->kernels[i]);
    PyMem_Free(cohort->kernels);
}

static Py_ssize_t reductions_of(const Kernel *kernel)
{
    Py_ssize_t most = 0;
    for (Py_ssize_t i = 0; i < kernel->phase_count; i++)
        if (kernel->phases[i].results.count > most)
            most = kernel->phases[i].results.count;
    return most;
}

static int read_cohorts(PyObject *tuple, Runner *self)
{
    const Py_ssize_t count = PyTuple_Size(tuple);
    self->scalar_most = self->reduction_most = 1;
    self->cohorts = PyMem_Calloc((size_t)count + 1, sizeof *self->cohorts);
    if (!self->cohorts)
        return PyErr_NoMemory(), -1;
    while (self->cohort_count < count) {
        Cohort *each = &self->cohorts[self->cohort_count];
        PyObject *given = PyTuple_GetItem(tuple, self->cohort_count++);
        if (!PyTuple_Check(given) || read_cohort(given, each) < 0)
            return PyErr_Occurred() ? -1 : (PyErr_SetString(PyExc_TypeError, "a cohort is a tuple"), -1);
        each->first = self->number_count;
        self->number_count += 1 + each->number_count;
        self->array_most = greater(self->array_most, 2 + each->array_count);
        for (Py_ssize_t i = 0; i < each->kernel_count; i++) {
            self->scalar_most = greater(self->scalar_most, each->kernels[i].size);
            self->reduction_most = greater(self->reduction_most, reductions_of(&each->kernels[i]));
        }
    }
    return 0;
}

#endif
