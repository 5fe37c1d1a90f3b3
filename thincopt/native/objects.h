/* The two types of the module: a key's state, and a runner with its kernels and the room that it works in. */
#ifndef THINCOPT_OBJECTS_H
#define THINCOPT_OBJECTS_H

#include "checking.h"

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

static int open_numbers(PyObject *array, Py_buffer *view)
{
    return PyObject_GetBuffer(array, view, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE);
}

static PyObject *slot_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *count, *scalars, *arrays, *shape;
    Py_ssize_t itemsize;
    (void)kwargs;
    if (!PyArg_ParseTuple(args, "OOO!O!n", &count, &scalars, &PyTuple_Type, &arrays, &PyTuple_Type, &shape, &itemsize))
        return NULL;
    Slot *self = (Slot *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (!self)
        return NULL;
    self->size = 1;
    self->itemsize = itemsize;
    self->ndim = PyTuple_Size(shape);
    self->shape = PyMem_Calloc((size_t)self->ndim + 1, sizeof *self->shape);
    for (Py_ssize_t i = 0; self->shape && i < self->ndim; i++)
        self->size *= self->shape[i] = PyLong_AsSsize_t(PyTuple_GetItem(shape, i));
    const Py_ssize_t wanted = PyTuple_Size(arrays);
    self->arrays = PyMem_Calloc((size_t)wanted + 1, sizeof *self->arrays);
    if (!self->arrays || !self->shape || PyErr_Occurred() || open_numbers(count, &self->count) < 0 || open_numbers(scalars, &self->scalars) < 0)
        goto failed;
    for (; self->array_count < wanted; self->array_count++) {
        PyObject *array = PyTuple_GetItem(arrays, self->array_count);
        if (array == Py_None)
            continue;
        Py_buffer *view = &self->arrays[self->array_count];
        if (open_numbers(array, view) < 0)
            goto failed;
        if (view->len != self->size * itemsize) {
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
    PyMem_Free(self->shape);
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
    PyMem_Free(self->spans);
    PyMem_Free(self->units);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

#endif
