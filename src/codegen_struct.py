"""Structural rows to Cython: adjoint and tangent functions on nodes.

Expands the macros of the table, decides which expressions are nodes and which are plain values,
shares common subexpressions, and turns products with a cotangent or tangent into zmul.  Knows the
table's form, the names of the core's appliers and the helpers in attrs.pxi; it must not know what
any operator computes.  The emitted rules cost one call per operator in them and nothing else.
"""

import ast
import copy
import re

from codegen_c import constant
from codegen_rules import ARITHMETIC, COMPARISONS, TableError

# Helpers that give constant arrays: their first argument tells the form, or is read with `y`.
ARRAY_HELPERS = ("unit_along", "half_lower", "half_weights", "shares", "clip_weights")
LIST_HELPERS = ("others", "einsum_constants")
NOTHING = None  # the value of a term whose tangent is absent


class Value:
    """An emitted expression: a node, or a plain value; `seeded` if it is linear in the seed."""

    def __init__(self, text, array, seeded=False, number=None):
        self.text = text
        self.array = array
        self.seeded = seeded
        self.number = number


class Expander(ast.NodeTransformer):
    """Replaces calls of macros by their bodies."""

    def __init__(self, macros):
        self.macros = macros

    def visit_Call(self, node):
        self.generic_visit(node)
        if not isinstance(node.func, ast.Name) or node.func.id not in self.macros:
            return node
        params, body = self.macros[node.func.id]
        if len(params) != len(node.args):
            raise TableError(f"macro {node.func.id} takes {len(params)} arguments")
        arguments = dict(zip(params, node.args, strict=True))
        return self.visit(Substituter(arguments).visit(copy.deepcopy(body)))


class Substituter(ast.NodeTransformer):
    def __init__(self, arguments):
        self.arguments = arguments

    def visit_Name(self, node):
        return copy.deepcopy(self.arguments[node.id]) if node.id in self.arguments else node


def parse_macros(macros):
    parsed = {}
    for head, text in macros.items():
        call = ast.parse(head, mode="eval").body
        parsed[call.func.id] = [arg.id for arg in call.args], ast.parse(text, mode="eval").body
    return parsed


class Language:
    """What a structural expression may call."""

    def __init__(self, elementwise, structural, macros, helpers):
        self.arity = {row.name: len(row.operands) for row in elementwise}
        self.structural = {row.name: row for row in structural}
        self.expander = Expander(parse_macros(macros))
        self.helpers = helpers

    def parse(self, text, label):
        try:
            return self.expander.visit(ast.parse(text, mode="eval").body)
        except SyntaxError as error:
            raise TableError(f"{label}: not an expression ({error.msg})") from None


class Emitter:
    """Emits one expression as a sequence of statements.

    `seed` is the name that the expression is linear in ("g", or the tangent of one operand); other
    tangents count as absent.  `reads` collects the operands that are looked at, `loads` all
    variables that must be set before.  `own` is the operand that the seed belongs to.
    """

    def __init__(self, language, row, seed, own, label):
        self.language = language
        self.row = row
        self.seed = seed
        self.own = own
        self.label = label
        self.lines = []
        self.names = {}
        self.reads = set()
        self.loads = set()

    def fail(self, message):
        raise TableError(f"{self.label}: {message}")

    def store(self, text, seeded):
        """A statement for an array expression; the same text is computed once."""
        if text not in self.names:
            self.names[text] = f"v{len(self.names)}"
            self.lines.append(f"{self.names[text]} = {text}")
        return Value(self.names[text], True, seeded)

    def visit(self, node):
        method = getattr(self, "visit_" + type(node).__name__, None)
        if method is None:
            self.fail(f"{ast.unparse(node)} is outside the language")
        return method(node)

    def array(self, node):
        """An operand that must be a node; numbers become constants."""
        value = self.visit(node)
        if value is NOTHING:
            return NOTHING
        if value.number is not None:
            return Value(f"const({float(value.number)!r})", True)
        if not value.array:
            self.fail(f"{ast.unparse(node)} is not an array")
        return value

    def plain(self, node):
        value = self.visit(node)
        if value is NOTHING or value.array:
            self.fail(f"{ast.unparse(node)} is not a plain value")
        return value.text

    def visit_Constant(self, node):
        number = node.value if type(node.value) in (int, float) else None
        return Value(repr(node.value), False, number=number)

    def visit_Name(self, node):
        name = node.id
        tangents = ["t" + operand for operand in self.row.operands]
        if name in tangents or name == "g":
            if name != self.seed:
                return NOTHING
            self.loads.add(name)
            return Value(name, True, True)
        if name == "y":
            return Value("y", True)
        if name in self.row.operands:
            self.loads.add(name)
            self.reads.add(name)
            return Value(name, True)
        if name == "k" or name == "xs" and "*xs" in self.row.operands:
            self.loads.add(name)
            return Value(name, False)
        if name in self.row.attributes:
            self.loads.add(name)
            return Value(name, False)
        return self.fail(f"{name} is neither an operand nor an attribute")

    def visit_Tuple(self, node):
        items = "".join(self.plain(item) + ", " for item in node.elts)
        return Value(f"({items.strip()})", False)

    def visit_Subscript(self, node):
        return Value(f"{self.plain(node.value)}[{self.plain(node.slice)}]", False)

    def visit_UnaryOp(self, node):
        if isinstance(node.op, ast.Not):
            text = self.plain(node.operand)
            known = {"True": "False", "False": "True"}.get(text, f"not {text}")
            return Value(known.removeprefix("not not "), False)
        if not isinstance(node.op, ast.USub):
            self.fail(f"{ast.unparse(node)} is outside the language")
        value = self.array(node.operand)
        return value and self.store(f"ew1(OP_NEGATIVE, {value.text})", value.seeded)

    def visit_BinOp(self, node):
        left, right = self.visit(node.left), self.visit(node.right)
        if left and right and not left.array and not right.array and left.number is None:
            return Value(f"{left.text} + {right.text}", False)
        op = ARITHMETIC.get(type(node.op)) or self.fail(f"{ast.unparse(node)} is no arithmetic")
        left, right = self.array(node.left), self.array(node.right)
        return self.combine(op, left, right)

    def combine(self, op, left, right):
        """Arithmetic on arrays under the zero law and with absent terms."""
        if op in ("add", "subtract"):
            if left is NOTHING or right is NOTHING:
                if left is NOTHING and right is not NOTHING and op == "subtract":
                    return self.store(f"ew1(OP_NEGATIVE, {right.text})", right.seeded)
                return right if left is NOTHING else left
            if left.seeded != right.seeded:
                self.fail("a sum of a seeded and an unseeded term is not linear in the seed")
        elif left is NOTHING or right is NOTHING:
            return NOTHING
        elif left.seeded or right.seeded:
            if right.seeded and (left.seeded or op == "divide"):
                self.fail("not linear in the seed")
            if op == "divide":
                right = self.store(f"ew1(OP_RECIPROCAL, {right.text})", False)
            left, right, op = (left, right, "zmul") if left.seeded else (right, left, "zmul")
        return self.store(f"ew2({constant(op)}, {left.text}, {right.text})",
                          left.seeded or right.seeded)

    def visit_Compare(self, node):
        if len(node.ops) != 1:
            self.fail(f"{ast.unparse(node)} is outside the language")
        left, right = self.array(node.left), self.array(node.comparators[0])
        return self.store(f"ew2({constant(COMPARISONS[type(node.ops[0])])}, {left.text}, "
                          f"{right.text})", False)

    def visit_BoolOp(self, node):
        """`ta or z`: both sides count as seeded, whatever the seed of this emission."""
        name, other = node.values
        self.loads.add(name.id)
        fallback = self.array(other)
        text = f"{name.id} if {name.id} is not None else {fallback.text}"
        return self.store(text, True)

    def visit_Call(self, node):
        name = getattr(node.func, "id", None)
        if name in self.language.structural:
            return self.call_structural(self.language.structural[name], node)
        if name in self.language.arity:
            return self.call_elementwise(name, node)
        if name == "shape":
            return self.shape(node.args[0])
        if name == "shapes":
            self.loads.add("xs")
            self.reads.add("*xs")
            return Value("[shape_of(<Array>x) for x in xs]", False)
        if name == "dtype":
            return Value(f"typenum_of(innermost({self.unread(node.args[0])}))", False)
        if name == "zeros_like":
            return Value(f"zeros_like_node({self.array(node.args[0]).text})", True)
        if name in ARRAY_HELPERS:
            values = [self.visit(arg) for arg in node.args]
            return self.store(f"{name}({', '.join(value.text for value in values)})", False)
        if name not in self.language.helpers:
            self.fail(f"{name} is neither a row of the table nor a helper")
        return Value(f"{name}({', '.join(map(self.plain, node.args))})", False)

    def unread(self, node):
        """An operand of which only the form is looked at: for the seed's own, no value is kept."""
        before = set(self.reads)
        value = self.visit(node)
        if isinstance(node, ast.Name) and node.id == self.own:
            self.reads = before
        return value.text

    def shape(self, node):
        if isinstance(node, ast.Subscript):
            self.reads.add("*xs")
            return Value(f"shape_of(<Array>{self.plain(node)})", False)
        return Value(f"shape_of({self.unread(node)})", False)

    def call_elementwise(self, name, node):
        if len(node.args) != self.language.arity[name]:
            self.fail(f"{name} takes {self.language.arity[name]} operands")
        values = [self.array(arg) for arg in node.args]
        if NOTHING in values:
            return NOTHING
        seeded = any(value.seeded for value in values)
        if seeded and not (name in ("zmul", "safe_divide") and not values[1].seeded):
            self.fail(f"{name} is not linear in the seed")
        args = ", ".join(value.text for value in values)
        return self.store(f"ew{len(values)}({constant(name)}, {args})", seeded)

    def call_structural(self, row, node):
        count = len(node.args) - len(row.attributes)
        many = "*xs" in row.operands
        if count < 1 or not many and count != len(row.operands):
            self.fail(f"{row.name} takes {', '.join(row.operands + row.attributes)}")
        values, texts = [], []
        for arg in node.args[:count]:
            if isinstance(arg, ast.Starred):
                texts.append("*" + self.list_of(arg.value))
                continue
            values.append(self.array(arg))
            texts.append(values[-1] and values[-1].text)
        if NOTHING in values:
            return NOTHING
        attributes = [self.plain(arg) for arg in node.args[count:]]
        return self.store(apply_text(row, texts, attributes), any(v.seeded for v in values))

    def list_of(self, node):
        """A starred list of operands or constants."""
        if not isinstance(node, ast.Call) or node.func.id not in LIST_HELPERS:
            self.fail(f"*{ast.unparse(node)}: only {', '.join(LIST_HELPERS)} give lists")
        self.loads.add("xs")
        self.reads.add("*xs")
        return f"{node.func.id}({', '.join(map(self.plain, node.args))})"


def apply_text(row, operands, attributes):
    """The core's call that applies a structural operator to nodes."""
    many = "*xs" in row.operands
    if row.own_applier:
        operands = [f"[{', '.join(operands)}]"] if many else operands
        return f"apply_{row.name}({', '.join(operands + attributes)})"
    packed = f"({', '.join(attributes)},)" if attributes else "None"
    if len(operands) == 1 and not many:
        return f"apply1({constant(row.name)}, {operands[0]}, {packed})"
    return f"apply({constant(row.name)}, [{', '.join(operands)}], {packed})"


def emit(language, row, text, seed, own, label):
    """Emit one expression; what its result does not need is dropped again."""
    emitter = Emitter(language, row, seed, own, label)
    value = emitter.array(language.parse(text, label))
    if value is not NOTHING:
        if not value.seeded:
            emitter.fail(f"does not depend on {seed}")
        emitter.lines = spared(live(emitter.lines, value.text), value.text)
    return emitter, value


def live(lines, result):
    """The statements that `result` depends on."""
    needed, kept = {result}, []
    for line in reversed(lines):
        name, _, text = line.partition(" = ")
        if name in needed:
            kept.insert(0, line)
            needed.update(re.findall(r"\bv\d+\b", text))
    return kept


def spared(lines, result):
    """The statements, in which an elementwise operator may take the memory of a variable that is
    not needed any more; nor then are others, which may look at that memory."""
    uses = {name: i for i, line in enumerate([*lines, result])
            for name in re.findall(r"\bv\d+\b", line.partition(" = ")[2] or line)}
    kept, dropped = [], set()
    for i, line in enumerate(lines):
        match = re.fullmatch(r"(v\d+ = )ew[12]\((OP_\w+), ([^,()]+)(?:, ([^,()]+))?\)", line)
        last = [k for k in (0, 1) if match and uses.get(match[3 + k]) == i]
        if last and match[3] != match[4]:
            old = [name for name, use in uses.items() if use < i and name not in dropped]
            dropped.update(old)
            kept += [" = ".join([*old, "None"])] if old else []
            bits = sum(1 << k for k in last)
            line = f"{match[1]}ew_over({match[2]}, {match[3]}, {match[4]}, {bits})"
        kept.append(line)
    return kept


# --- functions ------------------------------------------------------------------------------------

def loads(emitter, row, operand, tangent):
    """Statements that set the variables an expression uses."""
    lines = []
    for i, name in enumerate(row.operands):
        if name in emitter.loads:
            lines.append(f"{name} = {operand(i)}")
        if "t" + name in emitter.loads:
            lines.append(f"t{name} = {tangent(i)}")
    lines += [f"{name} = attrs[{i}]" for i, name in enumerate(row.attributes)
              if name in emitter.loads]
    return lines


def array_names(lines):
    """Variables that hold nodes, to be declared as such."""
    found = [line.split(" = ")[0] for line in lines if " = attrs[" not in line]
    return [name for name in dict.fromkeys(found) if name != "xs"]


def function(head, blocks, tail):
    """Assemble a cdef function; blocks are (condition or None, statements)."""
    lines = [line for _, block in blocks for line in block]
    names = array_names([line for line in lines if " = " in line and not line.startswith("return")])
    body = [f"    cdef Array {', '.join(names)}"] if names else []
    for condition, block in blocks:
        indent = "    "
        if condition:
            body.append(f"    if {condition}:")
            indent += "    "
        body += [indent + line for line in block]
    return "\n".join([head] + body + ([f"    {tail}"] if tail else [])) + "\n"


def adjoint_function(language, row):
    """adj_<name>(y, g, k): the cotangent contribution to operand k; sets row.saves."""
    blocks, reads = [], []
    many = "*xs" in row.operands
    for k, text in enumerate(row.adjoint):
        label = f'row "{row.name}", adjoint {k} ("{text}")'
        reads.append(set())
        if text == "0":
            continue
        emitter, value = emit(language, row, text, "g", row.operands[k], label)
        if many and "xs" in emitter.loads:
            emitter.lines.insert(0, "xs = parents_of(y)")
        block = loads(emitter, row, lambda i: f"parent(y, {i})", None) + emitter.lines
        if any("attrs[" in line for line in block):
            block.insert(0, "attrs = y_attrs(y)")
        condition = None if len(row.adjoint) == 1 else f"k == {k}"
        blocks.append((condition, block + [f"return {value.text}"]))
        reads[-1] = emitter.reads
    row.adjoint_reads = reads
    code = function(f"cdef object adj_{row.name}(Array y, Array g, int k):", blocks,
                    "return None" if len(row.adjoint) > 1 else None)
    return code.replace("cdef Array attrs, ", "cdef Array ").replace("    cdef Array attrs\n", "")


def tangent_text(row, k):
    """The tangent as an expression, written out for linear and multilinear rows."""
    if not (row.linear or row.multilinear):
        return row.tangent
    operands = ["t" + name if i == k or row.linear else name for i, name in
                enumerate(row.operands)]
    return f"{row.name}({', '.join(operands + list(row.attributes))})"


def tangent_function(language, row):
    """tan_<name>(y, operands, tangents, attrs): the tangent of y, None for zero."""
    head = f"cdef object tan_{row.name}(Array y, tuple operands, tuple tangents, object attrs):"
    row.tangent_reads = [set() for _ in row.operands]
    if "*xs" in row.operands:
        return many_tangent(row, head)
    blocks = []
    for k, name in enumerate(row.operands):
        text = tangent_text(row, k)
        label = f'row "{row.name}", tangent ("{text}")'
        emitter, value = emit(language, row, text, "t" + name, name, label)
        if value is NOTHING:
            continue
        block = loads(emitter, row, lambda i: f"operands[{i}]", lambda i: f"tangents[{i}]")
        block += emitter.lines
        row.tangent_reads[k] = emitter.reads
        if "or" in text.split():
            row.tangent_reads = [emitter.reads] * len(row.operands)
            return function(head, [(None, block + [f"return {value.text}"])], None)
        blocks.append((f"tangents[{k}] is not None",
                       block + [f"total = add_tangents(total, {value.text})"]))
    return function(head, [(None, ["total = None"])] + blocks, "return total")


def many_tangent(row, head):
    """Rows with any number of operands are linear together or in each operand."""
    row.tangent_reads = [{"*xs"}]
    attributes = [f"attrs[{i}]" for i in range(len(row.attributes))]
    if row.linear:
        call = apply_text(row, ["*parts"], attributes).replace("[*parts]", "parts")
        return (f"{head}\n    cdef list parts = [\n"
                "        tangents[i] if tangents[i] is not None else zeros_like_part(y, attrs, i)\n"
                f"        for i in range(len(operands))]\n    return {call}\n")
    call = apply_text(row, ["*parts"], attributes).replace("[*parts]", "parts")
    return (f"{head}\n    cdef Array total = None\n    cdef list parts\n    cdef Py_ssize_t i\n"
            "    for i in range(len(operands)):\n        if tangents[i] is not None:\n"
            "            parts = list(operands)\n            parts[i] = tangents[i]\n"
            f"            total = add_tangents(total, {call})\n    return total\n")


def fused_function(language, row):
    """apply_<name>(operands): the core's own value, or the operators it is made of if tracked."""
    emitter = Emitter(language, row, None, None, f'row "{row.name}" ("{row.made_of}")')
    value = emitter.array(language.parse(row.made_of, emitter.label))
    names = ", ".join(row.operands + row.attributes)
    tracked = " or ".join(f"is_traced({name})" for name in row.operands)
    operands = ["Array " + name for name in row.operands]
    operands += ["object " + name for name in row.attributes]
    head = f"cdef Array apply_{row.name}({', '.join(operands)}):"
    return function(head, [(f"not ({tracked})", [f"return fused_{row.name}({names})"]),
                           (None, emitter.lines)], f"return {value.text}")


def complex_function(language, row):
    """complex_<name>(operands): an elementwise row for complex operands, made of others."""
    row.attributes = ()
    emitter = Emitter(language, row, None, None, f'row "{row.name}" ("{row.complex}")')
    value = emitter.array(language.parse(row.complex, emitter.label))
    operands = ", ".join("Array " + name for name in row.operands)
    return function(f"cdef Array complex_{row.name}({operands}):", [(None, emitter.lines)],
                    f"return {value.text}")


def save_bits(row):
    """Bit i is set if the derivative by some operand reads the value of operand i."""
    if "*xs" in row.operands:
        return 0 if row.linear else 0xFFFFFFFF
    reads = set().union(*row.adjoint_reads, *row.tangent_reads)
    return sum(1 << i for i, name in enumerate(row.operands) if name in reads)


def compile_structural(elementwise, structural, fused, macros, helpers):
    """Check and emit all structural rows; the code is left on the rows."""
    language = Language(elementwise, structural + fused, macros, helpers)
    for row in fused:
        row.code = fused_function(language, row)
    for row in elementwise:
        if row.complex:
            row.complex_code = complex_function(language, row)
    for row in structural:
        if len(row.adjoint) != len(row.operands):
            raise TableError(f'row "{row.name}": {len(row.adjoint)} adjoints for '
                             f"{len(row.operands)} operands")
        row.code = adjoint_function(language, row) + "\n\n" + tangent_function(language, row)
        row.saves = save_bits(row)
        row.nargs = 255 if "*xs" in row.operands else len(row.operands)
    return structural
