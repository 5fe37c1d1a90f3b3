/* The compiled module: runners, and the threads and instructions that they use.

   Limited API, so that one binary serves every Python from 3.11. */
#include "holding.h"

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
    {"run", (PyCFunction)(void (*)(void))runner_run, METH_FASTCALL, "The same for the engine, in its turn."},
    {"hold", runner_hold, METH_O, "Open a batch once, for steps of these arrays."},
    {"bind", runner_bind, METH_VARARGS, "Keep a key's state, to be found at each call."},
    {NULL, NULL, 0, NULL},
};

static PyMethodDef held_methods[] = {
    {"step", (PyCFunction)(void (*)(void))held_step, METH_FASTCALL, "Update the arrays that are held."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot held_slots[] = {{Py_tp_dealloc, held_dealloc}, {Py_tp_methods, held_methods}, {0, NULL}};
static PyType_Slot slot_slots[] = {{Py_tp_dealloc, slot_dealloc}, {0, NULL}};
static PyType_Slot runner_slots[] = {
    {Py_tp_new, runner_new}, {Py_tp_dealloc, runner_dealloc}, {Py_tp_traverse, runner_traverse}, {Py_tp_methods, runner_methods}, {0, NULL}};
static PyType_Spec slot_spec = {"thincopt.native.kernels.Slot", sizeof(Slot), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slot_slots};
static PyType_Spec held_spec = {"thincopt.native.kernels.Held", sizeof(Held), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, held_slots};
static PyType_Spec runner_spec = {
    "thincopt.native.kernels.Runner", sizeof(Runner), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, runner_slots};

static PyMethodDef module_methods[] = {
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
    held_type = (PyTypeObject *)PyType_FromSpec(&held_spec);
    if (!module || !runner || !slot_type || !held_type || PyModule_AddObjectRef(module, "Runner", runner) < 0)
        Py_CLEAR(module);
    Py_XDECREF(runner);
    return module;
}
