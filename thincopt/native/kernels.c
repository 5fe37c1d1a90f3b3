/* The compiled runner: one call checks every array, computes the scalars and walks over memory.

   Nothing is changed before everything is checked. Limited API, so that one binary serves every Python from 3.11. */
#include "checking.h"

static PyTypeObject *slot_type;

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
    PyObject *scale = args[wanted - 1];
    const int is_number = PyFloat_Check(scale) || (PyLong_Check(scale) && !PyBool_Check(scale));
    *lr_scale = is_number ? PyFloat_AsDouble(scale) : NAN; /* NaN is refused */
    if (PyErr_Occurred()) { /* a whole number that no double can hold */
        PyErr_Clear();
        *lr_scale = NAN;
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
