"""The cases of the interpreter: interpreter_cases.h, one line for each elementwise row.

Knows the parsed rows and the names that interpreter_loop.h gives to operands.  Light operators are
expressions there; a heavy one is a call of the one compiled copy of its value.
"""

from codegen_c import NOTICE, constant

OPERANDS = "ABC"


def value(row):
    """The value as a C expression of A, B, C."""
    operands = list(OPERANDS[: len(row.operands)])
    if len(operands) == 1:
        operands.append("0.0")
    function = f"sv_{row.name}" if row.light else f"cdiff_heavy[{constant(row.name)}]"
    return f"{function}({', '.join(operands)})"


def cases_header(table):
    """CODE(name, operator code, value) of every elementwise row."""
    lines = "".join(f"CODE({row.name}, {constant(row.name)}, {value(row)})\n"
                    for row in table.elementwise)
    return f"{NOTICE}/* Included more than once: see interpreter_loop.h. */\n{lines}"
