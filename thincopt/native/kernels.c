/* The compiled runner: one call checks every array, computes the scalars and walks over memory.

   Nothing is changed before everything is checked. Limited API, so that one binary serves every Python from 3.11. */
#include "objects.h"

static PyTypeObject *slot_type;

/* Whether the batch is worth waking the workers: by the bytes of the arrays that its last walk goes over. */
static int is_shared(const Runner *self, Py_ssize_t count)
{
    const Phase *last = &self->main.phases[self->main.phase_count - 1];
    int64_t bytes = 0;
    if (pool.threads == 1)
        return 0;
    for (Py_ssize_t k = 0; k < count; k++)
        bytes += self->tasks[k].size * self->tasks[k].slot->itemsize * last->arrays.count;
    return bytes >= pool.least;
}

/* Room for the sums of every task, and the plan by which a batch is shared. */
static int prepare(Runner *self, Py_ssize_t count, int64_t total)
{
    const Py_ssize_t size = largest(self, scalars_of), reductions = largest(self, reductions_of);
    int64_t chunks = 0;
    for (Py_ssize_t k = 0; k < count; k++)
        chunks += self->tasks[k].chunks = (self->tasks[k].size + CHUNK - 1) / CHUNK;
    if (grow((void **)&self->sums, &self->sum_room, chunks * reductions, sizeof *self->sums) < 0)
        return -1;
    double *sums = self->sums;
    for (Py_ssize_t k = 0; k < count; k++) {
        self->tasks[k].scalars = self->scalars + k * size;
        self->tasks[k].sums = sums;
        sums += self->tasks[k].chunks * reductions;
    }
    self->unit_count = 0;
    return total >= LARGE && is_shared(self, count) ? plan(self, count, total, pool.threads) : 0;
}

/* Run a large batch without the interpreter's lock. */
static enum outcome run_released(Runner *self, Py_ssize_t count, double lr_scale)
{
    enum outcome outcome;
    Py_BEGIN_ALLOW_THREADS
    begin_large_work(&self->is_released);
    outcome = run(self, count, lr_scale);
    end_large_work(&self->is_released);
    Py_END_ALLOW_THREADS
    return outcome;
}

/* Run the tasks that were opened. */
static enum outcome finish(Runner *self, Py_ssize_t count, enum outcome outcome, double lr_scale)
{
    int64_t total = 0;
    if (outcome != DONE)
        return outcome;
    if (!isfinite(lr_scale) || (count && overlaps(self, count)))
        return REFUSED;
    for (Py_ssize_t k = 0; k < count; k++)
        total += self->tasks[k].size;
    if (prepare(self, count, total) < 0)
        return FAILED;
    return total >= LARGE ? run_released(self, count, lr_scale) : run(self, count, lr_scale);
}

static PyObject *result_of(enum outcome outcome)
{
    return outcome == FAILED ? NULL : PyLong_FromLong(outcome);
}

/* Another thread of this process may be at work for the same optimizer: let it finish. */
static int wait_for_others(Runner *self)
{
    while (self->busy_in == pool.generation + 1) {
        if (self->busy_by == PyThread_get_thread_ident())
            return PyErr_SetString(PyExc_RuntimeError, "this optimizer is at work already, in another call"), -1;
        Py_BEGIN_ALLOW_THREADS
        await_large_work(&self->is_released);
        Py_END_ALLOW_THREADS
    }
    return 0;
}

static int takes(PyObject *const *args, Py_ssize_t given, Py_ssize_t wanted)
{
    if (given == wanted && PyDict_Check(args[0]))
        return 1;
    PyErr_SetString(PyExc_TypeError, "a runner takes its handles, what to update, and a scale");
    return 0;
}

/* Be busy, and read the scale; one that is no finite number becomes NaN, and is refused. */
static int enter(Runner *self, PyObject *scale, double *lr_scale)
{
    if (self->busy_in && wait_for_others(self) < 0)
        return -1;
    self->busy_in = pool.generation + 1;
    self->busy_by = PyThread_get_thread_ident();
    const int is_number = PyFloat_Check(scale) || (PyLong_Check(scale) && !PyBool_Check(scale));
    *lr_scale = is_number ? PyFloat_AsDouble(scale) : NAN;
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
    if (!takes(args, given, 5))
        return NULL;
    PyObject *slot = Py_XNewRef(PyDict_GetItemWithError(args[0], args[1])); /* keys may run Python: not while busy */
    if ((!slot && PyErr_Occurred()) || enter(self, args[4], &lr_scale) < 0) {
        Py_XDECREF(slot);
        return NULL;
    }
    enum outcome outcome = open_task(self, self->tasks, slot, args[2], args[3]);
    const int is_empty = self->tasks->views[1].obj && !self->tasks->views[1].len;
    outcome = is_empty ? DONE : finish(self, 1, outcome, lr_scale);
    close_tasks(self->tasks, 1);
    self->busy_in = 0;
    Py_XDECREF(slot);
    return result_of(outcome);
}

/* update(handles, batch, lr_scale) */
static PyObject *runner_update(PyObject *object, PyObject *const *args, Py_ssize_t given)
{
    Runner *self = (Runner *)object;
    double lr_scale;
    if (!takes(args, given, 3))
        return NULL;
    PyObject *handles = args[0], *batch = args[1], *key, *pair;
    Py_ssize_t count = 0, at = 0;
    if (!PyDict_CheckExact(batch))
        return result_of(REFUSED);
    if (enter(self, args[2], &lr_scale) < 0)
        return NULL;
    enum outcome outcome = make_room(self, PyDict_Size(batch)) < 0 ? FAILED : DONE;
    while (outcome == DONE && PyDict_Next(batch, &at, &key, &pair)) {
        Task *task = &self->tasks[count];
        if (!PyTuple_CheckExact(pair) || PyTuple_Size(pair) != 2 || count == self->task_room) {
            outcome = REFUSED; /* the last: a key that runs Python made the batch larger */
            break;
        }
        Py_INCREF(key);
        Py_INCREF(pair);
        PyObject *slot = PyDict_GetItemWithError(handles, key);
        if (!slot && PyErr_Occurred()) {
            outcome = FAILED;
        } else {
            outcome = open_task(self, task, slot, PyTuple_GetItem(pair, 0), PyTuple_GetItem(pair, 1));
            count++;
        }
        Py_DECREF(key);
        Py_DECREF(pair);
        if (outcome != FAILED && task->views[1].obj && !task->views[1].len) {
            close_tasks(task, 1);
            count--;
            outcome = DONE;
        }
    }
    outcome = finish(self, count, outcome, lr_scale);
    close_tasks(self->tasks, count);
    self->busy_in = 0;
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

/* set_threads(count, least): so many may work at once from now on, where there are at least so many bytes of work. */
static PyObject *set_threads(PyObject *module, PyObject *args)
{
    int wanted;
    long long least;
    (void)module;
    if (!PyArg_ParseTuple(args, "iL", &wanted, &least))
        return NULL;
    if (wanted < 1 || wanted > MOST_THREADS)
        return PyErr_Format(PyExc_ValueError, "from 1 to %d threads", MOST_THREADS);
    dismiss_workers();
    pool.threads = wanted;
    pool.least = least;
    Py_RETURN_NONE;
}

/* The levels that this processor runs, the least first. */
static PyObject *levels(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    PyObject *found = PyList_New(0);
    for (size_t i = 0; found && i < LEVEL_COUNT; i++) {
        PyObject *name = runs_here(i) ? PyUnicode_FromString(level_names[i]) : NULL;
        if (name && PyList_Append(found, name) < 0)
            Py_CLEAR(found);
        Py_XDECREF(name);
    }
    return found;
}

/* The level that new runners use. */
static PyObject *get_level(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyUnicode_FromString(level_names[level]);
}

/* set_level(name): new runners use the kernels of this level. */
static PyObject *set_level(PyObject *module, PyObject *name)
{
    const char *wanted;
    (void)module;
    if (name_of(name, &wanted) < 0)
        return NULL;
    for (size_t i = 0; i < LEVEL_COUNT; i++)
        if (runs_here(i) && !strcmp(level_names[i], wanted)) {
            level = i;
            Py_RETURN_NONE;
        }
    return PyErr_Format(PyExc_ValueError, "not a level of this processor: %s", wanted);
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
    {"set_threads", set_threads, METH_VARARGS, "Let so many threads work at once, where there is work enough."},
    {"levels", levels, METH_NOARGS, "The levels of instructions that this processor runs, the least first."},
    {"level", get_level, METH_NOARGS, "The level that new runners use: at first the fastest."},
    {"set_level", set_level, METH_O, "Let new runners use the kernels of this level."},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef module_def = {PyModuleDef_HEAD_INIT, "kernels", NULL, -1, module_methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_kernels(void)
{
    level = best_level();
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
    Py_AtExit(dismiss_workers);
    PyObject *module = PyModule_Create(&module_def), *runner = PyType_FromSpec(&runner_spec);
    slot_type = (PyTypeObject *)PyType_FromSpec(&slot_spec);
    if (!module || !runner || !slot_type || PyModule_AddObjectRef(module, "Runner", runner) < 0)
        Py_CLEAR(module);
    Py_XDECREF(runner);
    return module;
}
