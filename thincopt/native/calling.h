/* One call of a runner: it checks every array, takes its turn if it is large, computes the scalars and walks over memory.

   What may run Python (keys, buffers) comes first; what it has changed is seen by its ticket, and the engine begins
   again. From then on nothing comes between. */
#ifndef THINCOPT_CALLING_H
#define THINCOPT_CALLING_H

#include "objects.h"

#include <float.h>

/* Whether the batch is worth waking the workers: by the bytes that the last walk of an ordinary step goes over. */
static int is_shared(const Room *room, Py_ssize_t count)
{
    int64_t bytes = 0;
    if (pool.threads == 1)
        return 0;
    for (Py_ssize_t k = 0; k < count; k++) {
        const Slot *slot = room->tasks[k].slot;
        const Kernel *kernel = &slot->cohort->kernels[slot->cohort->plans[0].at[0]];
        bytes += slot->size * slot->itemsize * kernel->phases[kernel->phase_count - 1].arrays.count;
    }
    return bytes >= pool.least;
}

/* Room for the sums of every task, and the plan by which a batch is shared. */
static int prepare(const Runner *self, Room *room, Py_ssize_t count, int64_t total)
{
    int64_t chunks = 0;
    for (Py_ssize_t k = 0; k < count; k++)
        chunks += room->tasks[k].chunks = (room->tasks[k].size + CHUNK - 1) / CHUNK;
    if (grow((void **)&room->sums, &room->sum_room, chunks * self->reduction_most, sizeof *room->sums) < 0)
        return -1;
    double *sums = room->sums;
    for (Py_ssize_t k = 0; k < count; k++) {
        room->tasks[k].scalars = room->scalars + k * self->scalar_most;
        room->tasks[k].sums = sums;
        sums += room->tasks[k].chunks * self->reduction_most;
    }
    room->unit_count = 0;
    return total >= LARGE && is_shared(room, count) ? plan(room, count, total, pool.threads) : 0;
}

/* A call: what it was given, and whether it comes from the engine, which then has the optimizer's turn already. */
struct call {
    PyObject *numbers;
    struct given given;
    int is_inside;
};

/* Whether these are the optimizer's present numbers, and nobody is at work with it; see turns.py. */
static int has_ticket(const Runner *self, const PyObject *numbers)
{
    return PyList_Size(self->ticket) == 1 && PyList_GetItem(self->ticket, 0) == numbers;
}

/* Run a large batch without the interpreter's lock. */
static enum outcome run_released(Runner *self, Room *room, Py_ssize_t count, struct given given)
{
    enum outcome outcome;
    Py_BEGIN_ALLOW_THREADS
    begin_large_work();
    outcome = run(self, room, count, given);
    end_large_work();
    Py_END_ALLOW_THREADS
    return outcome;
}

/* The same for a call that has to take its turn first: other calls then wait for it. */
static enum outcome run_in_turn(Runner *self, Room *room, Py_ssize_t count, const struct call *call)
{
    for (Py_ssize_t i = 0; i < PyTuple_Size(self->enter); i++) {
        PyObject *entered = PyObject_CallNoArgs(PyTuple_GetItem(self->enter, i)); /* this may wait, and run Python */
        if (!entered)
            return FAILED;
        Py_DECREF(entered);
    }
    enum outcome outcome = REFUSED;
    if (has_ticket(self, call->numbers)) {
        PyList_SetItem(self->ticket, 0, Py_NewRef(Py_None));
        outcome = run_released(self, room, count, call->given);
        PyList_SetItem(self->ticket, 0, Py_NewRef(call->numbers));
    }
    PyObject *left = PyObject_CallNoArgs(self->leave);
    Py_XDECREF(left);
    return left ? outcome : FAILED;
}

/* Whether a call asks for a scale that can be, and so for rates that are numbers of the weights' types. */
static int holds_rate(const Runner *self, const Room *room, Py_ssize_t count, struct given given)
{
    if (!(given.lr_scale >= 0.0) || !isfinite(given.lr_scale))
        return 0;
    for (Py_ssize_t i = 0; i < self->cohort_count; i++) {
        const Cohort *each = &self->cohorts[i];
        const double rate = each->rate < 0 ? 0.0 : fabs(settings_of(each, given)[each->rate] * scale_of(each, given));
        if (!isfinite(rate))
            return 0;
        for (Py_ssize_t k = 0; rate > FLT_MAX && k < count; k++)
            if (room->tasks[k].slot->cohort == each && room->tasks[k].slot->itemsize == 4)
                return 0;
    }
    return 1;
}

static int64_t total_of(const Room *room, Py_ssize_t count)
{
    int64_t total = 0;
    for (Py_ssize_t k = 0; k < count; k++)
        total += room->tasks[k].size;
    return total;
}

/* Whether each key has had a step; the state of others was made for one that was refused. */
static int are_known(const Room *room, Py_ssize_t count)
{
    for (Py_ssize_t k = 0; k < count; k++)
        if (!room->tasks[k].slot->is_known)
            return 0;
    return 1;
}

/* Run the tasks that were opened. No Python runs from here on, but for what takes turns. */
static enum outcome finish(Runner *self, Room *room, Py_ssize_t count, const struct call *call)
{
    if (!call->is_inside && !has_ticket(self, call->numbers))
        return REFUSED;
    if (!count)
        return DONE;
    if (!holds_rate(self, room, count, call->given) || overlaps(room, count))
        return REFUSED;
    if (!call->is_inside && !are_known(room, count))
        return UNKNOWN;
    const int64_t total = total_of(room, count);
    if (prepare(self, room, count, total) < 0)
        return FAILED;
    if (total < LARGE)
        return run(self, room, count, call->given);
    return call->is_inside ? run_released(self, room, count, call->given) : run_in_turn(self, room, count, call);
}

static PyObject *result_of(enum outcome outcome)
{
    return outcome == FAILED ? NULL : PyLong_FromLong(outcome);
}

/* Read what a call is given; a scale that is no finite number becomes NaN, and is refused. */
static int read_call(const Runner *self, PyObject *numbers, PyObject *scale, struct call *call)
{
    const int is_number = PyFloat_Check(scale) || (PyLong_Check(scale) && !PyBool_Check(scale));
    double lr_scale = is_number ? PyFloat_AsDouble(scale) : NAN;
    if (PyErr_Occurred()) { /* a whole number that no double can hold */
        PyErr_Clear();
        lr_scale = NAN;
    }
    if (!PyBytes_Check(numbers) || PyBytes_Size(numbers) != self->number_count * (Py_ssize_t)sizeof(double))
        return PyErr_SetString(PyExc_TypeError, "a runner takes its numbers as bytes, then what to update"), -1;
    call->numbers = numbers;
    call->given = (struct given){(const double *)(const void *)PyBytes_AsString(numbers), lr_scale};
    return 0;
}

static Slot *slot_of(const Runner *self, PyObject *key)
{
    return (Slot *)Py_XNewRef(PyDict_GetItemWithError(self->handles, key));
}

/* step(numbers, key, weights, gradient, lr_scale) */
static PyObject *runner_step(PyObject *object, PyObject *const *args, Py_ssize_t count)
{
    Runner *self = (Runner *)object;
    struct call call = {.is_inside = 0};
    if (count != 5)
        return PyErr_SetString(PyExc_TypeError, "step takes numbers, a key, weights, a gradient and a scale"), NULL;
    if (read_call(self, args[0], args[4], &call) < 0)
        return NULL;
    Slot *slot = slot_of(self, args[1]);
    Room *room = !slot && PyErr_Occurred() ? NULL : enter_room(self, 1);
    if (!room) {
        Py_XDECREF((PyObject *)slot);
        return NULL;
    }
    room->tasks->slot = slot;
    enum outcome outcome = open_task(self, room->tasks, args[2], args[3]);
    outcome = outcome != FAILED && is_empty(room->tasks) ? DONE : outcome == DONE ? finish(self, room, 1, &call) : outcome;
    close_tasks(room->tasks, 1);
    leave_room(self, room);
    return result_of(outcome);
}

/* Open every key of a batch; empty ones are left out. */
static enum outcome open_batch(const Runner *self, Room *room, PyObject *batch, Py_ssize_t *count)
{
    PyObject *key, *pair;
    Py_ssize_t at = 0;
    enum outcome outcome = DONE;
    while (outcome == DONE && PyDict_Next(batch, &at, &key, &pair)) {
        Task *task = &room->tasks[*count];
        if (!PyTuple_CheckExact(pair) || PyTuple_Size(pair) != 2 || *count == room->task_room)
            return REFUSED; /* the last: a key that runs Python made the batch larger */
        Py_INCREF(key);
        Py_INCREF(pair);
        task->slot = slot_of(self, key);
        if (!task->slot && PyErr_Occurred()) {
            outcome = FAILED;
        } else {
            outcome = open_task(self, task, PyTuple_GetItem(pair, 0), PyTuple_GetItem(pair, 1));
            ++*count;
        }
        Py_DECREF(key);
        Py_DECREF(pair);
        if (outcome != FAILED && is_empty(task)) {
            close_tasks(task, 1);
            --*count;
            outcome = DONE;
        }
    }
    return outcome;
}

static PyObject *run_batch(Runner *self, PyObject *const *args, Py_ssize_t given, int is_inside)
{
    struct call call = {.is_inside = is_inside};
    Py_ssize_t count = 0;
    if (given != 3)
        return PyErr_SetString(PyExc_TypeError, "update takes numbers, a batch and a scale"), NULL;
    if (!PyDict_CheckExact(args[1]))
        return result_of(REFUSED);
    if (read_call(self, args[0], args[2], &call) < 0)
        return NULL;
    Room *room = enter_room(self, PyDict_Size(args[1]));
    if (!room)
        return NULL;
    enum outcome outcome = open_batch(self, room, args[1], &count);
    outcome = outcome == DONE ? finish(self, room, count, &call) : outcome;
    close_tasks(room->tasks, count);
    leave_room(self, room);
    return result_of(outcome);
}

/* update(numbers, batch, lr_scale) */
static PyObject *runner_update(PyObject *object, PyObject *const *args, Py_ssize_t given)
{
    return run_batch((Runner *)object, args, given, 0);
}

/* run(numbers, batch, lr_scale): as update, for the engine, whose turn it is; with keys that have not stepped yet. */
static PyObject *runner_run(PyObject *object, PyObject *const *args, Py_ssize_t given)
{
    return run_batch((Runner *)object, args, given, 1);
}

#endif
