/* Arrays that are held: opened and checked once, and then updated at each call for what their memory costs. */
#ifndef THINCOPT_HOLDING_H
#define THINCOPT_HOLDING_H

#include "calling.h"

static PyTypeObject *held_type;

typedef struct {
    PyObject_HEAD
    Runner *runner;
    Py_ssize_t count;
    int64_t total;
    Room room;
} Held;

/* hold(batch): a step of these arrays, whose keys have all had one; None if they cannot be updated. */
static PyObject *runner_hold(PyObject *object, PyObject *batch)
{
    if (!PyDict_CheckExact(batch))
        return PyErr_SetString(PyExc_TypeError, "hold takes a dictionary of pairs"), NULL;
    Held *self = (Held *)((allocfunc)PyType_GetSlot(held_type, Py_tp_alloc))(held_type, 0);
    if (!self)
        return NULL;
    self->runner = (Runner *)Py_NewRef(object);
    enum outcome outcome = make_room(self->runner, &self->room, PyDict_Size(batch)) < 0 ? FAILED : DONE;
    if (outcome == DONE)
        outcome = open_batch(self->runner, &self->room, batch, &self->count);
    self->total = total_of(&self->room, self->count);
    if (outcome == DONE && prepare(self->runner, &self->room, self->count, self->total) < 0)
        outcome = FAILED;
    const int are_apart = !self->count || !overlaps(&self->room, self->count);
    if (outcome == DONE && are_apart && are_known(&self->room, self->count))
        return (PyObject *)self;
    Py_DECREF(self);
    return outcome == FAILED ? NULL : Py_NewRef(Py_None);
}

/* step(numbers, lr_scale): no Python runs here, but for what takes turns. */
static PyObject *held_step(PyObject *object, PyObject *const *args, Py_ssize_t given)
{
    Held *self = (Held *)object;
    struct call call = {.is_inside = 0};
    if (given != 2)
        return PyErr_SetString(PyExc_TypeError, "step takes numbers and a scale"), NULL;
    if (read_call(self->runner, args[0], args[1], &call) < 0)
        return NULL;
    if (!has_ticket(self->runner, call.numbers) || !holds_rate(self->runner, &self->room, self->count, call.given))
        return result_of(REFUSED);
    if (self->total < LARGE)
        return result_of(run(self->runner, &self->room, self->count, call.given));
    if (prepare(self->runner, &self->room, self->count, self->total) < 0) /* the number of threads may be another */
        return NULL;
    return result_of(run_in_turn(self->runner, &self->room, self->count, &call));
}

static void held_dealloc(PyObject *object)
{
    Held *self = (Held *)object;
    PyTypeObject *type = Py_TYPE(object);
    close_tasks(self->room.tasks, self->count);
    free_room(&self->room);
    Py_XDECREF((PyObject *)self->runner);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

#endif
