"""The array kernels: kernels.h, compiled once per instruction set.

Turns values and partials into loops with the macros of kernel_loops.h.  Knows the parsed rows; it
must not know instruction sets, Cython or nodes.  Light operators are fused into one loop; a heavy
operator inside a formula is a call of its value kernel on a block, so that each heavy function is
compiled once and its fast path serves derivatives too.
"""

from codegen_c import (
    BETTER_WIDE,
    GENERAL,
    MINUS_ONE,
    NOTICE,
    ONE,
    c_argument,
    call,
    constant,
    kind,
    pair,
    unary_or_binary,
    value_expression,
)

# math/wide.h has these for AVX-512.
WIDE = ("exp", "log", "sin", "cos", "tanh", "tanh_slope", "erf", "erfc", "gauss",
        "log2", "log10", "cbrt", "power")

# Operators of one rounding that have kernels in float32 as well: see single_loops.h.
SINGLE = ("add", "subtract", "multiply", "divide", "negative", "absolute", "square", "sqrt",
          "reciprocal", "maximum", "minimum", "fmax", "fmin", "relu", "zmul")


class Formula:
    """A program as C: heavy steps as calls on block buffers, the rest as the body of a loop."""

    def __init__(self, program, rows):
        self.program = program
        self.rows = rows
        self.arity = {name: len(row.operands) for name, row in rows.items()}
        self.heavy = {i for i, (op, _) in enumerate(program.steps) if not rows[op].light}
        self.buffers = set()

    def needed(self, target):
        """Steps to recompute for `target`, stopping at buffers, in order."""
        found = set()
        pending = [target]
        while pending:
            arg = pending.pop()
            if isinstance(arg, int) and arg not in found:
                found.add(arg)
                if arg not in self.heavy:
                    pending.extend(self.program.steps[arg][1])
        return sorted(found)

    def numbers(self, target):
        """Declarations of everything the light expression `target` needs at element i."""
        steps = self.needed(target)
        read = {target} if isinstance(target, str) else set()
        for i in steps:
            if i not in self.heavy:
                read.update(arg for arg in self.program.steps[i][1] if isinstance(arg, str))
        lines = [f"const double {name} = p{name}[i];" for name in sorted(read)]
        for i in steps:
            op, args = self.program.steps[i]
            value = f"t{i}_[i]" if i in self.heavy else call(op, args, self.arity)
            lines.append(f"const double t{i} = {value};")
        return " ".join(lines)

    def pointer(self, arg, declarations, lines):
        """(pointer, stride) of an argument of a heavy step; appends what prepares it."""
        if isinstance(arg, str):
            return f"p{arg}", 1
        if isinstance(arg, float):
            name = f"c{len(declarations)}"
            declarations.append(f"    static const double {name} = {arg!r};\n")
            return f"&{name}", 0
        buffer = f"t{arg}_"
        if buffer not in self.buffers:
            self.buffers.add(buffer)
            declarations.append(f"    double {buffer}[BLOCK_SIZE];\n")
            if arg not in self.heavy:
                lines.append(f"    FILL_LOOP({buffer}, {self.numbers(arg)}, t{arg})\n")
        return buffer, 1

    def calls(self):
        """(declarations, statements) that fill the buffers of all heavy steps."""
        declarations, lines = [], []
        for i in sorted(self.heavy):
            op, args = self.program.steps[i]
            given = [self.pointer(arg, declarations, lines) for arg in args]
            given += [("NULL", 0)] * (2 - len(given))
            (p, sp), (q, sq) = given
            result, _ = self.pointer(i, declarations, lines)
            lines.append(f"    value_{op}(n, {result}, {p}, {q}, {sp}, {sq});\n")
        return "".join(declarations), "".join(lines)


def unit_function(name, formula, final):
    """A unit_fn: buffers, calls, then the loop `final`."""
    declarations, lines = formula.calls()
    reads = formula.program.arguments()
    idle = "".join(f"(void)p{p}, " for p in "aby" if p not in reads)
    return (f"static CDIFF_NOINLINE void {name}(int64_t n, double *out, const double *g,\n"
            "    const double *pa, const double *pb, const double *py, int acc)\n{\n"
            f"{declarations}    int64_t i;\n    {idle}(void)g, (void)acc;\n"
            f"    if (n < 1)\n        return;\n{lines}{final}}}\n")


def plain_value(row):
    """The value kernel of a row with a C value."""
    count = "UNARY" if len(row.operands) == 1 else "BINARY"
    expression = value_expression(row)
    if row.light:
        plain = f"{count}_LIGHT({row.name}, {expression})\n"
        return f"#ifndef CDIFF_AVX512\n{plain}#endif\n" if row.name in BETTER_WIDE else plain
    macro = f"{count}_ROUNDS"
    plain = in_parts(macro, row) if row.c is None else rounds(macro, row.name, [row])
    return or_wide("VALUE" if len(row.operands) == 1 else "VALUE2", row, plain)


def single_value(row):
    """The value kernel in float32."""
    count = "UNARY" if len(row.operands) == 1 else "BINARY"
    return f"{count}_SINGLE({row.name}, {value_expression(row)})\n"


def rounds(macro, name, rows):
    """A kernel of rounds that stores the value of each of the rows, all of the same operands."""
    args = ", ".join(rows[0].operands)
    numbers = f"NUMBERS{len(rows[0].operands)}"

    def stores(expression):
        return " ".join(f"STORE{k if k > 1 else ''}({expression(row)})"
                        for k, row in enumerate(rows, 1))

    plain = f"{macro}({name}, PLAIN_ROUND({numbers}, {stores(value_expression)}))\n"
    if any(row.c is not None for row in rows):
        return plain
    has = [f"CDM_HAS_FAST_{row.name}" for row in rows]
    fast = stores(lambda row: f"cdm_{row.name}_fast({args})")
    ok = " * ".join(f"cdm_{row.name}_fast_ok({args})" for row in rows)
    return (f"#if {' && '.join(f'defined({flag})' for flag in has)}\n"
            f"{macro}({name}, FAST_ROUND({has[0]}, {numbers}, {ok},\n"
            f"    {fast},\n    {stores(value_expression)}))\n"
            f"#else\n{plain}#endif\n")


def in_parts(macro, row):
    """The same of one row in two parts, where the vector math has it so."""
    args, f = ", ".join(row.operands), f"cdm_{row.name}"
    return (f"#if defined(CDM_HAS_PARTS_{row.name})\n"
            f"CDIFF_UNROLLED {macro}({row.name}, PARTS_ROUND(NUMBERS{len(row.operands)},\n"
            f"    {f}_first({args}, &part2[at + i]), {f}_first_ok({args}, part[at + i]),\n"
            f"    STORE({f}_then({args}, part[at + i], part2[at + i])),\n"
            f"    STORE({value_expression(row)})))\n"
            f"#else\n{rounds(macro, row.name, [row])}#endif\n")


def or_wide(macro, row, plain):
    """The plain kernel, or for AVX-512 one of eight numbers at once, where there is one."""
    if row.name not in WIDE:
        return plain
    return f"#ifdef CDIFF_AVX512\nWIDE_{macro}({row.name})\n#else\n{plain}#endif\n"


def composed_value(row, rows):
    """The value kernel of a row that is made of other rows."""
    formula = Formula(row.program, rows)
    result = row.program.result
    final = f"    FILL_LOOP(out, {formula.numbers(result)}, {c_argument(result)})\n"
    pb, sb = ("pb", "sb") if len(row.operands) == 2 else ("NULL", "0")
    return (unit_function(f"unit_{row.name}", formula, final)
            + f"static void value_{row.name}(int64_t n, double *out, const double *pa,\n"
              "    const double *pb, int64_t sa, int64_t sb)\n{\n    (void)pb, (void)sb;\n"
              f"    run_blocks(unit_{row.name}, n, out, pa, pa, {pb}, NULL, sa, sa, {sb}, 0);\n"
              "}\n")


def adjoint(row, k, rows):
    """The adjoint kernel of one general partial."""
    program = row.partials[k]
    formula = Formula(program, rows)
    numbers = formula.numbers(program.result)
    final = f"    ADJOINT_LOOP({numbers}, {c_argument(program.result)})\n"
    code = unit_function(f"unit{k}_{row.name}", formula, final)
    if program.result in row.operands:
        return f"{code}ADJOINT_FACTOR({k}, {row.name}, {program.result})\n"
    unit = " && ".join(["sg"] + [f"s{p}" for p in ("a", "b") if program.reads(p)])
    return f"{code}ADJOINT{'' if formula.heavy else '_DIRECT'}({k}, {row.name}, {unit})\n"


def in_order(rows):
    """Rows with composed values after everything their values call."""
    done, order = set(), []

    def visit(row):
        if row.name in done:
            return
        done.add(row.name)
        for op, _ in row.program.steps if row.program else ():
            visit(rows[op])
        order.append(row)

    for row in rows.values():
        visit(row)
    return order


def adjoint_entry(row, k):
    kinds = {ONE: "adjoint_one", MINUS_ONE: "adjoint_minus_one"}
    what = kind(row.partials[k])
    return f"adjoint{k}_{row.name}" if what == GENERAL else kinds.get(what, "NULL")


KERNELS_HEADER = """/* Compiled once per instruction set, which the including file names. */
#include "values.h"
#include "../loops/kernel_loops.h"
#ifdef CDIFF_AVX512
#include "../loops/quotients.h"
#include "../loops/wide_loops.h"
#include "../loops/absorbing.h"
#endif
#include "../loops/product_loops.h"
#include "../loops/factor_loops.h"
#include "../loops/symmetric_loops.h"
#include "../loops/digest_loop.h"
#include "../loops/fused_loops.h"
#include "../loops/row_loops.h"
#include "../loops/single_loops.h"

{values}
{singles}
{pairs}
{adjoints}
ADJOINT_DIRECT(, one, sg)
ADJOINT_DIRECT(, minus_one, sg)

const KernelTable CDIFF_PASTE(kernels_, CDIFF_ISA) = {{
    CDIFF_QUOTE(CDIFF_ISA),
    {{
{value_table}    }},
    {{
{adjoint_table}    }},
    where_kernel,
    between_kernel,
    {{
{pair_table}    }},
    {{
{single_table}    }},
    widen_floats,
    narrow_doubles,
    round_doubles,
    FUSED_TABLE,
    PRODUCTS_TABLE,
    {{[ROW_SUM] = row_sum, [ROW_SQUARES] = row_squares, [ROW_PROD] = row_prod,
      [ROW_MAX] = row_max, [ROW_MIN] = row_min}},
    rows_kernel,
    columns_kernel,
    product_kernel,
    triangle_kernel,
    panel_kernel,
    reflect_kernel,
    symmetric_kernel,
    digest_kernel,
    positions_kernel,
    take_kernel,
    scatter_kernel,
}};
"""


def kernels_header(table):
    rows = {row.name: row for row in table.elementwise}
    small = unary_or_binary(table.elementwise)
    names = {row.name for row in small}
    values = [composed_value(row, rows) if row.program else plain_value(row)
              for row in in_order(rows) if row.name in names]
    pairs = [or_wide("PAIR", row, rounds("PAIR_ROUNDS", row.name, [row, rows[row.pair]]))
             for row in small if row.pair]
    singles = [single_value(row) for row in small if row.name in SINGLE]
    single_table = [f"        [{constant(row.name)}] = SINGLE_KERNEL({row.name}),\n"
                    for row in small if row.name in SINGLE]
    pair_table = [f"        [{constant(row.name)}] = pair_{row.name},\n"
                  for row in small if row.pair]
    adjoints = [adjoint(row, k, rows) for row in small for k in range(len(row.partials))
                if kind(row.partials[k]) == GENERAL]
    value_table, adjoint_table = [], []
    for row in small:
        value_table.append(f"        [{constant(row.name)}] = value_{row.name},\n")
        entries = pair([adjoint_entry(row, k) for k in range(len(row.partials))], "NULL")
        adjoint_table.append(f"        [{constant(row.name)}] = {entries},\n")
    parts = {"values": values, "singles": singles, "pairs": pairs, "adjoints": adjoints,
             "value_table": value_table, "adjoint_table": adjoint_table,
             "single_table": single_table, "pair_table": pair_table}
    return NOTICE + KERNELS_HEADER.format(**{name: "".join(x) for name, x in parts.items()})
