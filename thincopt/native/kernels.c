/* The compiled runner: one call checks every array, computes the scalars and walks over memory.

   Python hands over kernels as wiring (tuples of numbers and function names); see ops/compiled.py. Nothing is
   changed before everything is checked. Limited API, so that one binary serves every Python from 3.11 on. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdlib.h>
#include <string.h>

#include "arithmetic.h"
#include "scalars.h"

#define real float
#define TYPED(name) name##_float
#define SQRT sqrtf
#define ABS fabsf
#define EXP expf
#define LOG logf
#define TANH tanhf
#define SCALED(x) ((double)(x)) /* squares of floats cannot overflow a double */
#include "walks.h"
#undef real
#undef TYPED
#undef SQRT
#undef ABS
#undef EXP
#undef LOG
#undef TANH
#undef SCALED
#define real double
#define TYPED(name) name##_double
#define SQRT sqrt
#define ABS fabs
#define EXP exp
#define LOG log
#define TANH tanh
#define SCALED(x) ((x) * walk->scale)
#include "walks.h"

typedef void scalar_function(const double *, double *);
typedef void walk_function(const struct walk *);
enum outcome { DONE, UNKNOWN, REFUSED, NONFINITE, FAILED = -1 };
enum kind { SUM, DOT, NORM, AMAX };
#define SHRINK 0x1p-600 /* see ops/plain.py */

static const struct { const char *name; scalar_function *function; } scalar_table[] = {
#define ENTRY(name) {#name, name},
    SCALARS(ENTRY)
#undef ENTRY
};

static const struct { const char *name; walk_function *typed[2]; } walk_table[] = {
#define ENTRY(name) {#name, {name##_float, name##_double}},
    WALKS(ENTRY)
#undef ENTRY
};

/* ---- wiring --------------------------------------------------------------------------------------------- */

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
    int present, guarded;
    Py_ssize_t size, phase_count;
    Phase *phases;
    ints keep_from, keep_to; /* scalar at `from` is stored back as scalar state `to` */
} Kernel;

typedef struct {
    PyObject_HEAD
    Py_ssize_t array_count, size, itemsize;
    Py_buffer count, scalars, *arrays;
} Slot;

typedef struct {
    Slot *slot;
    Kernel *kernel;
    double *scalars;
    void *weights, *gradient;
    Py_ssize_t size;
    Py_buffer views[2];
} Task;

typedef struct {
    PyObject_HEAD
    PyObject *array_type;
    Py_buffer numbers, shared;
    long rate, period; /* places among the numbers, or -1 */
    int check_finite, busy;
    Kernel main, before, after;
    Py_ssize_t scalar_room, task_room, sum_room, range_room, known_ranges;
    double *scalars, *sums;
    Task *tasks;
    uintptr_t *ranges; /* of the last batch that was found free of overlap: start, end, start, end … */
} Runner;

static PyTypeObject *slot_type;

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
    for (size_t i = 0; i < sizeof scalar_table / sizeof *scalar_table; i++)
        if (!strcmp(scalar_table[i].name, scalars))
            phase->scalars = scalar_table[i].function;
    for (size_t i = 0; i < sizeof walk_table / sizeof *walk_table; i++)
        if (!strcmp(walk_table[i].name, walk))
            memcpy(phase->walk, walk_table[i].typed, sizeof phase->walk);
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
    if (tuple == Py_None)
        return 0;
    kernel->present = 1;
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

/* ---- computing ------------------------------------------------------------------------------------------ */

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
    void *arrays[64];
    double numbers[256];
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

/* ---- checking ------------------------------------------------------------------------------------------- */

static int same_shape(const Py_buffer *a, const Py_buffer *b)
{
    if (a->ndim <= 1 || b->ndim <= 1)
        return 1;
    return a->ndim == b->ndim && !memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof *a->shape);
}

static int open_array(const Runner *self, PyObject *array, Py_buffer *view)
{
    if (!PyObject_TypeCheck(array, (PyTypeObject *)self->array_type)
        || PyObject_GetBuffer(array, view, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE | PyBUF_FORMAT) < 0) {
        PyErr_Clear();
        return 0;
    }
    return 1;
}

/* Open both arrays of a key and see that they can be updated. Opened views are the task's, to be closed by it. */
static enum outcome open_task(const Runner *self, Task *task, PyObject *slot, PyObject *weights, PyObject *gradient)
{
    Py_buffer *w = &task->views[0], *g = &task->views[1];
    w->obj = g->obj = NULL;
    if (!open_array(self, gradient, g) || !open_array(self, weights, w))
        return REFUSED;
    const char kind = g->format ? g->format[0] : 0;
    if ((kind != 'f' && kind != 'd') || g->format[1] || !w->format || strcmp(w->format, g->format))
        return REFUSED;
    if (w->len != g->len || !same_shape(w, g))
        return REFUSED;
    if (((uintptr_t)w->buf | (uintptr_t)g->buf) % (uintptr_t)g->itemsize)
        return REFUSED;
    if (!slot)
        return UNKNOWN;
    task->slot = (Slot *)slot;
    task->weights = w->buf;
    task->gradient = g->buf;
    task->size = g->len / g->itemsize;
    return task->slot->size == task->size && task->slot->itemsize == g->itemsize ? DONE : REFUSED;
}

static void close_tasks(Task *tasks, Py_ssize_t count)
{
    for (Py_ssize_t k = 0; k < count; k++) {
        PyBuffer_Release(&tasks[k].views[0]);
        PyBuffer_Release(&tasks[k].views[1]);
    }
}

static int by_start(const void *a, const void *b)
{
    const uintptr_t one = *(const uintptr_t *)a, other = *(const uintptr_t *)b;
    return (one > other) - (one < other);
}

/* Whether any two arrays of a batch share memory. The answer depends on addresses alone, so a batch at the same
   addresses as the last one need not be sorted again. */
static int overlaps(Runner *self, Py_ssize_t count)
{
    uintptr_t *now = self->ranges, *known = now + 4 * count;
    for (Py_ssize_t i = 0; i < 2 * count; i++) {
        const Py_buffer *view = &self->tasks[i / 2].views[i % 2];
        now[2 * i] = (uintptr_t)view->buf;
        now[2 * i + 1] = (uintptr_t)view->buf + (uintptr_t)view->len;
    }
    const size_t bytes = (size_t)count * 4 * sizeof *now;
    if (self->known_ranges == count && !memcmp(now, known, bytes))
        return 0;
    memcpy(known, now, bytes);
    self->known_ranges = 0;
    qsort(now, (size_t)count * 2, 2 * sizeof *now, by_start);
    for (Py_ssize_t i = 1; i < 2 * count; i++)
        if (now[2 * i] < now[2 * i - 1])
            return 1;
    self->known_ranges = count;
    return 0;
}

/* ---- room ----------------------------------------------------------------------------------------------- */

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

static Py_ssize_t largest(const Runner *self, Py_ssize_t (*of)(const Kernel *))
{
    const Kernel *kernels[] = {&self->main, &self->before, &self->after};
    Py_ssize_t most = 1;
    for (int i = 0; i < 3; i++)
        if (kernels[i]->present && of(kernels[i]) > most)
            most = of(kernels[i]);
    return most;
}

static Py_ssize_t scalars_of(const Kernel *kernel) { return kernel->size; }

static Py_ssize_t reductions_of(const Kernel *kernel)
{
    Py_ssize_t most = 0;
    for (Py_ssize_t i = 0; i < kernel->phase_count; i++)
        if (kernel->phases[i].results.count > most)
            most = kernel->phases[i].results.count;
    return most;
}

static int make_room(Runner *self, Py_ssize_t tasks)
{
    if (tasks <= self->task_room)
        return 0;
    self->known_ranges = 0;
    return grow((void **)&self->scalars, &self->scalar_room, tasks * largest(self, scalars_of), sizeof(double)) < 0
        || grow((void **)&self->ranges, &self->range_room, tasks * 8, sizeof(uintptr_t)) < 0
        || grow((void **)&self->tasks, &self->task_room, tasks, sizeof(Task)) < 0 ? -1 : 0;
}

/* Run the tasks that were opened, and close them. */
static enum outcome finish(Runner *self, Py_ssize_t count, enum outcome outcome, double lr_scale)
{
    if (outcome == DONE && !isfinite(lr_scale))
        outcome = REFUSED;
    if (outcome == DONE && count && overlaps(self, count))
        outcome = REFUSED;
    const Py_ssize_t size = largest(self, scalars_of), reductions = largest(self, reductions_of);
    for (Py_ssize_t k = 0; outcome == DONE && k < count; k++) {
        self->tasks[k].scalars = self->scalars + k * size;
        const Py_ssize_t wanted = (self->tasks[k].size + CHUNK - 1) / CHUNK * reductions;
        if (grow((void **)&self->sums, &self->sum_room, wanted, sizeof(double)) < 0)
            outcome = FAILED;
    }
    if (outcome == DONE)
        outcome = run(self, count, lr_scale);
    return outcome;
}

/* ---- Python's side -------------------------------------------------------------------------------------- */

static int open_numbers(PyObject *array, Py_buffer *view)
{
    return PyObject_GetBuffer(array, view, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE);
}

static PyObject *slot_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *count, *scalars, *arrays;
    Py_ssize_t size, itemsize;
    (void)kwargs;
    if (!PyArg_ParseTuple(args, "OOO!nn", &count, &scalars, &PyTuple_Type, &arrays, &size, &itemsize))
        return NULL;
    Slot *self = (Slot *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (!self)
        return NULL;
    self->size = size;
    self->itemsize = itemsize;
    const Py_ssize_t wanted = PyTuple_Size(arrays);
    self->arrays = PyMem_Calloc((size_t)wanted + 1, sizeof *self->arrays);
    if (!self->arrays || open_numbers(count, &self->count) < 0 || open_numbers(scalars, &self->scalars) < 0)
        goto failed;
    for (; self->array_count < wanted; self->array_count++) {
        PyObject *array = PyTuple_GetItem(arrays, self->array_count);
        if (array == Py_None)
            continue;
        Py_buffer *view = &self->arrays[self->array_count];
        if (open_numbers(array, view) < 0)
            goto failed;
        if (view->len != size * itemsize) {
            self->array_count++;
            PyErr_SetString(PyExc_ValueError, "state is not of the size of the weights");
            goto failed;
        }
    }
    return (PyObject *)self;
failed:
    Py_DECREF(self);
    return NULL;
}

static void slot_dealloc(PyObject *object)
{
    Slot *self = (Slot *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyBuffer_Release(&self->count);
    PyBuffer_Release(&self->scalars);
    for (Py_ssize_t i = 0; i < self->array_count; i++)
        PyBuffer_Release(&self->arrays[i]);
    PyMem_Free(self->arrays);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

static PyObject *runner_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *array_type, *numbers, *shared, *kernels[3];
    long rate, period;
    int check_finite;
    (void)kwargs;
    if (!PyArg_ParseTuple(args, "OOOllpOOO", &array_type, &numbers, &shared, &rate, &period, &check_finite,
                          &kernels[0], &kernels[1], &kernels[2]))
        return NULL;
    Runner *self = (Runner *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (!self)
        return NULL;
    self->rate = rate;
    self->period = period;
    self->check_finite = check_finite;
    self->array_type = Py_NewRef(array_type);
    if (open_numbers(numbers, &self->numbers) < 0 || open_numbers(shared, &self->shared) < 0
        || read_kernel(kernels[0], &self->main) < 0 || read_kernel(kernels[1], &self->before) < 0
        || read_kernel(kernels[2], &self->after) < 0 || make_room(self, 1) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static void runner_dealloc(PyObject *object)
{
    Runner *self = (Runner *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyBuffer_Release(&self->numbers);
    PyBuffer_Release(&self->shared);
    Py_XDECREF(self->array_type);
    free_kernel(&self->main);
    free_kernel(&self->before);
    free_kernel(&self->after);
    PyMem_Free(self->scalars);
    PyMem_Free(self->sums);
    PyMem_Free(self->tasks);
    PyMem_Free(self->ranges);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

static PyObject *result_of(enum outcome outcome)
{
    return outcome == FAILED ? NULL : PyLong_FromLong(outcome);
}

static int enter(Runner *self, PyObject *const *args, Py_ssize_t given, Py_ssize_t wanted, double *lr_scale)
{
    if (given != wanted || !PyDict_Check(args[0]))
        return PyErr_SetString(PyExc_TypeError, "a runner takes its handles, what to update, and a scale"), -1;
    if (self->busy)
        return PyErr_SetString(PyExc_RuntimeError, "this optimizer is at work already, in another call"), -1;
    *lr_scale = PyFloat_AsDouble(args[wanted - 1]);
    if (PyErr_Occurred()) {
        PyErr_Clear();
        *lr_scale = NAN; /* refused, and said so where the text is */
    }
    return 0;
}

/* step(handles, key, weights, gradient, lr_scale) */
static PyObject *runner_step(PyObject *object, PyObject *const *args, Py_ssize_t given)
{
    Runner *self = (Runner *)object;
    double lr_scale;
    if (enter(self, args, given, 5, &lr_scale) < 0)
        return NULL;
    PyObject *slot = PyDict_GetItemWithError(args[0], args[1]);
    if (!slot && PyErr_Occurred())
        return NULL;
    self->busy = 1;
    enum outcome outcome = open_task(self, self->tasks, slot, args[2], args[3]);
    const int is_empty = self->tasks->views[1].obj && !self->tasks->views[1].len;
    outcome = is_empty ? DONE : finish(self, 1, outcome, lr_scale);
    close_tasks(self->tasks, 1);
    self->busy = 0;
    return result_of(outcome);
}

/* update(handles, batch, lr_scale) */
static PyObject *runner_update(PyObject *object, PyObject *const *args, Py_ssize_t given)
{
    Runner *self = (Runner *)object;
    double lr_scale;
    if (enter(self, args, given, 3, &lr_scale) < 0)
        return NULL;
    PyObject *handles = args[0], *batch = args[1], *key, *pair;
    Py_ssize_t count = 0, at = 0;
    if (!PyDict_CheckExact(batch))
        return result_of(REFUSED);
    if (make_room(self, PyDict_Size(batch)) < 0)
        return NULL;
    self->busy = 1;
    enum outcome outcome = DONE;
    while (outcome == DONE && PyDict_Next(batch, &at, &key, &pair)) {
        if (!PyTuple_CheckExact(pair) || PyTuple_Size(pair) != 2) {
            outcome = REFUSED;
            break;
        }
        PyObject *slot = PyDict_GetItemWithError(handles, key);
        if (!slot && PyErr_Occurred()) {
            outcome = FAILED;
            break;
        }
        Task *task = &self->tasks[count++];
        outcome = open_task(self, task, slot, PyTuple_GetItem(pair, 0), PyTuple_GetItem(pair, 1));
        if (task->views[1].obj && !task->views[1].len) {
            close_tasks(task, 1);
            count--;
            outcome = DONE;
        }
    }
    outcome = finish(self, count, outcome, lr_scale);
    close_tasks(self->tasks, count);
    self->busy = 0;
    return result_of(outcome);
}

static PyObject *bind(PyObject *module, PyObject *args)
{
    (void)module;
    return slot_new(slot_type, args, NULL);
}

static PyObject *names(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    PyObject *found = PySet_New(NULL);
    const size_t scalars = sizeof scalar_table / sizeof *scalar_table, walks = sizeof walk_table / sizeof *walk_table;
    for (size_t i = 0; found && i < scalars + walks; i++) {
        PyObject *name = PyUnicode_FromString(i < scalars ? scalar_table[i].name : walk_table[i - scalars].name);
        if (!name || PySet_Add(found, name) < 0)
            Py_CLEAR(found);
        Py_XDECREF(name);
    }
    return found;
}

static PyMethodDef runner_methods[] = {
    {"step", (PyCFunction)(void (*)(void))runner_step, METH_FASTCALL, "Update one key."},
    {"update", (PyCFunction)(void (*)(void))runner_update, METH_FASTCALL, "Update every key of a batch, or none."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slot_slots[] = {{Py_tp_new, slot_new}, {Py_tp_dealloc, slot_dealloc}, {0, NULL}};
static PyType_Slot runner_slots[] = {
    {Py_tp_new, runner_new}, {Py_tp_dealloc, runner_dealloc}, {Py_tp_methods, runner_methods}, {0, NULL}};
static PyType_Spec slot_spec = {"thincopt.native.kernels.Slot", sizeof(Slot), 0, Py_TPFLAGS_DEFAULT, slot_slots};
static PyType_Spec runner_spec = {
    "thincopt.native.kernels.Runner", sizeof(Runner), 0, Py_TPFLAGS_DEFAULT, runner_slots};

static PyMethodDef module_methods[] = {
    {"bind", bind, METH_VARARGS, "A key's state, ready for a runner."},
    {"names", names, METH_NOARGS, "The names of all compiled functions."},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef module_def = {PyModuleDef_HEAD_INIT, "kernels", NULL, -1, module_methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_kernels(void)
{
    PyObject *module = PyModule_Create(&module_def), *runner = PyType_FromSpec(&runner_spec);
    slot_type = (PyTypeObject *)PyType_FromSpec(&slot_spec);
    if (!module || !runner || !slot_type || PyModule_AddObjectRef(module, "Runner", runner) < 0)
        Py_CLEAR(module);
    Py_XDECREF(runner);
    return module;
}
