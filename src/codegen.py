"""The build step that turns the operator table into code.

    python src/codegen.py                 write src/generated/* and cdiff/_core.pyi
    python src/codegen.py --docs PATH     write the operator table as Markdown

Checks the table first: a row that is outside the language, calls something that is no row or has
the wrong number of operands stops the build with a message that names it.  Knows only the table and
its own sibling modules.  Output depends on nothing but the table, and files that did not change are
left alone, so builds stay incremental.
"""

import argparse
import os
import re
import sys

import optable
from codegen_c import ops_header, rules_header, scalar_header, tables_header, values_header
from codegen_cython import ops_pxi, structural_pxi, stub
from codegen_docs import operator_page
from codegen_interpreter import cases_header
from codegen_kernels import kernels_header
from codegen_rules import TableError, compile_elementwise
from codegen_struct import compile_structural

HERE = os.path.dirname(os.path.abspath(__file__))


class Table:
    """All rows, checked and parsed.

    `structural_rules` are the rows with structural derivatives; `structural` leaves out those
    whose value is elementwise (where).
    """

    def __init__(self, elementwise, structural, fused, macros, bookkeeping, helpers):
        # Three operands last: whatever comes before keeps its partials in two slots of the node.
        self.elementwise = compile_elementwise(elementwise)
        self.elementwise.sort(key=lambda row: len(row.operands) > 2)
        self.structural_rules = compile_structural(elementwise, structural, fused, macros,
                                                   helpers)
        self.fused = fused
        names = {row.name for row in elementwise}
        self.structural = [row for row in structural if row.name not in names]
        self.bookkeeping = bookkeeping

    def names(self):
        """The names of all operator codes, in order."""
        rows = self.elementwise + self.structural
        return [row.name for row in rows] + list(self.bookkeeping)


def read(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return file.read()


def helpers():
    """The names of attrs.pxi, which structural rules may call."""
    return set(re.findall(r"^cdef \w+ (\w+)\(", read("values/attrs.pxi"), re.MULTILINE))


def load():
    """The table of this project."""
    return Table(optable.ELEMENTWISE, optable.STRUCTURAL, optable.FUSED, optable.MACROS,
                 optable.BOOKKEEPING, helpers())


def files(table):
    """Name and text of every generated file."""
    return {
        "ops.h": ops_header(table),
        "rules.h": rules_header(),
        "ops_tables.h": tables_header(table),
        "values.h": values_header(table),
        "scalar.h": scalar_header(table),
        "kernels.h": kernels_header(table),
        "interpreter_cases.h": cases_header(table),
        "ops.pxi": ops_pxi(table),
        "structural_rules.pxi": structural_pxi(table),
    }


def write_if_changed(path, text):
    """Write a file unless it holds exactly this already; returns whether it was written."""
    try:
        with open(path, encoding="utf-8") as file:
            if file.read() == text:
                return False
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return True


def generate(folder, stub_path=None):
    """Write all generated files into a folder; returns the names of those that changed."""
    table = load()
    targets = {os.path.join(folder, name): text for name, text in files(table).items()}
    if stub_path:
        targets[stub_path] = stub(table, read("core_stub.pyi"))
    return [os.path.basename(path) for path, text in targets.items()
            if write_if_changed(path, text)]


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--docs", metavar="PATH", help="write the operator table there instead")
    options = parser.parse_args(argv)
    try:
        if options.docs:
            page = operator_page(load(), optable.MACROS)
            changed = [options.docs] if write_if_changed(options.docs, page) else []
        else:
            changed = generate(os.path.join(HERE, "generated"),
                               os.path.join(HERE, "..", "cdiff", "_core.pyi"))
    except TableError as error:
        sys.exit(f"optable.py: {error}")
    print(f"codegen: {', '.join(changed) or 'nothing changed'}")


if __name__ == "__main__":
    main()
