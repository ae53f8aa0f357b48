"""The C side of the operator table for one value at a time: codes, rules and scalar functions.

Writes ops.h (operator codes), rules.h (partials as bytecode that the core runs on nodes),
ops_tables.h (the definitions of all tables), values.h and scalar.h (values and partials of single
doubles).  Knows the parsed rows; it must not know Cython or vector loops.  The scalar functions are
fast because a partial reads the result instead of computing it again, and because operators
marked light are always inlined.
"""

ZERO, ONE, MINUS_ONE, GENERAL = range(4)
SLOTS = {"a": 0, "b": 1, "y": 2}
# AVX-512 has better kernels for these: quotients.h and absorbing.h.
BETTER_WIDE = ("divide", "reciprocal", "sqrt", "zmul")
NOTICE = "/* Generated from src/optable.py by src/codegen.py. Do not edit. */\n"


def constant(name):
    return "OP_" + name.upper()


def kind(program):
    """Which of the four kinds of partial this is."""
    if program.result == 0.0 and isinstance(program.result, float):
        return ZERO
    if isinstance(program.result, float) and abs(program.result) == 1.0:
        return ONE if program.result > 0 else MINUS_ONE
    return GENERAL


def unary_or_binary(rows):
    return [row for row in rows if len(row.operands) < 3]


def ufunc_names(table):
    """(name, row) for each ufunc of NumPy that is an operator, by each of its names."""
    return [(name, row) for row in table.elementwise if row.ufunc
            for name in (row.numpy,) + row.aliases]


def guarded(name, body):
    guard = f"CDIFF_{name.upper()}_H"
    return f"{NOTICE}#ifndef {guard}\n#define {guard}\n\n{body}\n#endif\n"


# --- codes and rules ------------------------------------------------------------------------------

def codes(table):
    """(enum constant, code) for all operators, with the two counts in between."""
    names = table.names()
    pairs = [(constant(name), code) for code, name in enumerate(names)]
    count = len(table.elementwise)
    pairs.insert(count, ("N_ELEMENTWISE", count))
    local = len(unary_or_binary(table.elementwise))
    pairs.insert(local, ("N_LOCAL", local))
    return pairs + [("N_OPS", len(names))]


def ops_header(table):
    enum = "".join(f"    {name} = {code},\n" for name, code in codes(table))
    return guarded("ops", f"""enum {{
{enum}}};

/* What a partial is: nothing to do, a copy, a sign change, or a product. */
enum {{ PARTIAL_ZERO = 0, PARTIAL_ONE = 1, PARTIAL_MINUS_ONE = 2, PARTIAL_GENERAL = 3 }};
enum {{ COMPLEX_REFUSED = 0, COMPLEX_HOLOMORPHIC = 1, COMPLEX_MADE = 2 }};

extern const char *const OP_NAMES[N_OPS];
extern const unsigned char OP_NARGS[N_OPS]; /* 255: any number */
extern const unsigned char OP_PARTIAL[N_ELEMENTWISE][2];
/* What partial k reads: 1 = a, 2 = b, 4 = y. */
extern const unsigned char OP_SAVES[N_ELEMENTWISE][2];
/* How it takes complex operands: not at all, by partials that hold for them, or as another
 * expression (MADE_COMPLEX). */
extern const unsigned char OP_COMPLEX[N_ELEMENTWISE];
/* The operator whose value at the same operand groups compute together with this one's; 0: none. */
extern const unsigned short OP_PAIR[N_ELEMENTWISE];
/* Whether its value kernel gives the same bits in every table: it rounds once or never, and there
 * is no kernel of AVX-512 alone. */
extern const unsigned char OP_SAME_EVERYWHERE[N_ELEMENTWISE];
/* The operator that a ufunc of NumPy is. */
typedef struct {{ const char *name; unsigned short op; }} UfuncName;
extern const UfuncName UFUNC_NAMES[{len(ufunc_names(table))}];
/* Structural: bit i is set if a derivative reads the value of operand i. */
extern const unsigned int STRUCT_SAVES[N_OPS];
""")


def rules_header():
    return guarded("rules", """#include <stdint.h>

#include "ops.h"

/* Partials as programs over slots: 0 = a, 1 = b, 2 = y, 3 + i = result of step i,
 * negative s = RULE_CONST[-1 - s]. Operands that an operator does not have are 0. */
typedef struct { uint16_t op; int16_t a, b, c; } RuleStep;
typedef struct { uint16_t start; uint8_t nsteps; int16_t result; } Rule;

extern const Rule RULES[N_ELEMENTWISE][2];
extern const Rule COMPLEX_RULES[N_ELEMENTWISE][2];
extern const RuleStep RULE_STEPS[];
extern const double RULE_CONST[];
""")


class RuleTable:
    """Collects the bytecode of all partials; constants are shared."""

    def __init__(self):
        self.steps = []
        self.constants = []

    def slot(self, arg):
        if isinstance(arg, str):
            return SLOTS[arg]
        if isinstance(arg, int):
            return 3 + arg
        if arg not in self.constants:
            self.constants.append(arg)
        return -1 - self.constants.index(arg)

    def add(self, program):
        start = len(self.steps)
        for op, args in program.steps:
            slots = [str(self.slot(arg)) for arg in args] + ["0"] * (3 - len(args))
            self.steps.append(f"    {{{constant(op)}, {', '.join(slots)}}},\n")
        return f"{{{start}, {len(program.steps)}, {self.slot(program.result)}}}"


def saves(program):
    return sum(1 << slot for name, slot in SLOTS.items() if program.reads(name))


def pair(items, missing):
    items = list(items)
    return "{" + ", ".join(map(str, items + [missing] * (2 - len(items)))) + "}"


def tables_header(table):
    """Definitions of everything ops.h and rules.h declare; included by one C file only."""
    names = table.names()
    nargs = {row.name: len(row.operands) for row in table.elementwise}
    nargs.update((row.name, row.nargs) for row in table.structural)
    nargs["call"] = 255
    reads = {row.name: row.saves for row in table.structural_rules}
    rules = RuleTable()
    partial, saved, rule, complex_rule = [], [], [], []
    for row in table.elementwise:
        # The core differentiates `where` structurally; its operands do not fit the two slots.
        programs = row.partials if len(row.operands) < 3 else []
        other = GENERAL if len(row.operands) > 2 else ZERO
        partial.append(f"    {pair(map(kind, programs), other)}, /* {row.name} */\n")
        saved.append(f"    {pair(map(saves, programs), 0)},\n")
        rule.append(f"    {pair(map(rules.add, programs), '{0, 0, 0}')},\n")
        complex_rule.append(rule[-1] if not row.complex_d else
                            f"    {pair(map(rules.add, row.complex_partials), '{0, 0, 0}')},\n")
    pairs = "".join(f"    [{constant(row.name)}] = {constant(row.pair)},\n"
                    for row in table.elementwise if row.pair)
    ufuncs = (f'{{"{name}", {constant(row.name)}}}' for name, row in ufunc_names(table))
    numbers = ", ".join(map(repr, rules.constants))
    return NOTICE + f"""#include "ops.h"
#include "rules.h"

const char *const OP_NAMES[N_OPS] = {{
{wrap(f'"{name}"' for name in names)}}};
const unsigned char OP_NARGS[N_OPS] = {{
{wrap(str(nargs.get(name, 0)) for name in names)}}};
const unsigned int STRUCT_SAVES[N_OPS] = {{
{wrap(f'{reads.get(name, 0)}u' for name in names)}}};
const unsigned char OP_PARTIAL[N_ELEMENTWISE][2] = {{
{''.join(partial)}}};
const unsigned char OP_SAVES[N_ELEMENTWISE][2] = {{
{''.join(saved)}}};
const unsigned char OP_COMPLEX[N_ELEMENTWISE] = {{
{wrap(complex_kind(row) for row in table.elementwise)}}};
const unsigned short OP_PAIR[N_ELEMENTWISE] = {{
{pairs}}};
const unsigned char OP_SAME_EVERYWHERE[N_ELEMENTWISE] = {{
{wrap(str(int(row.light and row.name not in BETTER_WIDE)) for row in table.elementwise)}}};
const UfuncName UFUNC_NAMES[] = {{
{wrap(ufuncs)}}};
const double RULE_CONST[] = {{{numbers}}};
const RuleStep RULE_STEPS[] = {{
{''.join(rules.steps)}}};
const Rule RULES[N_ELEMENTWISE][2] = {{
{''.join(rule)}}};
const Rule COMPLEX_RULES[N_ELEMENTWISE][2] = {{
{''.join(complex_rule)}}};
"""


def complex_kind(row):
    if row.holomorphic:
        return "COMPLEX_HOLOMORPHIC"
    return "COMPLEX_MADE" if row.complex else "COMPLEX_REFUSED"


def wrap(items):
    """Comma-separated items in lines of readable length."""
    lines, line = [], "   "
    for item in items:
        if len(line) + len(item) > 96:
            lines.append(line)
            line = "   "
        line += f" {item},"
    return "\n".join(lines + [line]) + "\n"


# --- scalar functions -----------------------------------------------------------------------------

def value_expression(row):
    """The value as a C expression of a, b (c), unless the row is made of other rows."""
    return row.c if row.c is not None else f"cdm_{row.name}({', '.join(row.operands)})"


def c_argument(arg):
    if isinstance(arg, int):
        return f"t{arg}"
    return repr(arg) if isinstance(arg, float) else arg


def call(op, args, arity):
    """A call of another row's scalar value; unary rows take an idle second operand."""
    args = [c_argument(arg) for arg in args]
    if arity[op] == 1:
        args.append("0.0")
    return f"sv_{op}({', '.join(args)})"


def statements(program, arity, indent="    "):
    """C statements that compute the steps of a program into t0, t1, ..."""
    return "".join(f"{indent}const double t{i} = {call(op, args, arity)};\n"
                   for i, (op, args) in enumerate(program.steps))


def scalar_value(row, arity):
    params = "double c, double a, double b" if len(row.operands) == 3 else "double a, double b"
    inline = "CDIFF_LIGHT" if row.light else "CDIFF_HEAVY"
    idle = "    (void)b;\n" if len(row.operands) == 1 else ""
    if row.program is not None:
        body = statements(row.program, arity) + f"    return {c_argument(row.program.result)};\n"
    else:
        body = f"    return {value_expression(row)};\n"
    return f"{inline} double sv_{row.name}({params}) {{\n{idle}{body}}}\n"


def scalar_partial(row, k, arity):
    program = row.partials[k]
    idle = "".join(f"    (void){name};\n" for name in SLOTS if not program.reads(name))
    return (f"CDIFF_LIGHT double sp{k}_{row.name}(double a, double b, double y) {{\n"
            f"{idle}{statements(program, arity)}    return {c_argument(program.result)};\n}}\n")


def values_header(table):
    """sv_<name>(a, b) and sp<k>_<name>(a, b, y): values and single partials."""
    arity = {row.name: len(row.operands) for row in table.elementwise}
    prototypes, values, partials = [], [], []
    for row in table.elementwise:
        values.append(scalar_value(row, arity))
        prototypes.append(values[-1].split(" {")[0] + ";\n")
        if len(row.operands) < 3:
            partials += [scalar_partial(row, k, arity) for k in range(len(row.partials))]
    return guarded("values", f"""#include "../loops/kernel_table.h"
#include "../math/all.h"
#include "../math/sinc_derivative.h"

{''.join(prototypes)}
{''.join(values)}
{''.join(partials)}""")


def scalar_header(table):
    """The value with all partials in one call, and the tables over operator codes."""
    functions, value, both, single = [], [], [], []
    for row in table.elementwise:
        entry = constant(row.name)
        if len(row.operands) > 2:
            continue
        partials = "".join(f"    d[{k}] = sp{k}_{row.name}(a, b, y);\n"
                           for k in range(len(row.partials)))
        if len(row.operands) == 1:
            partials += "    d[1] = 0.0;\n"
        functions.append(f"static inline double sd_{row.name}(double a, double b, double *d)\n{{\n"
                         f"    const double y = sv_{row.name}(a, b);\n"
                         f"{partials}    return y;\n}}\n")
        value.append(f"    [{entry}] = sv_{row.name},\n")
        both.append(f"    [{entry}] = sd_{row.name},\n")
        names = [f"sp{k}_{row.name}" for k in range(len(row.partials))]
        single.append(f"    [{entry}] = {pair(names, 'NULL')},\n")
    return guarded("scalar", f"""/* One value at a time: see math/all.h. */
#define CDM_SCALAR 1
#include "ops.h"
#include "values.h"

{''.join(functions)}
/* NULL where an operator has more than two operands. */
typedef double (*scalar_fn)(double a, double b);
typedef double (*scalar_dfn)(double a, double b, double *d);
typedef double (*scalar_pfn)(double a, double b, double y);

static const scalar_fn SCALAR_VALUE[N_ELEMENTWISE] = {{
{''.join(value)}}};
static const scalar_dfn SCALAR_PARTIALS[N_ELEMENTWISE] = {{
{''.join(both)}}};
/* One partial alone, given the value y: for an operator with one tracked operand. */
static const scalar_pfn SCALAR_PARTIAL[N_ELEMENTWISE][2] = {{
{''.join(single)}}};
""")
