/* The memory layout of the graph: a Node (which is the Python object
 * `cdiff.Array`), the Arr block that carries an array value, and the
 * per-thread state of the recorder.
 *
 * This header knows C and the CPython object header only; it must not know
 * what an operator means.  It is fast because a scalar node is one cache line
 * that holds its value, its parents and its local partials, because a small
 * array is one pooled block with its shape in front of its data, and because
 * no node is ever seen by the garbage collector.
 *
 * An array node has two roles, and is counted twice.  As a node of the graph it
 * is held by the nodes that were computed from it (`holders`); its operator,
 * operands and value never change.  As a Python object it is held by variables
 * (the object's own reference count), and may be assigned into: then
 * ext->current is its newest version, and users see that.  A view knows the
 * Python object it looks at (`base`).  What belongs to the second role is let
 * go with the last Python reference, so `x += f(x)` makes no cycle although the
 * new version depends on the old x and x leads to its new version.
 */
#ifndef CDIFF_NODE_H
#define CDIFF_NODE_H

#include <Python.h>
#include <math.h>
#include <stdint.h>

#if defined(_MSC_VER)
#define CDIFF_THREAD_LOCAL __declspec(thread)
#define CDIFF_ALWAYS_INLINE __forceinline
#else
#define CDIFF_THREAD_LOCAL __thread
#define CDIFF_ALWAYS_INLINE inline __attribute__((always_inline))
#endif

/* An array value.  `data` points into this block, into `owner`'s block (a
 * view) or into the memory of the Python object `base` (a borrowed ndarray).
 * In a node with NODE_VIEW, `base` is the Array it is a view of.
 * `holders` counts the graph's references to the node this block belongs to,
 * `pins` the blocks that look at this memory and must not see it change.
 * `dims` holds the shape, then the strides in bytes. */
typedef struct Arr {
    Py_ssize_t refcnt;
    struct Arr *owner;
    PyObject *base;
    char *data;
    Py_ssize_t size;
    int8_t typenum;
    uint8_t ndim;
    uint16_t flags;
    uint32_t bucket;
    uint32_t holders;
    uint32_t pins;
    Py_ssize_t dims[];
} Arr;

enum {
    ARR_CONTIGUOUS = 1, /* C order without gaps */
    ARR_SNAPSHOT = 2,   /* one of the owner's pins */
    ARR_BORROWED = 4,   /* memory of an ndarray that its owner may still change */
    ARR_RESULT = 8,     /* a finished gradient that nothing else refers to */
    ARR_SAVED = 16,     /* a derivative reads this memory */
    ARR_WRITTEN = 32,   /* memory that is being assigned into */
    ARR_UNTRACKED = 64, /* a view of a tracked array made while nothing was recorded */
    ARR_DEFERRED = 128, /* the contents are computed when somebody needs them (deferred.pxi) */
    ARR_ANY_ORDER = 256 /* NumPy may lay this value out in another order than C's */
};

#define ARR_SHAPE(r) ((r)->dims)
#define ARR_STRIDES(r) ((r)->dims + (r)->ndim)

/* Operands beyond the second; the newest version of an array that was assigned
 * into; and for a view in forward mode, or of one, what it looks at: the object,
 * the version of that it was made from, and by which operator. `reads` is what
 * a view reads that has memory of its own (see guarded.pxi);
 * `read_only` tells that users may not assign to the array, `unknown` that its
 * value may have been changed through another one (see guarded.pxi). */
typedef struct Ext {
    struct Node *current;
    struct Node *base;
    struct Node *seen;
    PyObject *reads;
    int32_t read_only;
    int32_t unknown;
    Py_ssize_t view_op;
    Py_ssize_t nparents;
    struct Node *parents[];
} Ext;

/* Field by field:
 *   v / arr     the value: a float64 scalar inline, or an array block
 *   p0, p1      operands that are tracked (or whose array value is saved)
 *   d0, d1      scalar elementwise node: local partials; where an operand is
 *               untracked (p is NULL) its slot holds the operand's value
 *   ext         array or structural node: extra operands
 *   obj         structural node: its attributes, a plain tuple of ints (also in an
 *               untracked or dual view: those of its view operator); leaf of a level:
 *               no object but the number of its transformation (see lead.pxi)
 *   d1          array elementwise node: the value of a scalar constant operand
 *   flags       NODE_* bits below, then one bit per differentiation level (with
 *               op in one word: eight bits are enough for that)
 *   mark        position in the sweep that visits the node just now;
 *               for a dual node, its level and the number of its transformation
 */
typedef struct Node {
    PyObject_HEAD
    union { double v; Arr *arr; struct Node *next_free; };
    struct Node *p0;
    struct Node *p1;
    union { double d0; Ext *ext; };
    union { double d1; PyObject *obj; };
    union {
        struct {
            uint32_t op : 8;
            uint32_t flags : 24;
        };
        uint32_t kind; /* both */
    };
    uint32_t mark;
} Node;

enum {
    NODE_ARRAY = 1,   /* the value is in arr, not in v */
    NODE_DUAL = 2,    /* forward mode: p0 primal, p1 tangent */
    NODE_ALIAS = 4,   /* assigned into: ext->current is the value seen by users */
    NODE_SAVED = 8,   /* a child's derivative reads this value */
    NODE_VIEW = 16,   /* looks at an array that users can reach (see Arr.base) */
    NODE_WEAK = 32,   /* stands for a Python scalar: does not decide the dtype */
    NODE_SLOW = NODE_ARRAY | NODE_DUAL,
    NODE_SHOWN = NODE_DUAL | NODE_ALIAS | NODE_VIEW, /* not what it seems */
    LEVEL_SHIFT = 6,
    LEVEL_MASK = 0xFFFFC0,
    MAX_LEVEL = 17
};

/* Both by one store: what is read soon after two of them would wait for both. */
static inline void cdiff_set_kind(Node *n, uint32_t op, uint32_t flags) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    n->op = op;
    n->flags = flags;
#else
    n->kind = op | flags << 8;
#endif
}

/* The Trace of each level that records a program. */
typedef struct {
    PyObject *trace[MAX_LEVEL + 1];
} Traces;

/* Per thread: is recording switched off, how many transformations are we
 * inside (counted from `base`, the levels of other threads, some of which may
 * be higher if it `mingles` with them) and which number has each of them, which
 * of them record programs (the bits of their levels, as it is and as it was
 * told to all threads, and the Trace of each) and which of these without
 * computing large values, the list of nodes waiting to be freed (so that
 * freeing a chain of a million nodes does not recurse), how many blocks of
 * tasks switch recording off (see tasks.pxi), how many sweeps, tangent rules
 * and replays it is in, and the thread that began next (see lead.pxi). */
typedef struct ThreadState {
    int paused;
    int depth;
    int freeing;
    int base;
    Node *graveyard;
    uint32_t tracing;
    uint32_t deferring;
    PyObject *trace[MAX_LEVEL + 1];
    uint32_t serial[MAX_LEVEL + 1];
    uint32_t told;
    int mingles;
    int apart;
    int sweeping;
    struct ThreadState *next;
} ThreadState;

/* How many threads are at each depth but the lowest. */
static int cdiff_threads_at[MAX_LEVEL + 1];

/* One load instead of a call, where the loader is known to have room for it. */
#if defined(__GLIBC__) && defined(__GNUC__)
static CDIFF_THREAD_LOCAL ThreadState cdiff_tls __attribute__((tls_model("initial-exec")));
#else
static CDIFF_THREAD_LOCAL ThreadState cdiff_tls;
#endif

/* A node that is being freed waits in the graveyard, linked through its type
 * slot: everything else in it is still needed, and it gets a type again when it
 * is reused. */
static inline Node *cdiff_next_dead(Node *n) {
    return (Node *)((PyObject *)n)->ob_type;
}
static inline void cdiff_set_next_dead(Node *n, Node *next) {
    ((PyObject *)n)->ob_type = (PyTypeObject *)next;
}

/* The value of an array whose memory went to its next version and which nobody
 * reads any more: nan everywhere, so that a mistake would be seen. */
static const double cdiff_gone = NAN;
static const float cdiff_gone_single = NAN;
static const double cdiff_gone_complex[2] = {NAN, NAN};
static const float cdiff_gone_complex_single[2] = {NAN, NAN};

#endif
