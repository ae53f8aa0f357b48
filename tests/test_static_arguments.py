"""Static arguments of compiled functions: values that a program is made for, told apart by kind."""

from dataclasses import dataclass, field

import numpy as np
import pytest

import cdiff as cd
from cdiff._compiled._signature import static_key, static_value


class Row(tuple):
    pass


@dataclass(frozen=True)
class Gain:
    value: float
    notes: list = field(default_factory=list, compare=False)


@pytest.mark.parametrize(
    "pair",
    [(0.0, -0.0), (1, 1.0), (1, True), ((1,), (1.0,)), (1.0, 1 + 0j), ((0.0,), (-0.0,)),
     (frozenset([1]), frozenset([1.0])), (Row((0.0,)), Row((-0.0,))), (Gain(1), Gain(True)),
     ((Gain(Row((1,))),), (Gain(Row((1.0,))),))],
)  # fmt: skip
def test_equal_static_values_of_different_kinds(pair):
    f = cd.compile(lambda x, k: (x, repr(k)), static_argnums=1)
    for k in pair * 2:
        assert f(1.0, k) == (1.0, repr(k))
    assert f.stats()["recordings"] == 2


DAY, HOUR = np.timedelta64(1, "D"), np.timedelta64(1, "h")


def test_static_times_have_units():
    f = cd.compile(lambda x, k: x * (k / HOUR), static_argnums=1)
    assert [f(1.0, k) for k in (DAY, HOUR, DAY)] == [24.0, 1.0, 24.0]


@pytest.mark.parametrize(
    "static",
    [DAY, np.str_("ab"), np.str_(""), np.bytes_(b"ab"), np.float32(2.5), np.complex64(1 + 2j),
     1 + 2j, frozenset([1, 2.5]), slice(1, 2.0), -0.0,
     Row((1.0, 2)), Gain(2.0)],
)  # fmt: skip
def test_static_values_come_back_from_their_keys(static):
    key = static_key(static)
    again = static_value(key)
    assert repr(again) == repr(static) and type(again) is type(static)
    assert static_key(again) == key and hash(static_key(again)) == hash(key)


def test_equal_keys_of_different_kinds():
    f = cd.compile(lambda p: {k: x * 2.0 for k, x in p.items()})
    for key in (1, True, 1.0, 1):
        assert repr(f({key: 1.0})) == repr({key: 2.0})


def test_static_arguments_by_position_and_by_name():
    def f(x, k=2.0, *, mode=1.0):
        assert type(k) is float and type(mode) is float
        return x * k * mode

    for options in (
        {"static_argnums": 1, "static_argnames": "mode"},
        {"static_argnums": -1, "static_argnames": ("mode",)},
        {"static_argnames": ("k", "mode")},
        {"static_argnums": (1,), "static_argnames": ["mode"]},
    ):
        compiled = cd.compile(f, **options)
        for _ in range(2):
            assert compiled(1.0) == 2.0
            assert compiled(1.0, 3.0) == 3.0
            assert compiled(1.0, k=4.0) == 4.0
            assert compiled(1.0, k=4.0, mode=0.5) == 2.0
            assert compiled(1.0, mode=0.5, k=4.0) == 2.0
        assert compiled.stats()["recordings"] == 5
    any_number = cd.compile(lambda *xs: sum(xs[:-1]) * len(xs[-1]), static_argnums=-1)
    assert any_number(1.0, 2.0, "ab") == 6.0 and any_number(1.0, "abc") == 3.0


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"static_argnums": 2}, ValueError, "takes 2 positional"),
        ({"static_argnums": -3}, ValueError, "takes 2 positional"),
        ({"static_argnums": 1.0}, TypeError, "int"),
        ({"static_argnums": True}, TypeError, "int"),
        ({"static_argnums": (0, 0)}, ValueError, "twice"),
        ({"static_argnames": "z"}, ValueError, "no parameter"),
        ({"static_argnames": (1,)}, TypeError, "strings"),
    ],
)
def test_static_arguments_that_are_not_there(options, error, message):
    with pytest.raises(error, match=message):
        cd.compile(lambda x, y: x, **options)
