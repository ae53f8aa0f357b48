"""The language of the operator table: expressions to straight-line programs, and closure.

Parses the strings of optable.py through `ast` into short programs of table operators, with common
subexpressions shared, and refuses whatever is outside the language with a message that names the
row.  It knows the table's form only; it must not know C, Cython or any single operator.
"""

import ast
import math

COMPARISONS = {ast.Lt: "less", ast.LtE: "less_equal", ast.Gt: "greater", ast.GtE: "greater_equal",
               ast.Eq: "equal", ast.NotEq: "not_equal"}
ARITHMETIC = {ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide"}


class TableError(Exception):
    """A row that breaks the rules of the table."""


class Program:
    """Steps `(operator, arguments)` over operands, earlier steps and constants.

    An argument is an operand's name, an int (index of an earlier step) or a float (a constant);
    `result` is one of these.
    """

    def __init__(self, steps, result):
        self.steps = steps
        self.result = result

    def arguments(self):
        """Everything that is read: by a step, or as the result."""
        return [arg for _, args in self.steps for arg in args] + [self.result]

    def reads(self, name):
        """Does the program read this operand?"""
        return name in self.arguments()


class Parser:
    """One expression of one row; `label` introduces every complaint."""

    def __init__(self, arity, names, label):
        self.arity = arity
        self.names = names
        self.label = label
        self.steps = []
        self.index = {}

    def fail(self, message):
        raise TableError(f"{self.label}: {message}")

    def parse(self, text):
        try:
            tree = ast.parse(text, mode="eval").body
        except SyntaxError as error:
            self.fail(f"not an expression ({error.msg})")
        return self.prune(self.visit(tree))

    def emit(self, op, *args):
        if len(args) != self.arity[op]:
            self.fail(f"{op} takes {self.arity[op]} operands, not {len(args)}")
        key = (op, tuple((type(arg), arg) for arg in args))
        if key not in self.index:
            self.index[key] = len(self.steps)
            self.steps.append((op, args))
        return self.index[key]

    def visit(self, node):
        if isinstance(node, ast.Constant):
            return self.number(node.value)
        if isinstance(node, ast.Name):
            if node.id not in self.names:
                self.fail(f"{node.id} is not an operand ({', '.join(self.names)})")
            return node.id
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            value = self.visit(node.operand)
            return -value if isinstance(value, float) else self.emit("negative", value)
        if isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
            return self.emit(ARITHMETIC[type(node.op)], self.visit(node.left),
                             self.visit(node.right))
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            compare = COMPARISONS.get(type(node.ops[0]))
            if compare:
                return self.emit(compare, self.visit(node.left), self.visit(node.comparators[0]))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            if node.func.id not in self.arity:
                self.fail(f"{node.func.id} is not a row of the table")
            return self.emit(node.func.id, *[self.visit(arg) for arg in node.args])
        return self.fail(f"{ast.unparse(node)} is outside the language")

    def number(self, value):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.fail(f"{value!r} is not a number")
        if not math.isfinite(value):
            self.fail("constants must be finite")
        return float(value)

    def prune(self, result):
        """Drop steps that folding a constant left unused."""
        used = set()
        pending = [result]
        while pending:
            arg = pending.pop()
            if isinstance(arg, int) and arg not in used:
                used.add(arg)
                pending.extend(self.steps[arg][1])
        order = {old: new for new, old in enumerate(sorted(used))}

        def renumber(arg):
            return order[arg] if isinstance(arg, int) else arg

        steps = [(op, tuple(map(renumber, args))) for op, args in
                 (self.steps[old] for old in sorted(used))]
        return Program(steps, renumber(result))


def compile_row(row, arity):
    """Parse a row's partials and value; stored on the row as `partials` and `program`."""
    label = f'row "{row.name}"'
    if len(row.d) != len(row.operands):
        raise TableError(f"{label}: {len(row.d)} partials for {len(row.operands)} operands")
    if row.c is not None and row.value is not None:
        raise TableError(f"{label}: both a C value and a value in the language")
    names = row.operands + ("y",)
    row.partials = [Parser(arity, names, f'{label}, partial {k} ("{d}")').parse(d)
                    for k, d in enumerate(row.d)]
    row.complex_partials = [Parser(arity, names, f'{label}, complex partial ("{d}")').parse(d)
                            for d in row.complex_d] or row.partials
    if len(row.complex_partials) != len(row.partials):
        raise TableError(f"{label}: {len(row.complex_d)} complex partials for {len(row.d)}")
    row.program = None
    if row.value is not None:
        parser = Parser(arity, row.operands, f'{label}, value ("{row.value}")')
        row.program = parser.parse(row.value)
    for field in ("domain", "kink"):
        text = getattr(row, field)
        if text is not None:
            Parser(arity, names, f'{label}, {field} ("{text}")').parse(text)
    if not row.doc or not row.samples:
        raise TableError(f"{label}: a row needs a doc line and samples")
    for point in row.samples + row.edges + tuple(p for p, _ in row.at_kink):
        if len(point) != len(row.operands):
            raise TableError(f"{label}: sample {point} does not fit the operands")


def check_values(rows):
    """A value in the language must not come back to itself."""
    by_name = {row.name: row for row in rows}

    def visit(name, path):
        if name in path:
            raise TableError(f'row "{name}": its value refers to itself')
        program = by_name[name].program
        for op, _ in program.steps if program else ():
            visit(op, path + (name,))

    for row in rows:
        visit(row.name, ())


def check_pairs(rows):
    """A pair is two functions of src/math of one operand."""
    heavy = {row.name for row in rows if len(row.operands) == 1 and row.c is row.value is None}
    for row in rows:
        if row.pair is not None and not {row.name, row.pair} <= heavy:
            raise TableError(f'row "{row.name}": no pair with "{row.pair}"')


def check_complex(rows):
    """The partials of a row that takes complex operands must do so too, and read no more."""
    takes = {row.name for row in rows if row.holomorphic or row.complex}
    for row in rows:
        for real, found in zip(row.partials, row.complex_partials, strict=True):
            refused = {op for op, _ in found.steps} - takes
            if row.holomorphic and refused:
                raise TableError(f'row "{row.name}": {min(refused)} takes no complex operands')
            if any(found.reads(name) and not real.reads(name) for name in row.operands + ("y",)):
                raise TableError(f'row "{row.name}": its complex partial reads more')


def compile_elementwise(rows):
    """Check and parse all elementwise rows: after this the table is closed."""
    arity = {}
    for row in rows:
        if row.name in arity:
            raise TableError(f'row "{row.name}" appears twice')
        arity[row.name] = len(row.operands)
    for row in rows:
        compile_row(row, arity)
    check_values(rows)
    check_pairs(rows)
    check_complex(rows)
    return rows
