/* The two types of the module: a key's state, and a runner with its kernels and the room that it works in. */
#ifndef THINCOPT_OBJECTS_H
#define THINCOPT_OBJECTS_H

#include "checking.h"

static PyTypeObject *slot_type;

static int make_room(const Runner *self, Room *room, Py_ssize_t tasks)
{
    if (tasks <= room->task_room)
        return 0;
    room->known_ranges = 0;
    if (grow((void **)&room->scalars, &room->scalar_room, tasks * self->scalar_most, sizeof(double)) < 0
        || grow((void **)&room->arrays, &room->array_room, tasks * self->array_most, sizeof(void *)) < 0
        || grow((void **)&room->ranges, &room->range_room, tasks * 8, sizeof(uintptr_t)) < 0
        || grow((void **)&room->tasks, &room->task_room, tasks, sizeof(Task)) < 0) {
        room->task_room = 0; /* what tasks point to may have moved */
        return -1;
    }
    for (Py_ssize_t k = 0; k < tasks; k++)
        room->tasks[k].arrays = room->arrays + k * self->array_most;
    return 0;
}

static void free_room(Room *room)
{
    PyMem_Free(room->arrays);
    PyMem_Free(room->scalars);
    PyMem_Free(room->sums);
    PyMem_Free(room->tasks);
    PyMem_Free(room->ranges);
    PyMem_Free(room->spans);
    PyMem_Free(room->units);
}

/* A room for this many tasks: the runner's own, unless a call that is under way has it. */
static Room *enter_room(Runner *self, Py_ssize_t tasks)
{
    Room *room = self->room.is_taken ? PyMem_Calloc(1, sizeof *room) : &self->room;
    if (!room)
        return (Room *)PyErr_NoMemory();
    room->is_taken = 1;
    if (make_room(self, room, tasks) == 0)
        return room;
    room->is_taken = 0;
    if (room != &self->room) {
        free_room(room);
        PyMem_Free(room);
    }
    return NULL;
}

static void leave_room(Runner *self, Room *room)
{
    room->is_taken = 0;
    if (room != &self->room) {
        free_room(room);
        PyMem_Free(room);
    }
}

static int open_numbers(PyObject *array, Py_buffer *view)
{
    return PyObject_GetBuffer(array, view, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE);
}

/* Whether the slot has every array that a kernel walks over. */
static int has_arrays_of(const Slot *slot, const Kernel *kernel)
{
    for (Py_ssize_t p = 0; p < kernel->phase_count; p++)
        for (Py_ssize_t i = 0; i < kernel->phases[p].arrays.count; i++) {
            const int which = kernel->phases[p].arrays.at[i] - 2; /* the first two are weights and gradient */
            if (which >= slot->array_count || (which >= 0 && !slot->arrays[which].buf))
                return 0;
        }
    return 1;
}

static int has_arrays(const Slot *slot)
{
    for (Py_ssize_t i = 0; i < slot->cohort->kernel_count; i++)
        if (!has_arrays_of(slot, &slot->cohort->kernels[i]))
            return 0;
    return 1;
}

static int open_state(Slot *slot, PyObject *arrays)
{
    const Py_ssize_t wanted = PyTuple_Size(arrays);
    slot->arrays = PyMem_Calloc((size_t)wanted + 1, sizeof *slot->arrays);
    if (!slot->arrays)
        return PyErr_NoMemory(), -1;
    for (; slot->array_count < wanted; slot->array_count++) {
        PyObject *array = PyTuple_GetItem(arrays, slot->array_count);
        Py_buffer *view = &slot->arrays[slot->array_count];
        if (array != Py_None && open_numbers(array, view) < 0)
            return -1;
        if (array != Py_None && view->len != slot->size * slot->itemsize) {
            slot->array_count++;
            return PyErr_SetString(PyExc_ValueError, "state is not of the size of the weights"), -1;
        }
    }
    if (has_arrays(slot))
        return 0;
    return PyErr_SetString(PyExc_ValueError, "state lacks an array that the kernels walk over"), -1;
}

static int open_shape(Slot *slot, PyObject *shape)
{
    slot->size = 1;
    slot->ndim = PyTuple_Size(shape);
    slot->shape = PyMem_Calloc((size_t)slot->ndim + 1, sizeof *slot->shape);
    if (!slot->shape)
        return PyErr_NoMemory(), -1;
    for (Py_ssize_t i = 0; i < slot->ndim; i++)
        slot->size *= slot->shape[i] = PyLong_AsSsize_t(PyTuple_GetItem(shape, i));
    return PyErr_Occurred() ? -1 : 0;
}

/* bind(key, cohort, counts, taken, scalars, arrays, shape, itemsize): keep a key's state, to be found at each call. */
static PyObject *runner_bind(PyObject *object, PyObject *args)
{
    const Runner *self = (Runner *)object;
    PyObject *key, *counts, *taken, *scalars, *arrays, *shape;
    Py_ssize_t cohort, itemsize;
    if (!PyArg_ParseTuple(args, "OnOOOO!O!n", &key, &cohort, &counts, &taken, &scalars, &PyTuple_Type, &arrays,
                          &PyTuple_Type, &shape, &itemsize))
        return NULL;
    if (cohort < 0 || cohort >= self->cohort_count)
        return PyErr_SetString(PyExc_IndexError, "there is no such cohort"), NULL;
    Slot *slot = (Slot *)((allocfunc)PyType_GetSlot(slot_type, Py_tp_alloc))(slot_type, 0);
    if (!slot)
        return NULL;
    slot->cohort = &self->cohorts[cohort];
    slot->itemsize = itemsize;
    int failed = open_shape(slot, shape) < 0 || open_numbers(counts, &slot->counts) < 0
        || open_numbers(taken, &slot->taken) < 0 || open_numbers(scalars, &slot->scalars) < 0
        || open_state(slot, arrays) < 0;
    if (!failed && (slot->counts.len < 8 || slot->taken.len < 8 || slot->scalars.len != slot->cohort->own_count * 8
                    || slot->array_count != slot->cohort->array_count)) {
        PyErr_SetString(PyExc_ValueError, "state is not as the recipe says");
        failed = 1;
    }
    slot->is_known = !failed && *(int64_t *)slot->taken.buf;
    failed = failed || PyObject_SetItem(self->handles, key, (PyObject *)slot) < 0;
    Py_DECREF(slot);
    return failed ? NULL : Py_NewRef(Py_None);
}

static void slot_dealloc(PyObject *object)
{
    Slot *self = (Slot *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyBuffer_Release(&self->counts);
    PyBuffer_Release(&self->taken);
    PyBuffer_Release(&self->scalars);
    for (Py_ssize_t i = 0; i < self->array_count; i++)
        PyBuffer_Release(&self->arrays[i]);
    PyMem_Free(self->arrays);
    PyMem_Free(self->shape);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

/* Runner(array_type, (ticket, enter, leave), whether gradients are checked, the cohorts) */
static PyObject *runner_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *array_type, *ticket, *enter, *leave, *cohorts;
    int check_finite;
    (void)kwargs;
    if (!PyArg_ParseTuple(args, "O(O!O!O)pO!", &array_type, &PyList_Type, &ticket, &PyTuple_Type, &enter, &leave,
                          &check_finite, &PyTuple_Type, &cohorts))
        return NULL;
    Runner *self = (Runner *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (!self)
        return NULL;
    self->check_finite = check_finite;
    self->array_type = Py_NewRef(array_type);
    self->ticket = Py_NewRef(ticket);
    self->enter = Py_NewRef(enter);
    self->leave = Py_NewRef(leave);
    self->handles = PyDict_New();
    if (!self->handles || read_cohorts(cohorts, self) < 0 || make_room(self, &self->room, 1) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

/* A key may know the optimizer that it belongs to; the dictionary is what then breaks the circle. */
static int runner_traverse(PyObject *object, visitproc visit, void *arg)
{
    Runner *self = (Runner *)object;
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->array_type);
    Py_VISIT(self->ticket);
    Py_VISIT(self->enter);
    Py_VISIT(self->leave);
    Py_VISIT(self->handles);
    return 0;
}

static void runner_dealloc(PyObject *object)
{
    Runner *self = (Runner *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    Py_XDECREF(self->array_type);
    Py_XDECREF(self->ticket);
    Py_XDECREF(self->enter);
    Py_XDECREF(self->leave);
    Py_XDECREF(self->handles);
    for (Py_ssize_t i = 0; i < self->cohort_count; i++)
        free_cohort(&self->cohorts[i]);
    PyMem_Free(self->cohorts);
    free_room(&self->room);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

#endif
