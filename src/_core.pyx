# cython: cdivision=True, embedsignature=False, binding=False
"""The compiled core of cdiff: nodes, operators, sweeps and the `Array` type.

One extension module made of the rooms included below, in the order in which they may know each
other; each opens with what it is for.  The generated tables (src/generated) come from optable.py.
Nothing here imports the Python package.
"""
cimport cython
cimport numpy as np
from cpython.buffer cimport PyObject_CheckBuffer
from cpython.exc cimport PyErr_CheckSignals
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.object cimport (PyObject, PyObject_RichCompare, PyTypeObject, Py_EQ, Py_NE, Py_LT,
                             Py_LE, Py_GT, Py_GE)
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_XDECREF, Py_XINCREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.math cimport (INFINITY, copysign as c_copysign, fabs, frexp, ldexp as c_ldexp,
                        log as c_log, signbit, sqrt as c_sqrt)
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
        int8_t typenum
        uint8_t ndim
        uint16_t flags
        uint32_t bucket
        uint32_t holders
        uint32_t pins
        Py_ssize_t *dims
    ctypedef struct Ext:
        Node *current
        Node *base
        Node *seen
        PyObject *reads
        int32_t read_only
        int32_t unknown
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
        ARR_UNTRACKED, ARR_DEFERRED, ARR_ANY_ORDER
        NODE_ARRAY, NODE_DUAL, NODE_ALIAS, NODE_SAVED, NODE_VIEW, NODE_WEAK, NODE_SLOW, NODE_SHOWN
        LEVEL_SHIFT, LEVEL_MASK, MAX_LEVEL

cdef class Array

include "generated/ops.pxi"

cdef PyTypeObject *ARRAY_TYPE

include "nodes/headroom.pxi"
include "nodes/memory.pxi"
include "nodes/sheets.pxi"
include "nodes/any_size.pxi"
include "nodes/tasks.pxi"
include "nodes/node.pxi"
include "nodes/freeing.pxi"
include "nodes/lead.pxi"
include "nodes/watch.pxi"
include "values/blocks.pxi"
include "values/alarms.pxi"
include "values/elementwise.pxi"
include "values/strided.pxi"
include "values/bridge.pxi"
include "values/complex_loops.pxi"
include "values/complex.pxi"
include "derivatives/dual.pxi"
include "values/structural.pxi"
include "values/clipping.pxi"
include "values/reduce.pxi"
include "values/running.pxi"
include "values/products.pxi"
include "values/factors.pxi"
include "values/linear.pxi"
include "values/reflections.pxi"
include "values/condensed.pxi"
include "values/spectral.pxi"
include "derivatives/sort.pxi"
include "programs/program.pxi"
include "numbers/pool.pxi"
include "numbers/registers.pxi"
include "numbers/regroup.pxi"
include "numbers/numbers.pxi"
include "numbers/number_runs.pxi"
include "programs/typing.pxi"
include "programs/deferred.pxi"
include "programs/check.pxi"
include "programs/simplify.pxi"
include "programs/selections.pxi"
include "programs/summed.pxi"
include "programs/algebra.pxi"
include "programs/views.pxi"
include "programs/assemble.pxi"
include "programs/parts.pxi"
include "arrays/plan.pxi"
include "arrays/shifts.pxi"
include "arrays/joins.pxi"
include "arrays/strips.pxi"
include "arrays/schedule.pxi"
include "arrays/storage.pxi"
include "arrays/takes.pxi"
include "arrays/micros.pxi"
include "arrays/fusing.pxi"
include "arrays/floats.pxi"
include "arrays/native.pxi"
include "arrays/fetching.pxi"
include "arrays/groups.pxi"
include "arrays/group_run.pxi"
include "arrays/steps.pxi"
include "arrays/weaving.pxi"
include "arrays/run.pxi"
include "arrays/profile.pxi"
include "arrays/make.pxi"
include "derivatives/put_off.pxi"
include "derivatives/sweep.pxi"
include "nodes/mingled.pxi"
include "derivatives/transform.pxi"
include "derivatives/backward.pxi"
include "derivatives/look.pxi"
include "derivatives/fan.pxi"
include "derivatives/jacobian.pxi"
include "derivatives/vectorcall.pxi"
include "derivatives/fast.pxi"
include "derivatives/nested.pxi"
include "python/indexing.pxi"
include "python/in_place.pxi"
include "python/number_views.pxi"
include "python/orders.pxi"
include "python/guarded.pxi"
include "programs/trace.pxi"
include "programs/freeze.pxi"
include "programs/ended.pxi"
include "arrays/extreme_rows.pxi"
include "programs/hosted.pxi"
include "programs/replay.pxi"
include "programs/call.pxi"
include "programs/positions.pxi"
include "points/batching.pxi"
include "points/behind.pxi"
include "points/lanes.pxi"
include "patterns/places.pxi"
include "patterns/index_sets.pxi"
include "patterns/bit_sweeps.pxi"
include "patterns/pattern.pxi"
include "patterns/pattern_numbers.pxi"
include "patterns/coloring.pxi"
include "patterns/lattice.pxi"
include "patterns/renumbering.pxi"
include "patterns/entries.pxi"
include "patterns/compressed.pxi"
include "patterns/reading.pxi"
include "patterns/symmetric_coloring.pxi"
include "calls/runner.pxi"
include "calls/elements.pxi"
include "calls/surroundings.pxi"
include "calls/compiled_call.pxi"
include "calls/forms.pxi"
include "calls/loop.pxi"
include "calls/loop_products.pxi"
include "python/array.pxi"
include "python/face.pxi"
include "python/shortcuts.pxi"
include "python/slots.pxi"
include "python/ufuncs.pxi"
include "python/dispatch.pxi"

ARRAY_TYPE = <PyTypeObject *>Array
install_slots()
install_calls()
install_face_methods()
install_values()
install_deferring()
install_batching()
install_patterns()
