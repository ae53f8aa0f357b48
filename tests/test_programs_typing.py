"""Types of program instructions, and the check that lets no broken program through."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from program_values import result

from cdiff import _core
from cdiff._core import Program

DTYPES = ("?", "i1", "u1", "i4", "i8", "u8", "f4", "f8")


def applied(name: str, operands: list[Any], attrs: Any = None, **stated: Any) -> Program:
    """A program of one instruction, whose type is what NumPy gives unless it is stated."""
    program = Program()
    inputs = iter([program.input(np.asarray(x).dtype, np.shape(x)) for x in operands
                   if type(x) is not float])
    places = [program.constant(x) if type(x) is float else next(inputs) for x in operands]
    if not stated:
        value = result(name, [x if type(x) is float else np.asarray(x) for x in operands], attrs)
        stated = {"dtype": value.dtype, "shape": value.shape}
    program.outputs = [program.apply(name, places, attrs=attrs, **stated)]
    return program


def valid(program: Program) -> bool:
    try:
        program.check()
    except ValueError as error:
        assert "invalid program" in str(error)
        return False
    return True


def ones(*shape: int, dtype: Any = "f8") -> Any:
    return np.ones(shape, dtype)


EYE = np.eye(3) * 2
GOOD: list[tuple[str, list[Any], Any]] = [
    ("reshape", [ones(2, 3)], ((3, 2),)),
    ("reshape", [np.float64(1)], ((1, 1),)),
    ("transpose", [ones(2, 3, 4)], ((2, 0, 1),)),
    ("broadcast_to", [ones(3, 1)], ((2, 3, 4),)),
    ("sum_to", [ones(2, 3, 4)], ((3, 1),)),
    ("sum_to", [ones(2, 3, dtype="i4")], ((3,),)),
    ("sum", [ones(2, 3)], ((1,), True)),
    ("sum", [ones(2, 3, dtype="?")], ((0, 1), False)),
    ("prod", [ones(2, 3, dtype="u1")], ((0,), False)),
    ("max", [ones(2, 3, dtype="i4")], ((0,), False)),
    ("min", [ones(2, 3, dtype="f4")], ((0, 1), True)),
    ("logsumexp", [ones(2, 3)], ((1,), False)),
    ("norm2", [ones(2, 3, dtype="f4")], ((1,), True)),
    ("slice", [ones(4, 5)], ((3, -1, 4, 2, 1, -1),)),
    ("slice", [ones(4, 0)], ((0, 1, 4, 0, 1, 0),)),
    ("embed", [ones(3)], ((4, 6), (1, 1, -1, 1, 2, 3))),
    ("embed", [np.float64(1)], ((4,), (1, 1, 2))),
    ("index_set", [ones(4, 5), ones(5)], ((1, 1, 2, 0, 1, 5),)),
    ("gather", [ones(4, 5), np.zeros((2, 2), "i8")], None),
    ("scatter_add", [ones(2, 5), np.zeros(2, "i8")], (7,)),
    ("concatenate", [ones(2, 3), ones(1, 3, dtype="f4")], (0, (0, 2, 3))),
    ("cast", [ones(2)], (np.dtype("f4").num,)),
    ("cumsum", [ones(2, 3, dtype="i4")], (1, False)),
    ("linrec", [ones(3), ones(2, 3)], (1, True)),
    ("matmul", [ones(5, 2, 3), ones(3, 4)], None),
    ("matmul", [ones(5, 2, 3), ones(5, 3, 4, dtype="f4")], None),
    ("einsum", [ones(2, 3), ones(3, 3, 4)], ("ij,jjk->ki",)),
    ("solve", [np.stack([EYE, EYE]), ones(3, 2)], None),
    ("inv", [EYE.astype("f4")], None),
    ("det", [np.stack([EYE, EYE])], None),
    ("logabsdet", [EYE], None),
    ("cholesky", [EYE], None),
    ("where", [ones(3, dtype="?"), ones(2, 3), 1.0], None),
    ("add", [ones(3, dtype="f4"), 1.0], None),
    ("add", [ones(3, dtype="i4"), 1.0], None),
    ("divide", [ones(3, dtype="i4"), ones(2, 1, dtype="i8")], None),
    ("zmul", [ones(3), ones(2, 3)], None),
    ("less", [ones(3), 1.0], None),
    ("isnan", [ones(3, dtype="f4")], None),
]


@pytest.mark.parametrize(("name", "operands", "attrs"), GOOD,
                         ids=[f"{k}-{g[0]}" for k, g in enumerate(GOOD)])
def test_types_are_those_of_numpy(name: str, operands: list[Any], attrs: Any) -> None:
    program = applied(name, operands, attrs)
    program.check()
    _, dtype, shape, _, _ = program.instructions()[-1]
    assert not valid(applied(name, operands, attrs, dtype=dtype, shape=(*shape, 2)))
    assert not valid(applied(name, operands, attrs, dtype="i2", shape=shape))


BAD: list[tuple[str, list[Any], Any]] = [
    ("reshape", [ones(2, 3)], ((3, 3),)),
    ("reshape", [ones(2, 3)], ((-1, 6),)),
    ("reshape", [ones(2, 3)], (6,)),
    ("reshape", [ones(2, 3)], ((6,), 1)),
    ("reshape", [ones(2, 3)], None),
    ("transpose", [ones(2, 3)], ((0, 0),)),
    ("transpose", [ones(2, 3)], ((0, 1, 2),)),
    ("broadcast_to", [ones(3)], ((4,),)),
    ("broadcast_to", [ones(3)], ((3, 10**30),)),
    ("sum_to", [ones(2, 3)], ((2,),)),
    ("sum", [ones(2, 3)], ((2,), False)),
    ("sum", [ones(2, 3)], ((1, 0), False)),
    ("sum", [ones(2, 3)], ((0,), 7)),
    ("max", [ones(0, 3)], ((0,), False)),
    ("logsumexp", [ones(2, dtype="i8")], ((0,), False)),
    ("slice", [ones(4)], ((0, 1, 5),)),
    ("slice", [ones(4)], ((-1, 1, -1),)),
    ("slice", [ones(4)], ((4, 1, -1),)),
    ("slice", [ones(4)], ((3, -2, 3),)),
    ("slice", [ones(4)], ((0, 1, 2, 0, 1, 2),)),
    ("slice", [ones(4)], ((0, 1),)),
    ("slice", [ones(4)], ((0, 1, -2),)),
    ("slice", [ones(4)], ((0, 2**62, 2),)),
    ("slice", [ones(4)], ((0.0, 1, 2),)),
    ("embed", [ones(3)], ((4,), (2, 1, 3))),
    ("embed", [ones(3)], ((4,), (0, 1, 2))),
    ("index_set", [ones(4), ones(3)], ((0, 1, 2),)),
    ("gather", [ones(4), ones(3)], None),
    ("gather", [ones(4), ones(3, dtype="i4")], None),
    ("gather", [np.float64(1), ones(3, dtype="i8")], None),
    ("scatter_add", [ones(4), ones(3, dtype="i8")], (5,)),
    ("scatter_add", [ones(3), ones(3, dtype="i8")], (-5,)),
    ("concatenate", [ones(4), ones(3)], (0, (0, 4, 8))),
    ("concatenate", [ones(4), ones(3)], (1, (0, 4, 7))),
    ("concatenate", [], (0, (0,))),
    ("cast", [ones(4)], (np.dtype("O").num,)),
    ("cast", [ones(4)], (10**20,)),
    ("cast", [ones(4)], ("f8",)),
    ("cumsum", [ones(4)], (1, False)),
    ("cumsum", [ones(4)], (-1, False)),
    ("linrec", [ones(4), ones(3)], (0, False)),
    ("matmul", [ones(4, 3), ones(4, 3)], None),
    ("matmul", [ones(4), ones(4, 3)], None),
    ("matmul", [ones(3, 4), ones(4, 3)], (1,)),
    ("einsum", [ones(4, 3)], ("ij,jk->ik",)),
    ("einsum", [ones(4, 3)], ("ii->i",)),
    ("einsum", [ones(4, 3)], ("ij",)),
    ("einsum", [ones(4, 3)], ("ij->ik",)),
    ("einsum", [ones(4, 3)], ("i...->i",)),
    ("solve", [ones(4, 3), ones(4, 3)], None),
    ("inv", [ones(4, 3)], None),
    ("det", [ones(4)], None),
    ("add", [ones(4), ones(3)], None),
    ("where", [ones(4), ones(3), 1.0], None),
]


@pytest.mark.parametrize(("name", "operands", "attrs"), BAD,
                         ids=[f"{k}-{g[0]}" for k, g in enumerate(BAD)])
def test_what_does_not_fit_is_an_error(name: str, operands: list[Any], attrs: Any) -> None:
    for shape in ((), (4,), (3,), (2, 3), (4, 3)):
        with pytest.raises(ValueError, match=f"invalid program: instruction .*{name}"):
            applied(name, operands, attrs, dtype="f8", shape=shape).check()


def test_the_error_names_operator_shapes_and_dtypes() -> None:
    with pytest.raises(ValueError, match=r"instruction 2 \(add\).*\(4,\), \(3,\) do not broadcast"):
        applied("add", [ones(4), ones(3)], dtype="f8").check()
    with pytest.raises(ValueError, match=r"the result is f64\[4\], not f32\[4\]"):
        applied("add", [ones(4), ones(4)], dtype="f4", shape=(4,)).check()


@pytest.mark.parametrize("name", ["add", "multiply", "divide", "maximum", "exp", "sqrt",
                                  "less", "power", "floor_divide", "absolute"])
def test_promotion_of_elementwise_operators_is_that_of_numpy(name: str) -> None:
    for first in DTYPES:
        a = ones(2, dtype=first)
        if getattr(np, name).nin == 1:
            cases = [[a]]
        else:
            cases = [[a, ones(2, dtype=second)] for second in DTYPES]
            cases += [[a, 1.0], [1.0, a]]
        for operands in cases:
            dtype = result(name, operands, None).dtype
            if dtype == np.float16:
                dtype = np.dtype("f4")      # half precision is not computed with
            program = applied(name, operands, dtype=dtype, shape=(2,))
            assert valid(program), (name, operands)


def test_a_question_may_be_a_boolean_or_a_float() -> None:
    for dtype in ("?", "f8"):
        assert valid(applied("less", [ones(3), 1.0], dtype=dtype, shape=(3,)))
    assert not valid(applied("less", [ones(3), 1.0], dtype="f4", shape=(3,)))
    assert not valid(applied("add", [ones(3), 1.0], dtype="?", shape=(3,)))


def test_constant_positions_are_inside() -> None:
    for rows, good in (([0, 3], True), ([0, 4], False), ([-1, 0], False), ([], True)):
        program = Program()
        a, idx = program.input("f8", (4,)), program.constant(np.array(rows, "i8"))
        program.outputs = [program.apply("gather", [a, idx], shape=(len(rows),))]
        assert valid(program) == good


def test_outputs_and_guards_are_values() -> None:
    program = Program()
    x = program.input("f8")
    for outputs in ([x, 1], [-1], ["x"], [2**40], [1.0]):
        program.outputs = outputs  # type: ignore[assignment]
        assert not valid(program)
    program.outputs = [x]
    assert valid(program)
    program.guard(x, 1.0)
    assert valid(program)
    program.guard(x, [1.0])
    assert not valid(program)


def test_types_and_constants_are_known() -> None:
    program = Program()
    program.types[1] = (12, (3,))
    assert not valid(program)
    for broken in ((17, ()), (16, ()), (12, (-1,)), (12, [3]), (12, (2**40, 2**40)), ("f8", ()), 12,
                   (12, ()), (12, (1,) * 65)):
        program = Program()
        program.types.append(broken)  # type: ignore[arg-type]
        assert not valid(program)
    for array in (np.array([None]), np.ma.array([1.0]), [1.0], np.ones(2, ">f8"),
                  np.ones(2, "g")):
        program = Program()
        program.arrays.append(array)  # type: ignore[arg-type]
        assert not valid(program)


# ---------------------------------------------------------------- anything at all

names = st.sampled_from(["add", "where", "exp", "less", *sorted({g[0] for g in GOOD}), "call",
                         "const", "leaf", "dual", "freed"])
ints = st.integers(-3, 6) | st.sampled_from([2**31 - 1, -(2**31), 2**40, 2**63, -(2**70)])
texts = st.sampled_from(["ij->ji", "->", ""])
plain = st.one_of(ints, st.booleans(), st.none(), st.floats(), texts)
attributes = st.none() | st.lists(plain | st.lists(ints, max_size=9).map(tuple),
                                  max_size=3).map(tuple)
shapes = st.lists(st.integers(0, 3), max_size=3).map(tuple)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_program_crashes(data: st.DataObject) -> None:
    """Whatever is put together, the check answers, and what it accepts can be simplified."""
    program = Program()
    for _ in range(data.draw(st.integers(1, 3))):
        program.input(data.draw(st.sampled_from(DTYPES)), data.draw(shapes))
    for _ in range(data.draw(st.integers(0, 6))):
        name = data.draw(names)
        operands = data.draw(st.lists(st.integers(-1, len(program)), min_size=1, max_size=3))
        attrs = data.draw(attributes)
        try:
            program.apply(name, operands, data.draw(st.sampled_from(DTYPES)), data.draw(shapes),
                          attrs)
        except ValueError as error:
            assert "operands" in str(error) or "no operator" in str(error)
    program.outputs = data.draw(st.lists(st.integers(-1, len(program)), max_size=2))
    if valid(program):
        program.simplify().check()
    else:
        for use in USES.values():
            with pytest.raises(ValueError, match="invalid program"):
                use(program)


def inputs_for(program: Program) -> list[Any]:
    return [1.0] * program.n_inputs


USES = {  # what takes a program that anybody may have put together
    "simplify": lambda p: p.simplify(),
    "with_inputs": lambda p: p.with_inputs([], []),
    "Runner": _core.Runner,
    "Executable": _core.Executable,
    "replay": lambda p: _core.replay(p, inputs_for(p)),
    "replay_deciding": lambda p: _core.replay_deciding(p, inputs_for(p)),
    "Batch": lambda p: _core.Batch(p, inputs_for(p), [False] * p.n_inputs, 2),
    "Places": _core.Places,
    "pattern_of": lambda p: _core.pattern_of(p, [None] * p.n_inputs),
    "constant_values": _core.constant_values,
    "part_of_program": lambda p: _core.part_of_program(p, [], []),
    "program_parts": _core.program_parts,
}


@pytest.mark.parametrize("name", USES)
def test_nothing_takes_a_broken_program(name: str) -> None:
    for operands in ([0, 10**6], [0, -1], [2, 0]):
        program = Program()
        program.input("f8")
        program.outputs = [program.apply("add", operands)]
        with pytest.raises(ValueError, match="invalid program"):
            USES[name](program)
    recorded = sample().simplify()  # of a valid one the outputs and guards can be exchanged
    for outputs in ([10**6], [-1]):
        recorded.outputs = outputs
        with pytest.raises(ValueError, match="invalid program"):
            USES[name](recorded)
    recorded.outputs, recorded.guards = [0], [3]  # type: ignore[list-item]
    with pytest.raises(ValueError, match="invalid program"):
        USES[name](recorded)


def test_places_and_columns_are_looked_at() -> None:
    program = sample()
    specs = [(np.dtype("f8"), ()), (np.dtype("f8"), (3, 4))]
    assert str(program.with_inputs(specs, [0, 1])) == str(program)
    for places in ([0], [0, 5], [0, -1], [1, 0], [0, "1"], [0, 1, 1]):
        with pytest.raises(ValueError, match="input"):
            program.with_inputs(specs, places)  # type: ignore[arg-type]
    for firsts in ([0], [0, -5], [0, 2**40]):
        with pytest.raises(ValueError, match="columns"):
            _core.pattern_of(program, firsts)
    for roots, outputs in (([99], [0]), ([], [99]), ([-1], [0])):
        with pytest.raises(ValueError, match="no value"):
            _core.part_of_program(program, roots, outputs)
    with pytest.raises(ValueError, match="no operator"):
        Program().apply("leaf", [])
    numbers = Program()
    numbers.input("f8")
    for outputs, guards in (([5], []), ([0], [3])):
        numbers.outputs, numbers.guards = outputs, guards  # type: ignore[assignment]
        with pytest.raises(ValueError, match="invalid program"):
            _core.NumberCode(numbers)


# ---------------------------------------------------------------- programs from parts

INSTRUCTION = np.dtype([("op", "u2"), ("type", "u2"), ("a", "i4"), ("b", "i4"), ("c", "i4")])


def sample() -> Program:
    """Some of everything."""
    program = Program()
    x, m = program.input("f8"), program.input("f8", (3, 4))
    rows = program.constant(np.array([2, 0, 1]))
    half = program.constant(0.5)
    product = program.apply("multiply", [x, half])
    scaled = program.apply("multiply", [product, m], shape=(3, 4))
    part = program.apply("slice", [scaled], shape=(3,), attrs=((0, 1, 3, 1, 1, -1),))
    picked = program.apply("gather", [part, rows], shape=(3,))
    joined = program.apply("concatenate", [part, picked], shape=(6,), attrs=(0, (0, 3, 6)))
    chosen = program.apply("where", [part, picked, x], shape=(3,))
    total = program.apply("sum", [joined], attrs=((0,), False))
    program.guard(program.apply("less", [x, half]), 1.0)
    program.outputs = [total, chosen]
    return program


def test_parts_make_the_program_again() -> None:
    program = sample()
    again = _core.program_of_parts(*_core.program_parts(program))
    assert str(again) == str(program)
    assert again.apply("exp", [0]) == len(program)
    assert len(again.types) == len(program.types)
    empty = _core.program_of_parts(*_core.program_parts(Program()))
    assert len(empty) == 0


def test_parts_that_are_none() -> None:
    parts = _core.program_parts(sample())
    for k, broken in ((0, parts[0][:-1]), (1, b"x"), (2, parts[2][:4]), (3, 1), (3, -1), (3, 2**40),
                      (4, []), (5, [((((),),),)]), (5, [([],)] * 9), (5, [3]), (6, []), (7, [99]),
                      (8, [(0, 1.0)]), (8, [(2**40, np.array(1.0))])):
        changed: list[Any] = list(parts)
        changed[k] = broken
        with pytest.raises((ValueError, TypeError)):
            _core.program_of_parts(*changed)


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_broken_bytes_are_an_error_or_a_program(data: st.DataObject) -> None:
    """Any change of the instructions is seen, or leaves a program that is as good as any."""
    parts: list[Any] = list(_core.program_parts(sample()))
    table = np.frombuffer(parts[0], INSTRUCTION).copy()
    for _ in range(data.draw(st.integers(1, 3))):
        field = data.draw(st.sampled_from(["op", "type", "a", "b", "c"]))
        top = 120 if field in ("op", "type") else len(table)
        number = data.draw(st.integers(0 if top == 120 else -2, top)
                           | st.sampled_from([2**16 - 1, 2**15]))
        table[data.draw(st.integers(0, len(table) - 1))][field] = number
    parts[0] = table.tobytes()
    lists = np.frombuffer(parts[2], "i4").copy()
    if data.draw(st.booleans()):
        lists[data.draw(st.integers(0, len(lists) - 1))] = data.draw(st.integers(-2, len(table)))
    parts[2] = lists.tobytes()
    try:
        program = _core.program_of_parts(*parts)
    except ValueError as error:
        assert "invalid program" in str(error)
    else:
        program.simplify().check()
        assert str(program)
