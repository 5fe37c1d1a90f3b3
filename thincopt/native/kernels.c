/* The compiled module: runners, and the threads and instructions that they use.

   Limited API, so that one binary serves every Python from 3.11. */
#include "holding.h"

#include <dlfcn.h>

static int add_name(PyObject *names, const char *text)
{
    PyObject *name = PyUnicode_FromString(text);
    const int failed = !name || PySet_Add(names, name) < 0;
    Py_XDECREF(name);
    return failed ? -1 : 0;
}

static int add_names(PyObject *names, const struct printed *printed)
{
    int failed = 0;
    for (const struct scalar_entry *each = printed->scalars; each->name && !failed; each++)
        failed = add_name(names, each->name);
    for (const struct walk_entry *each = printed->walks; each->name && !failed; each++)
        failed = add_name(names, each->name);
    return failed;
}

/* The names of the functions that this module was built with. */
static PyObject *shipped_names(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    PyObject *found = PySet_New(NULL);
    if (found && add_names(found, &shipped[level]) < 0)
        Py_CLEAR(found);
    return found;
}

/* The names of all functions that new runners find. */
static PyObject *names(PyObject *module, PyObject *unused)
{
    PyObject *found = shipped_names(module, unused);
    for (const struct enrolled *each = enrolled; found && each; each = each->before)
        if (is_at_level(each) && add_names(found, each->printed) < 0)
            Py_CLEAR(found);
    return found;
}

/* enrol(path): let new runners find the functions of this library too. It stays loaded. */
static PyObject *enrol(PyObject *module, PyObject *path)
{
    const char *name;
    (void)module;
    if (name_of(path, &name) < 0)
        return NULL;
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    const struct printed *printed = library ? dlsym(library, "thincopt_printed") : NULL;
    if (!printed)
        return PyErr_Format(PyExc_ImportError, "%s", dlerror());
    struct enrolled *next = PyMem_Calloc(1, sizeof *next);
    if (!next)
        return PyErr_NoMemory();
    *next = (struct enrolled){printed, enrolled};
    enrolled = next;
    Py_RETURN_NONE;
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
        PyObject *name = runs_here(i) ? PyUnicode_FromString(shipped[i].level) : NULL;
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
    return PyUnicode_FromString(shipped[level].level);
}

/* set_level(name): new runners use the kernels of this level. */
static PyObject *set_level(PyObject *module, PyObject *name)
{
    const char *wanted;
    (void)module;
    if (name_of(name, &wanted) < 0)
        return NULL;
    for (size_t i = 0; i < LEVEL_COUNT; i++)
        if (runs_here(i) && !strcmp(shipped[i].level, wanted)) {
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
    {"names", names, METH_NOARGS, "The names of all functions that new runners find."},
    {"shipped", shipped_names, METH_NOARGS, "The names of those that the module was built with."},
    {"enrol", enrol, METH_O, "Let new runners find the functions of a library too."},
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
