"""The Cython side of the operator table: ops.pxi, structural.pxi of src/generated, and the stub.

Declares the C tables to Cython, makes one Python function per elementwise row with the signature
of NumPy's ufuncs, and wraps the structural rules.  Knows the parsed rows and the names of the few
functions of the core that the Python functions call.
"""

from codegen_c import codes, constant, ufunc_names, unary_or_binary

NOTICE = "# Generated from src/optable.py by src/codegen.py. Do not edit.\n"
KEYWORDS = "*, where=True, dtype=None, **words"  # all others by NumPy's names
DIVIDER = "# <elementwise functions>\n"


def declarations(table):
    return f"""from libc.stdint cimport int16_t, int64_t, uint8_t, uint16_t

{table_declarations(table)}
{scalar_declarations(table)}
{kernel_declarations(len(table.elementwise))}
{call_declarations(len(table.elementwise))}"""


def table_declarations(table):
    n = len(table.elementwise)
    names = "".join(f"        {name}\n" for name, _ in codes(table))
    total = codes(table)[-1][1]
    ufuncs = len(ufunc_names(table))
    return f"""cdef extern from "ops.h":
    enum:
{names}        PARTIAL_ZERO, PARTIAL_ONE, PARTIAL_MINUS_ONE, PARTIAL_GENERAL
        COMPLEX_REFUSED, COMPLEX_HOLOMORPHIC, COMPLEX_MADE

cdef extern from "rules.h":
    ctypedef struct RuleStep:
        uint16_t op
        int16_t a
        int16_t b
        int16_t c
    ctypedef struct Rule:
        uint16_t start
        uint8_t nsteps
        int16_t result

cdef extern from "ops_tables.h":
    const char *OP_NAMES[{total}]
    const unsigned char OP_NARGS[{total}]
    const unsigned int STRUCT_SAVES[{total}]
    const unsigned char OP_PARTIAL[{n}][2]
    const unsigned char OP_SAVES[{n}][2]
    const unsigned char OP_COMPLEX[{n}]
    const unsigned short OP_PAIR[{n}]
    ctypedef struct UfuncName:
        const char *name
        uint16_t op
    const UfuncName UFUNC_NAMES[{ufuncs}]
    const Rule RULES[{n}][2]
    const Rule COMPLEX_RULES[{n}][2]
    const RuleStep *RULE_STEPS
    const double *RULE_CONST
"""


def scalar_declarations(table):
    n = len(table.elementwise)
    functions = "".join(f"    double sv_{row.name}(double a, double b) noexcept nogil\n"
                        f"    double sd_{row.name}(double a, double b, double *d) noexcept nogil\n"
                        for row in unary_or_binary(table.elementwise))
    return f"""cdef extern from "scalar.h":
    ctypedef double (*scalar_fn)(double a, double b) noexcept nogil
    ctypedef double (*scalar_dfn)(double a, double b, double *d) noexcept nogil
    ctypedef double (*scalar_pfn)(double a, double b, double y) noexcept nogil
    const scalar_fn SCALAR_VALUE[{n}]
    const scalar_dfn SCALAR_PARTIALS[{n}]
    const scalar_pfn SCALAR_PARTIAL[{n}][2]
{functions}"""


# N_KERNELS stands for the number of operators of one or two operands that have kernels.
KERNEL_DECLARATIONS = """cdef extern from "loops/kernel_table.h":
    ctypedef void (*ew_fn)(int64_t n, double *out, const double *a, const double *b,
                           int64_t sa, int64_t sb) noexcept nogil
    ctypedef void (*adj_fn)(int64_t n, double *out, const double *g, const double *a,
                            const double *b, const double *y, int64_t sg, int64_t sa,
                            int64_t sb, int acc) noexcept nogil
    ctypedef int (*between_fn)(int64_t n, double *out, const double *g, const double *a, double low,
                              double high) noexcept nogil
    ctypedef void (*where_fn)(int64_t n, double *out, const double *c, const double *a,
                              const double *b, int64_t sc, int64_t sa,
                              int64_t sb) noexcept nogil
    ctypedef void (*pair_fn)(int64_t n, double *out, double *out2,
                             const double *a) noexcept nogil
    ctypedef void (*single_fn)(int64_t n, float *out, const void *a, const void *b,
                               int64_t sa, int64_t sb) noexcept nogil
    ctypedef void (*widen_fn)(int64_t n, double *out, const float *p) noexcept nogil
    ctypedef void (*narrow_fn)(int64_t n, float *out, const double *p) noexcept nogil
    ctypedef double (*row_fn)(int64_t n, const double *p) noexcept nogil
    ctypedef void (*rows_fn)(int64_t m, int64_t n, double *y, const double *a, int64_t step,
                             const double *x) noexcept nogil
    ctypedef void (*columns_fn)(int64_t m, int64_t n, double *y, const double *a, int64_t step,
                                const double *x, int64_t gap, int adds) noexcept nogil
    ctypedef void (*digest_fn)(int64_t n, const char *data, uint64_t *out) noexcept nogil
    ctypedef int64_t (*positions_fn)(int64_t n, int64_t count, int64_t *rows,
                                     const int64_t *given) noexcept nogil
    ctypedef bint (*take_fn)(int64_t n, int64_t count, int64_t m, const int64_t *at,
                             const double *from_, double *to, int64_t *kept) noexcept nogil
    ctypedef bint (*scatter_fn)(int64_t n, int64_t count, int64_t m, const int64_t *at,
                                const double *from_, double *to) noexcept nogil
    enum:
        DIGEST_LANES
        ROW_SUM, ROW_SQUARES, ROW_PROD, ROW_MAX, ROW_MIN, N_ROW_KINDS
    ctypedef void (*fused_fn)(int64_t n, double *out, const double *a, const double *b,
                              const double *c, int64_t sb, int64_t sc) noexcept nogil
    ctypedef void (*products_fn)(int64_t n, double *out, const double *a, const double *b,
                                 const double *c, const double *d) noexcept nogil
    enum:
        FIRST_ADD, FIRST_SUBTRACT, FIRST_MULTIPLY, FIRST_ZMUL, N_FIRST
        THEN_ADD, THEN_SUBTRACT, THEN_SUBTRACT_FROM, THEN_MULTIPLY, THEN_ZMUL, N_THEN
    ctypedef struct MatrixProduct:
        int64_t m, k, n
        const char *a
        int64_t ai, ak
        const char *b
        int64_t bk, bj
        char *c
        int64_t ci
        int subtracts
    ctypedef void (*product_fn)(const MatrixProduct *p, double *room) noexcept nogil
    bint product_packs_a(const MatrixProduct *p) noexcept nogil
    bint product_packs_b(const MatrixProduct *p) noexcept nogil
    ctypedef void (*triangle_fn)(int64_t rows, int64_t n, const char *t, int64_t ti, int64_t tk,
                                 int unit, char *b, int64_t bi) noexcept nogil
    ctypedef int (*panel_fn)(int64_t m, int64_t columns, char *a, int64_t step,
                             int64_t *swaps) noexcept nogil
    ctypedef bint (*reflect_fn)(int64_t m, int64_t columns, char *a, int64_t step, char *r, char *t,
                                int64_t ti) noexcept nogil
    ctypedef void (*symmetric_fn)(int64_t first, int64_t n, const char *a, int64_t step,
                                  const double *x, double *y) noexcept nogil
    enum:
        FACTOR_BLOCK
    const double FACTOR_SMALL, FACTOR_LARGE
    ctypedef struct KernelTable:
        const char *isa
        ew_fn value[N_KERNELS]
        adj_fn adjoint[N_KERNELS][2]
        where_fn where
        between_fn between
        pair_fn pair[N_KERNELS]
        single_fn single[N_KERNELS]
        widen_fn widen
        narrow_fn narrow
        ew_fn round
        fused_fn fused[N_FIRST][N_THEN]
        products_fn products[2][2][2]
        row_fn row[N_ROW_KINDS]
        rows_fn rows
        columns_fn columns
        product_fn product
        triangle_fn triangle
        panel_fn panel
        reflect_fn reflect
        symmetric_fn symmetric
        digest_fn digest
        positions_fn positions
        take_fn take
        scatter_fn scatter
    ew_fn kernels_far_value(const KernelTable *table, int op, int64_t passing) noexcept nogil
    const KernelTable *kernels_select() noexcept nogil
"""


def kernel_declarations(n):
    return KERNEL_DECLARATIONS.replace("N_KERNELS", str(n))


def call_declarations(n):
    return f"""cdef extern from "direct_call.h":
    ctypedef PyObject *(*cdiff_call)(PyObject *, PyObject *const *, Py_ssize_t,
                                     PyObject *) except NULL
    void take_calls "cdiff_take_calls"(object f, cdiff_call *general, cdiff_call direct) noexcept
    int as_ufunc "cdiff_as_ufunc"(object f) except -1

cdef cdiff_call GENERAL_CALL[{n}]
cdef cdiff_call DIRECT_CALL[{n}]
"""


def example(row):
    """A call of `grad` and what it gives; NumPy's names assume ``import cdiff.numpy as cnp``."""
    if row.example is None:
        return []
    function = f"cnp.{row.numpy}" if row.numpy else f"cd.{row.name}"
    if isinstance(row.example, float):
        operands = "x, 2.0" if len(row.operands) > 1 else "x"
        call, found = f"(lambda x: cnp.where({function}({operands}), x**2, x))(1.0)", row.example
    else:
        point, found = row.example
        several = isinstance(point, tuple)
        call = f"({function}, argnums=(0, 1)){point!r}" if several else f"({function})({point!r})"
    lines = [] if row.numpy else [">>> import cdiff as cd"]
    return ["\n".join(["Examples\n--------", *lines, f">>> cd.grad{call}", repr(found)])]


def docstring(row, operands):
    """What the row says of itself, in the form of NumPy's docstrings."""
    given = [f"{name} = {operand}" for name, operand in zip(row.operands, operands, strict=True)]
    same = row.numpy and f"numpy.{row.numpy}" or row.scipy
    errors = "TypeError\n    If an operand is no number or array."
    if len(operands) > 1:
        errors += "\nValueError\n    If the shapes do not broadcast."
    parts = [
        row.doc + (f"  As `{same}`." if same else ""),
        f"Parameters\n----------\n{', '.join(operands)} : float, array_like or Array",
        "Returns\n-------\nArray if an operand is one, else what NumPy would give.",
        f"Raises\n------\n{errors}",
        f"Notes\n-----\nPartial derivatives, with {', '.join(given)} and the result y:\n"
        + "\n".join(f"- ``{d}``" for d in row.d),
    ]
    parts += example(row)
    return "\n\n".join(parts).replace("\n", "\n    ").replace("\n    \n", "\n\n")


def python_function(row):
    operands = ["x"] if len(row.operands) == 1 else ["x1", "x2"]
    names = ", ".join(operands)
    call = f"ufunc_call{len(operands)}({constant(row.name)}, {names}, out, where, dtype, words)"
    return (f"def {row.name}({names}, /, out=None, {KEYWORDS}):\n"
            f'    """{docstring(row, operands)}\n    """\n    return {call}\n'
            f"{direct_function(row) if any(d != '0' for d in row.d) else ''}")


def direct_function(row):
    """What CPython calls in place of the Python function: it takes the common calls itself."""
    code = constant(row.name)
    return (f"\n\ncdef PyObject *direct_{row.name}(PyObject *self, PyObject *const *args, "
            "Py_ssize_t count,\n    PyObject *names) except NULL:\n"
            f"    return direct_call{len(row.operands)}({code}, self, args, count, names)\n\n"
            f"DIRECT_CALL[{code}] = direct_{row.name}\n")


def ops_pxi(table):
    functions = "\n\n".join(python_function(row) for row in unary_or_binary(table.elementwise))
    return (f"{NOTICE}{declarations(table)}\n\n{functions}\n\n"
            'include "values/attrs.pxi"\ninclude "structural_rules.pxi"\n')


def structural_pxi(table):
    made = [row for row in table.elementwise if row.complex]
    rules = "\n\n".join([row.code for row in table.fused + table.structural_rules]
                        + [row.complex_code for row in made])
    entries = "".join(f"ADJ[{constant(row.name)}] = adj_{row.name}\n"
                      f"TAN[{constant(row.name)}] = tan_{row.name}\n"
                      for row in table.structural_rules)
    entries += "".join(f"MADE_COMPLEX[{constant(row.name)}] = complex_{row.name}\n"
                       for row in made)
    return f"""{NOTICE}
# adj_<name>(y, g, k): what the cotangent g of y adds to that of operand k.
# tan_<name>(y, operands, tangents, attrs): the tangent of y; None stands for zero.
ctypedef object (*adjoint_rule)(Array y, Array g, int k)
ctypedef object (*tangent_rule)(Array y, tuple operands, tuple tangents, object attrs)

cdef adjoint_rule ADJ[N_OPS]
cdef tangent_rule TAN[N_OPS]

# What an elementwise operator is for a complex operand, where it is made of others.
cdef Array (*MADE_COMPLEX[N_ELEMENTWISE])(Array a)


cdef list parents_of(Array y):
    \"\"\"All operands of a recorded node with any number of them.\"\"\"
    cdef Py_ssize_t i, n = 2 if wide_operands(N(y)) == NULL else N(y).ext.nparents
    return [p for p in [parent(y, i) for i in range(n)] if p is not None]


{rules}

{entries}"""


def stub(table, template):
    """cdiff/_core.pyi: the hand-written part with the elementwise functions filled in."""
    head, tail = template.split(DIVIDER)
    rows = unary_or_binary(table.elementwise)
    lines = "".join(f"{row.name}: _Ufunc{len(row.operands)}\n" for row in rows)
    return f"{NOTICE}{head}{lines}{tail}"
