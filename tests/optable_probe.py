"""The generated C, compiled by itself: scalar functions and array kernels behind ctypes.

For the tests of the operator table only; needs a C compiler and nothing of the built package.
"""

import ctypes
import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np

SRC = Path(__file__).resolve().parent.parent / "src"
sys.path.insert(0, str(SRC))

import codegen  # noqa: E402

FLAGS = ["-fno-math-errno", "-fno-trapping-math", "-fopenmp-simd", "-fPIC", "-shared"]

PROBE = """
#include <stddef.h>
#include "generated/ops_tables.h"
#include "generated/scalar.h"

double probe_value(int op, double a, double b) { return SCALAR_VALUE[op](a, b); }
double probe_partials(int op, double a, double b, double *d)
{
    return SCALAR_PARTIALS[op](a, b, d);
}
double probe_partial(int op, int k, double a, double b, double y)
{
    return SCALAR_PARTIAL[op][k](a, b, y);
}
const char *probe_isa(void) { return kernels_select()->isa; }
void kernel_value(int op, int64_t n, double *out, const double *a, const double *b, int64_t sa,
                  int64_t sb)
{
    kernels_select()->value[op](n, out, a, b, sa, sb);
}
int kernel_adjoint(int op, int k, int64_t n, double *out, const double *g, const double *a,
                   const double *b, const double *y, int64_t sg, int64_t sa, int64_t sb, int acc)
{
    adj_fn f = kernels_select()->adjoint[op][k];
    if (f)
        f(n, out, g, a, b, y, sg, sa, sb, acc);
    return f != NULL;
}
void kernel_where(int64_t n, double *out, const double *c, const double *a, const double *b,
                  int64_t sc, int64_t sa, int64_t sb)
{
    kernels_select()->where(n, out, c, a, b, sc, sa, sb);
}
int rule_steps(int op, int k) { return RULES[op][k].nsteps; }
int rule_result(int op, int k) { return RULES[op][k].result; }
void rule_step(int op, int k, int i, int *out)
{
    const RuleStep s = RULE_STEPS[RULES[op][k].start + i];
    out[0] = s.op, out[1] = s.a, out[2] = s.b, out[3] = s.c;
}
double rule_constant(int i) { return RULE_CONST[i]; }
int op_fact(int op, int k, int which)
{
    return which ? OP_SAVES[op][k] : OP_PARTIAL[op][k];
}
"""


def pointer(x):
    return None if x is None else x.ctypes.data_as(ctypes.POINTER(ctypes.c_double))


class Compiled:
    """The generated C of the table, for the best instruction set of this machine."""

    def __init__(self, folder):
        codegen.generate(str(folder / "generated"))
        for name in (*sorted(p.name for p in SRC.glob("*.h")), "loops", "math"):
            os.symlink(SRC / name, folder / name)
        (folder / "probe.c").write_text(PROBE)
        sources = [folder / "probe.c"]
        for name in sorted(SRC.glob("loops/kernels_*.c")):
            sources.append(folder / name.name)
            sources[-1].write_text(f'#include "loops/{name.name}"\n')
        compiler = shlex.split(sysconfig.get_config_var("CC") or "cc")
        jobs = []
        for source in sources:
            level = "-Os" if source.name == "kernels_baseline.c" else "-O2"  # as the package
            flags = [level, *FLAGS[:-1], "-I."]
            command = [*compiler, *flags, "-c", source.name, "-o", source.stem + ".o"]
            jobs.append(subprocess.Popen(command, cwd=folder))
        assert [job.wait() for job in jobs] == [0] * len(jobs)
        objects = [source.stem + ".o" for source in sources]
        subprocess.run([*compiler, "-shared", *objects, "-o", "probe.so", "-lm"], cwd=folder,
                       check=True)
        self.lib = ctypes.CDLL(str(folder / "probe.so"))
        number = ctypes.c_double
        self.lib.probe_value.restype = self.lib.probe_partials.restype = number
        self.lib.probe_partial.restype = self.lib.rule_constant.restype = number
        self.lib.probe_isa.restype = ctypes.c_char_p
        self.table = codegen.load()
        self.rows = {row.name: row for row in self.table.elementwise}
        self.codes = {row.name: code for code, row in enumerate(self.table.elementwise)}
        self.names = [row.name for row in self.table.elementwise]

    def value(self, name, *point):
        a, b = (*point, 0.0)[:2]
        return self.lib.probe_value(self.codes[name], ctypes.c_double(a), ctypes.c_double(b))

    def partials(self, name, *point):
        a, b = (*point, 0.0)[:2]
        d = (ctypes.c_double * 2)()
        self.lib.probe_partials(self.codes[name], ctypes.c_double(a), ctypes.c_double(b), d)
        return tuple(d)[: len(point)]

    def partial(self, name, k, a, b, y):
        return self.lib.probe_partial(self.codes[name], k, *map(ctypes.c_double, (a, b, y)))

    def kernel(self, name, n, a, b, sa=1, sb=1, out=None):
        out = np.empty(n) if out is None else out
        size = ctypes.c_int64
        self.lib.kernel_value(self.codes[name], size(n), pointer(out), pointer(a), pointer(b),
                              size(sa), size(sb))
        return out

    def adjoint(self, name, k, n, out, g, a, b, y, strides=(1, 1, 1), acc=0):
        size = ctypes.c_int64
        return self.lib.kernel_adjoint(
            self.codes[name], k, size(n), pointer(out), pointer(g), pointer(a), pointer(b),
            pointer(y), *map(size, strides), acc)

    def rule(self, name, k):
        """The bytecode of a partial: (steps, result)."""
        op, steps = self.codes[name], []
        for i in range(self.lib.rule_steps(op, k)):
            out = (ctypes.c_int * 4)()
            self.lib.rule_step(op, k, i, out)
            steps.append(tuple(out))
        return steps, self.lib.rule_result(op, k)
