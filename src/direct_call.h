/* Built-in Python functions that do more: another C function behind one, for the calls that have
 * to be quick, and the methods and attributes of the NumPy ufunc of the same name.
 *
 * Knows CPython's built-in functions and nothing of operators.  Signature, docstring and pickling
 * stay what they were; the new function hands on to the old one what it does not do itself, and
 * a call does not notice that its function has attributes.
 */
#ifndef CDIFF_DIRECT_CALL_H
#define CDIFF_DIRECT_CALL_H

#include <Python.h>

typedef PyObject *(*cdiff_call)(PyObject *self, PyObject *const *args, Py_ssize_t count,
                                PyObject *names);

/* Let `f` call `direct`; *general is what it called before.  Other kinds of functions stay.  Python
 * calls functions of its own type by their definition, others by what CPython has put between. */
static void cdiff_take_calls(PyObject *f, cdiff_call *general, cdiff_call direct)
{
    const PyCFunction replacement = (PyCFunction)(void (*)(void))direct;
    PyMethodDef *definition;
    if (!PyCFunction_Check(f))
        return;
    definition = ((PyCFunctionObject *)f)->m_ml;
    if (definition->ml_flags != (METH_FASTCALL | METH_KEYWORDS)
        || definition->ml_meth == replacement)
        return;
    *general = (cdiff_call)(void (*)(void))definition->ml_meth;
    definition->ml_meth = replacement;
    ((PyCFunctionObject *)f)->vectorcall = (vectorcallfunc)(void (*)(void))direct;
}

/* An attribute of NumPy's ufunc: its methods know Arrays by their protocol. */
static PyObject *cdiff_of_ufunc(PyObject *f, void *name)
{
    PyObject *numpy = PyImport_ImportModule("numpy"), *ufunc, *found;
    if (numpy == NULL)
        return NULL;
    ufunc = PyObject_GetAttrString(numpy, ((PyCFunctionObject *)f)->m_ml->ml_name);
    Py_DECREF(numpy);
    if (ufunc == NULL)
        return NULL;
    found = PyObject_GetAttrString(ufunc, (const char *)name);
    Py_DECREF(ufunc);
    return found;
}

/* The same for a method of an array, which may be a list that holds Arrays: NumPy asks none of
 * them. */
static PyObject *cdiff_of_array(PyObject *f, void *name)
{
    PyObject *own = PyImport_ImportModule("cdiff.numpy._ufuncs"), *found, *out = NULL;
    if (own == NULL)
        return NULL;
    found = cdiff_of_ufunc(f, name);
    if (found != NULL)
        out = PyObject_CallMethod(own, "taking_lists", "N", found);
    Py_DECREF(own);
    return out;
}

#define OF_UFUNC(name) {name, cdiff_of_ufunc, NULL, "As NumPy's ufunc has it.", name}
#define OF_ARRAY(name) {name, cdiff_of_array, NULL, "As NumPy's ufunc has it.", name}
static PyGetSetDef cdiff_ufunc_attributes[] = {
    OF_ARRAY("accumulate"), OF_UFUNC("at"), OF_UFUNC("outer"), OF_ARRAY("reduce"),
    OF_ARRAY("reduceat"), OF_UFUNC("identity"), OF_UFUNC("nargs"), OF_UFUNC("nin"),
    OF_UFUNC("nout"), OF_UFUNC("ntypes"), OF_UFUNC("signature"), OF_UFUNC("types"),
    {NULL, NULL, NULL, NULL, NULL}};
#undef OF_UFUNC
#undef OF_ARRAY

static PyTypeObject cdiff_ufunc_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "cdiff.ufunc",
    .tp_basicsize = sizeof(PyCFunctionObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_getset = cdiff_ufunc_attributes,
};

static int cdiff_ready_ufunc_type(void)
{
    if (cdiff_ufunc_type.tp_base != NULL)
        return 0;
    cdiff_ufunc_type.tp_base = &PyCFunction_Type;
    if (PyType_Ready(&cdiff_ufunc_type) < 0)
        return -1;
    /* CPython has put a None there, which would hide the docstring of each function. */
    if (PyDict_DelItemString(cdiff_ufunc_type.tp_dict, "__doc__") < 0)
        return -1;
    PyType_Modified(&cdiff_ufunc_type);
    return 0;
}

/* Give `f` the attributes of NumPy's ufunc of its name.  Other kinds of functions stay. */
static int cdiff_as_ufunc(PyObject *f)
{
    if (!PyCFunction_CheckExact(f))
        return 0;
    if (cdiff_ready_ufunc_type() < 0)
        return -1;
    Py_SET_TYPE(f, &cdiff_ufunc_type);
    return 0;
}

#endif
