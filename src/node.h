/* The memory layout of the graph: a Node (which is the Python object
 * `cdiff.Array`), the Arr block that carries an array value, and the
 * per-thread state of the recorder.
 *
 * This header knows C and the CPython object header only; it must not know
 * what an operator means.  It is fast because a scalar node is one cache line
 * that holds its value, its parents and its local partials, because a small
 * array is one pooled block with its shape in front of its data, and because
 * no node is ever seen by the garbage collector (parents point backward only,
 * so a cycle cannot be built).
 */
#ifndef CDIFF_NODE_H
#define CDIFF_NODE_H

#include <Python.h>
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
 * `dims` holds the shape, then the strides in bytes. */
typedef struct Arr {
    Py_ssize_t refcnt;
    struct Arr *owner;
    PyObject *base;
    char *data;
    Py_ssize_t size;
    int16_t typenum;
    uint8_t ndim;
    uint8_t flags;
    uint32_t bucket;
    Py_ssize_t dims[];
} Arr;

enum {
    ARR_CONTIGUOUS = 1, /* C order without gaps */
    ARR_EXPORTED = 2,   /* an ndarray that users hold looks at this memory */
    ARR_BORROWED = 4,   /* memory of an ndarray that its owner may still change */
    ARR_RESULT = 8      /* a finished gradient that nothing else refers to */
};

#define ARR_SHAPE(r) ((r)->dims)
#define ARR_STRIDES(r) ((r)->dims + (r)->ndim)

/* Operands beyond the second, and the newest version of an array that was
 * assigned into. */
typedef struct Ext {
    struct Node *current;
    Py_ssize_t nparents;
    struct Node *parents[];
} Ext;

/* Field by field:
 *   v / arr     the value: a float64 scalar inline, or an array block
 *   p0, p1      operands that are tracked (or whose array value is saved)
 *   d0, d1      scalar elementwise node: local partials; where an operand is
 *               untracked (p is NULL) its slot holds the operand's value
 *   ext         array or structural node: extra operands
 *   obj         structural node: its attributes, a plain tuple of ints
 *   d1          array elementwise node: the value of a scalar constant operand
 *   flags       NODE_* bits below, then one bit per differentiation level
 *   mark        position in the sweep that visits the node just now;
 *               for a dual node, the key of its transformation: the level in the
 *               high bits, so that keys are ordered as levels are, and a serial
 *               number that tells a dual that leaked out of an earlier one
 */
typedef struct Node {
    PyObject_HEAD
    union { double v; Arr *arr; struct Node *next_free; };
    struct Node *p0;
    struct Node *p1;
    union { double d0; Ext *ext; };
    union { double d1; PyObject *obj; };
    uint16_t op;
    uint16_t flags;
    uint32_t mark;
} Node;

enum {
    NODE_ARRAY = 1,   /* the value is in arr, not in v */
    NODE_DUAL = 2,    /* forward mode: p0 primal, p1 tangent */
    NODE_ALIAS = 4,   /* assigned into: ext->current is the value seen by users */
    NODE_SAVED = 8,   /* a child's derivative reads this value */
    NODE_VIEW = 16,   /* made by basic indexing or reshaping of a live array */
    NODE_WEAK = 32,   /* stands for a Python scalar: does not decide the dtype */
    NODE_SLOW = NODE_ARRAY | NODE_DUAL | NODE_ALIAS,
    LEVEL_SHIFT = 6,
    LEVEL_MASK = 0xFFC0,
    MAX_LEVEL = 9,
    KEY_SHIFT = 27,
    SERIAL_MASK = 0x7FFFFFF
};

/* Per thread: is recording switched off, how many transformations are we
 * inside, the key of the latest one at each level, and the list of nodes waiting to be freed (so that freeing a chain
 * of a million nodes does not recurse). */
typedef struct {
    int paused;
    int depth;
    int freeing;
    int serial;
    int keys[MAX_LEVEL + 1];
    Node *graveyard;
} ThreadState;

static CDIFF_THREAD_LOCAL ThreadState cdiff_tls;

#if defined(__GNUC__)
#define CDIFF_PREFETCH(p) __builtin_prefetch(p)
#else
#define CDIFF_PREFETCH(p) ((void)(p))
#endif

#endif
