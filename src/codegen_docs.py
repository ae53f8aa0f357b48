"""The operator table as a page of the documentation.

Knows the rows; everything on the page is a field of a row, so the page cannot disagree with the
code.
"""

HEAD = """# The operators

Generated from `src/optable.py` by `python src/codegen.py --docs`; do not edit.

A partial derivative is written over the operands `a`, `b` and the result `y`, in the operators
themselves. `zmul(a, b)` is a product in which a zero absorbs anything; `safe_divide(a, b)` is 0
where `b == 0`; comparisons are worth 0 or 1. A condition in the column *kinks* says where the
function has no derivative; what the table gives there is listed under
[conventions](#conventions).
"""


def code(text):
    return "`" + text.replace("|", "\\|") + "`" if text else ""


def elementwise_line(row):
    partials = "<br>".join(code(d) for d in row.d)
    names = [f"numpy.{row.numpy}" if row.numpy else None, row.scipy]
    same = "<br>".join(code(name) for name in names if name)
    operands = ", ".join(row.operands)
    return (f"| {code(f'{row.name}({operands})')} | {row.doc} | {partials} | {code(row.domain)} "
            f"| {code(row.kink)} | {same} |\n")


def elementwise_table(rows):
    head = ("| operator | value | partials | domain | kinks | the same in |\n"
            "|---|---|---|---|---|---|\n")
    return head + "".join(map(elementwise_line, rows))


def conventions_table(rows):
    lines = ["| operator | at | partials |\n|---|---|---|\n"]
    for row in rows:
        for point, partials in row.at_kink:
            at = ", ".join(f"{p:g}" for p in point)
            lines.append(f"| {code(row.name)} | {at} | {', '.join(f'{d:g}' for d in partials)} |\n")
    return "".join(lines)


def structural_line(row):
    adjoint = "<br>".join(code(text) for text in row.adjoint)
    tangent = "linear" if row.linear else "multilinear" if row.multilinear else code(row.tangent)
    form = ", ".join(row.operands)
    form += "; " + ", ".join(row.attributes) if row.attributes else ""
    return f"| {code(f'{row.name}({form})')} | {row.doc} | {adjoint} | {tangent} |\n"


def operator_page(table, macros):
    """The whole page."""
    public = [row for row in table.elementwise if row.public]
    helpers = [row for row in table.elementwise if not row.public]
    structural = "".join(map(structural_line, table.structural_rules))
    shorthand = {f"{row.name}({', '.join(row.operands + row.attributes)})": row.made_of
                 for row in table.fused}
    shorthand.update(macros)
    shorthand = "".join(f"| {code(head)} | {code(body)} |\n" for head, body in shorthand.items())
    return f"""{HEAD}
## Elementwise

{elementwise_table(public)}
## Elementwise, made for derivatives

{elementwise_table(helpers)}
## Conventions

{conventions_table(table.elementwise)}
## Structural

`g` is the cotangent of the result, `ta` and `tb` are the tangents of the operands.

| operator | value | adjoint of each operand | tangent |
|---|---|---|---|
{structural}
Abbreviations in this table:

| | |
|---|---|
{shorthand}"""
