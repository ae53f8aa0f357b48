# cython: cdivision=True, embedsignature=False, binding=False
"""The compiled core of cdiff: nodes, operators, sweeps and the `Array` type.

One extension module made of the rooms included below, in the order in which they may know each
other; each opens with what it is for.  The generated tables (src/generated) come from optable.py.
Nothing here imports the Python package.
"""
cimport cython
cimport numpy as np
from cpython.exc cimport PyErr_CheckSignals
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.object cimport (PyObject, PyObject_RichCompare, PyTypeObject, Py_EQ, Py_NE, Py_LT,
                             Py_LE, Py_GT, Py_GE)
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_XDECREF, Py_XINCREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.math cimport (INFINITY, fabs, frexp, ldexp as c_ldexp, log as c_log, signbit,
                        sqrt as c_sqrt)
from libc.string cimport memcmp, memcpy, memset

import numpy as np

np.import_array()

cdef extern from "Python.h":
    const Py_ssize_t PY_SSIZE_T_MAX
    void Py_SET_TYPE(PyObject *, PyTypeObject *) noexcept nogil
    void Py_SET_REFCNT(PyObject *, Py_ssize_t) noexcept nogil
    Py_ssize_t Py_REFCNT(PyObject *) noexcept nogil
    PyTypeObject *Py_TYPE(PyObject *) noexcept nogil

cdef extern from *:
    """
    #ifdef __GNUC__ /* What leads to it is made small and kept apart from what runs. */
    static void __Pyx_AddTraceback(const char *, int, int, const char *) __attribute__((cold));
    #endif
    """

cdef extern from "numpy/arrayobject.h":
    enum:
        NPY_BOOL, NPY_BYTE, NPY_UBYTE, NPY_SHORT, NPY_USHORT, NPY_HALF, NPY_FLOAT, NPY_DOUBLE
        NPY_ULONGLONG
        NPY_CFLOAT, NPY_CDOUBLE, NPY_LONGDOUBLE, NPY_CLONGDOUBLE, NPY_OBJECT
        NPY_ARRAY_WRITEABLE, NPY_ARRAY_ALIGNED, NPY_ARRAY_C_CONTIGUOUS, NPY_ARRAY_F_CONTIGUOUS

cdef extern from "node.h":
    ctypedef struct Arr:
        Py_ssize_t refcnt
        Arr *owner
        PyObject *base
        char *data
        Py_ssize_t size
        int16_t typenum
        uint8_t ndim
        uint8_t flags
        uint32_t bucket
        uint32_t holders
        uint32_t pins
        Py_ssize_t *dims
    ctypedef struct Ext:
        Node *current
        Node *base
        Node *seen
        PyObject *reads
        Py_ssize_t read_only
        Py_ssize_t view_op
        Py_ssize_t nparents
        Node **parents
    ctypedef struct Node:
        double v
        Arr *arr
        Node *next_free
        Node *p0
        Node *p1
        double d0
        Ext *ext
        double d1
        PyObject *obj
        uint32_t op
        uint32_t flags
        uint32_t mark
    ctypedef struct Traces:
        PyObject *trace[18]       # as many as node.h says
    ctypedef struct ThreadState:
        int paused
        int depth
        int freeing
        int base
        Node *graveyard
        uint32_t tracing
        uint32_t deferring
        PyObject *trace[18]
        uint32_t serial[18]
        uint32_t told
        int mingles
        int apart
        int sweeping
        ThreadState *next
    ThreadState cdiff_tls
    int *threads_at "cdiff_threads_at"
    void set_kind "cdiff_set_kind"(Node *, uint32_t op, uint32_t flags) noexcept nogil
    Node *cdiff_next_dead(Node *) noexcept nogil
    void cdiff_set_next_dead(Node *, Node *) noexcept nogil
    const double cdiff_gone
    const float cdiff_gone_single
    const double *cdiff_gone_complex
    const float *cdiff_gone_complex_single
    Py_ssize_t *ARR_SHAPE(const Arr *) noexcept nogil
    Py_ssize_t *ARR_STRIDES(const Arr *) noexcept nogil
    enum:
        ARR_CONTIGUOUS, ARR_SNAPSHOT, ARR_BORROWED, ARR_RESULT, ARR_SAVED, ARR_WRITTEN
        ARR_UNTRACKED, ARR_DEFERRED
        NODE_ARRAY, NODE_DUAL, NODE_ALIAS, NODE_SAVED, NODE_VIEW, NODE_WEAK, NODE_SLOW, NODE_SHOWN
        LEVEL_SHIFT, LEVEL_MASK, MAX_LEVEL

cdef class Array

include "generated/ops.pxi"

cdef PyTypeObject *ARRAY_TYPE

include "headroom.pxi"
include "memory.pxi"
include "sheets.pxi"
include "any_size.pxi"
include "tasks.pxi"
include "node.pxi"
include "freeing.pxi"
include "lead.pxi"
include "watch.pxi"
include "blocks.pxi"
include "alarms.pxi"
include "elementwise.pxi"
include "strided.pxi"
include "bridge.pxi"
include "complex_loops.pxi"
include "complex.pxi"
include "dual.pxi"
include "structural.pxi"
include "reduce.pxi"
include "running.pxi"
include "products.pxi"
include "factors.pxi"
include "linear.pxi"
include "reflections.pxi"
include "sort.pxi"
include "program.pxi"
include "pool.pxi"
include "registers.pxi"
include "regroup.pxi"
include "numbers.pxi"
include "number_runs.pxi"
include "typing.pxi"
include "deferred.pxi"
include "check.pxi"
include "simplify.pxi"
include "selections.pxi"
include "summed.pxi"
include "algebra.pxi"
include "views.pxi"
include "assemble.pxi"
include "parts.pxi"
include "plan.pxi"
include "shifts.pxi"
include "joins.pxi"
include "strips.pxi"
include "schedule.pxi"
include "storage.pxi"
include "takes.pxi"
include "micros.pxi"
include "fusing.pxi"
include "floats.pxi"
include "native.pxi"
include "fetching.pxi"
include "groups.pxi"
include "group_run.pxi"
include "steps.pxi"
include "weaving.pxi"
include "run.pxi"
include "profile.pxi"
include "make.pxi"
include "put_off.pxi"
include "sweep.pxi"
include "mingled.pxi"
include "transform.pxi"
include "look.pxi"
include "fan.pxi"
include "jacobian.pxi"
include "vectorcall.pxi"
include "fast.pxi"
include "nested.pxi"
include "indexing.pxi"
include "in_place.pxi"
include "guarded.pxi"
include "trace.pxi"
include "freeze.pxi"
include "ended.pxi"
include "extreme_rows.pxi"
include "hosted.pxi"
include "replay.pxi"
include "call.pxi"
include "positions.pxi"
include "batching.pxi"
include "behind.pxi"
include "lanes.pxi"
include "places.pxi"
include "index_sets.pxi"
include "bit_sweeps.pxi"
include "pattern.pxi"
include "pattern_numbers.pxi"
include "coloring.pxi"
include "lattice.pxi"
include "renumbering.pxi"
include "entries.pxi"
include "compressed.pxi"
include "reading.pxi"
include "symmetric_coloring.pxi"
include "runner.pxi"
include "elements.pxi"
include "surroundings.pxi"
include "compiled_call.pxi"
include "forms.pxi"
include "loop.pxi"
include "loop_products.pxi"
include "array.pxi"
include "face.pxi"
include "shortcuts.pxi"
include "slots.pxi"
include "ufuncs.pxi"
include "dispatch.pxi"

ARRAY_TYPE = <PyTypeObject *>Array
install_slots()
install_calls()
install_face_methods()
install_values()
install_deferring()
install_batching()
install_patterns()
