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

typedef struct {
    PyObject_HEAD
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
    Py_buffer shared;
    Py_ssize_t number_count, own_count, array_count;
    long rate; /* its place among the numbers, or -1 */
    int check_finite;
    ints periods; /* places among the numbers: bit i of a case says whether the step is a multiple of the i-th */
    ints *plans;  /* for each case, which kernels */
    Py_ssize_t kernel_count;
    Kernel *kernels;
    Room room;
} Runner;

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

static int read_kernels(PyObject *tuple, Runner *self)
{
    const Py_ssize_t count = PyTuple_Size(tuple);
    self->kernels = PyMem_Calloc((size_t)count + 1, sizeof *self->kernels);
    if (!self->kernels)
        return PyErr_NoMemory(), -1;
    while (self->kernel_count < count) {
        const Py_ssize_t i = self->kernel_count++;
        if (read_kernel(PyTuple_GetItem(tuple, i), &self->kernels[i]) < 0)
            return -1;
    }
    return 0;
}

static int read_plans(PyObject *periods, PyObject *tuple, Runner *self)
{
    const Py_ssize_t count = PyTuple_Size(tuple);
    self->plans = PyMem_Calloc((size_t)count + 1, sizeof *self->plans);
    if (!self->plans)
        return PyErr_NoMemory(), -1;
    if (read_ints(periods, &self->periods) < 0)
        return -1;
    if (count != (Py_ssize_t)1 << self->periods.count)
        return PyErr_SetString(PyExc_ValueError, "there is not one plan for each case"), -1;
    for (Py_ssize_t i = 0; i < count; i++)
        if (read_ints(PyTuple_GetItem(tuple, i), &self->plans[i]) < 0)
            return -1;
    return 0;
}

static void free_plans(Runner *self)
{
    for (Py_ssize_t i = 0; self->plans && i < (Py_ssize_t)1 << self->periods.count; i++)
        PyMem_Free(self->plans[i].at);
    PyMem_Free(self->plans);
    PyMem_Free(self->periods.at);
    for (Py_ssize_t i = 0; i < self->kernel_count; i++)
        free_kernel(&self->kernels[i]);
    PyMem_Free(self->kernels);
}

#endif
