/* Another C function behind a built-in Python function, for the calls that have to be quick.
 *
 * Knows CPython's built-in functions and nothing of operators.  Signature, docstring and pickling
 * stay what they were; the new function hands on to the old one what it does not do itself.
 */
#ifndef CDIFF_DIRECT_CALL_H
#define CDIFF_DIRECT_CALL_H

#include <Python.h>

typedef PyObject *(*cdiff_call)(PyObject *self, PyObject *const *args, Py_ssize_t count,
                                PyObject *names);

/* Let `f` call `direct`; *general is what it called before.  Other kinds of functions stay. */
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
}

#endif
