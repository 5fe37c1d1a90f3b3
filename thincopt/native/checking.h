/* See that arrays can be updated, at every call: type, layout, sizes, overlap. */
#ifndef THINCOPT_CHECKING_H
#define THINCOPT_CHECKING_H

#include "running.h" /* Python.h comes first, as it must */

#include <stdlib.h>

/* Whether shapes of the same size are one, or one of them is flat. */
static int same_shape(const Py_buffer *a, Py_ssize_t ndim, const Py_ssize_t *shape)
{
    return a->ndim <= 1 || ndim <= 1
        || (a->ndim == ndim && !memcmp(a->shape, shape, (size_t)ndim * sizeof *shape));
}

/* Open an array to be written; this may run Python, and what that raises is raised, but for a buffer's refusals. */
static enum outcome open_array(const Runner *self, PyObject *array, Py_buffer *view)
{
    if (!PyObject_TypeCheck(array, (PyTypeObject *)self->array_type))
        return REFUSED;
    if (PyObject_GetBuffer(array, view, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE | PyBUF_FORMAT) == 0)
        return DONE;
    if (!PyErr_ExceptionMatches(PyExc_ValueError) && !PyErr_ExceptionMatches(PyExc_BufferError))
        return FAILED;
    PyErr_Clear();
    return REFUSED;
}

/* The kind of native float that a buffer holds, 'f' or 'd', however its byte order is written; 0 for all else. */
static char kind_of(const Py_buffer *view)
{
    const uint16_t one = 1;
    const char native = *(const char *)&one ? '<' : '>', *format = view->format;
    if (!format)
        return 0;
    if (*format == native || *format == '=' || *format == '@')
        format++;
    return (*format == 'f' || *format == 'd') && !format[1] ? *format : 0;
}

/* Open both arrays of a key and see that they can be updated; this may run Python. The task owns what was opened, and
   the slot. */
static enum outcome open_task(const Runner *self, Task *task, PyObject *weights, PyObject *gradient)
{
    Py_buffer *w = &task->views[0], *g = &task->views[1];
    w->obj = g->obj = NULL;
    enum outcome opened = open_array(self, gradient, g);
    opened = opened == DONE ? open_array(self, weights, w) : opened;
    if (opened != DONE)
        return opened;
    const char kind = kind_of(g);
    if (!kind || kind != kind_of(w) || w->len != g->len || !same_shape(w, g->ndim, g->shape))
        return REFUSED;
    if (((uintptr_t)w->buf | (uintptr_t)g->buf) % (uintptr_t)g->itemsize)
        return REFUSED;
    if (!task->slot)
        return UNKNOWN;
    task->arrays[0] = w->buf;
    task->arrays[1] = g->buf;
    for (Py_ssize_t i = 0; i < task->slot->array_count; i++)
        task->arrays[2 + i] = task->slot->arrays[i].buf;
    task->itemsize = (size_t)g->itemsize;
    task->size = g->len / g->itemsize;
    const int fits = task->slot->size == task->size && task->slot->itemsize == g->itemsize;
    return fits && same_shape(w, task->slot->ndim, task->slot->shape) ? DONE : REFUSED;
}

/* Whether this task has nothing to do. */
static int is_empty(const Task *task)
{
    const Py_buffer *gradient = &task->views[1];
    return gradient->obj && !gradient->len && gradient->itemsize;
}

static void close_tasks(Task *tasks, Py_ssize_t count)
{
    for (Py_ssize_t k = 0; k < count; k++) {
        PyBuffer_Release(&tasks[k].views[0]);
        PyBuffer_Release(&tasks[k].views[1]);
        Py_CLEAR(tasks[k].slot);
    }
}

static int by_start(const void *a, const void *b)
{
    const uintptr_t one = *(const uintptr_t *)a, other = *(const uintptr_t *)b;
    return (one > other) - (one < other);
}

/* Whether any two arrays of a batch share memory. The answer depends on addresses alone, so a batch at the same
   addresses as the last one need not be sorted again. */
static int overlaps(Room *room, Py_ssize_t count)
{
    uintptr_t *now = room->ranges, *known = now + 4 * count;
    for (Py_ssize_t i = 0; i < 2 * count; i++) {
        const Py_buffer *view = &room->tasks[i / 2].views[i % 2];
        now[2 * i] = (uintptr_t)view->buf;
        now[2 * i + 1] = (uintptr_t)view->buf + (uintptr_t)view->len;
    }
    const size_t bytes = (size_t)count * 4 * sizeof *now;
    if (room->known_ranges == count && !memcmp(now, known, bytes))
        return 0;
    memcpy(known, now, bytes);
    room->known_ranges = 0;
    qsort(now, (size_t)count * 2, 2 * sizeof *now, by_start);
    for (Py_ssize_t i = 1; i < 2 * count; i++)
        if (now[2 * i] < now[2 * i - 1])
            return 1;
    room->known_ranges = count;
    return 0;
}

#endif
