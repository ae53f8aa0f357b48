"""`cdiff.scipy.fft`: values, both modes, second order, compiled and mapped, against SciPy."""

import numpy as np
import pytest
import scipy.fft as sf
from scipy_checks import compiled_agrees, values_are_scipys

import cdiff as cd
import cdiff.scipy.fft as csf

rng = np.random.default_rng(3)
V = rng.normal(size=5)
M = rng.normal(size=(3, 4))
Z = M + 1j * rng.normal(size=(3, 4))

CASES = {
    f"{name} {kind} {norm} {orthogonalize}": (
        lambda x, name=name, k=kind, norm=norm, o=orthogonalize: getattr(csf, name)(
            x, k, norm=norm, orthogonalize=o
        ),
        (V,),
    )
    for name in ("dct", "idct", "dst", "idst")
    for kind in (1, 2, 3, 4)
    for norm in (None, "ortho", "forward")
    for orthogonalize in (None, True, False)
}
for _name in ("dct", "idst"):
    _f = getattr(csf, _name)
    CASES[f"{_name} axis"] = (lambda x, f=_f: f(x, axis=0), (M,))
    CASES[f"{_name} longer"] = (lambda x, f=_f: f(x, 3, n=6, axis=-1), (M,))
    CASES[f"{_name} shorter"] = (lambda x, f=_f: f(x, 1, n=2, axis=0), (M,))
for _name in ("dctn", "idctn", "dstn", "idstn"):
    _f = getattr(csf, _name)
    CASES[_name] = (_f, (M,))
    CASES[f"{_name} axes"] = (lambda x, f=_f: f(x, 1, s=(4,), axes=[0], norm="ortho"), (M,))
for _name in ("fft", "ifft", "rfft", "ihfft"):
    _f = getattr(csf, _name)
    CASES[_name] = (lambda x, f=_f: abs(f(x, 6, axis=0, norm="ortho")), (M,))
for _name in ("irfft", "hfft"):
    _f = getattr(csf, _name)
    CASES[_name] = (lambda x, f=_f: f(x * (1 + 2j), 5), (M,))
for _name in ("fft2", "ifft2", "fftn", "ifftn", "rfft2", "rfftn", "ihfft2", "ihfftn"):
    _f = getattr(csf, _name)
    CASES[_name] = (lambda x, f=_f: abs(f(x, norm="forward")), (M,))
for _name in ("irfft2", "irfftn", "hfft2", "hfftn"):
    _f = getattr(csf, _name)
    CASES[_name] = (lambda x, f=_f: f(x * (1 + 2j), s=(3, 5), axes=(0, 1)), (M,))
CASES["fftshift"] = (csf.fftshift, (M,))
CASES["ifftshift"] = (lambda x: csf.ifftshift(x, 1), (M,))
CASES["fht"] = (lambda x: csf.fht(x, 0.1, 0.5), (V,))
CASES["fht even"] = (lambda x: csf.fht(x, 0.1, 1.5, offset=0.2, bias=0.3), (M,))
CASES["ifht"] = (lambda x: csf.ifht(x, 0.1, 0.5, offset=0.2, bias=-0.1), (V,))


@pytest.mark.parametrize("name", CASES)
def test_values_are_scipys(name):
    values_are_scipys(*CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_derivatives(name):
    f, args = CASES[name]
    cd.testing.check_grads(lambda x: f(x) ** 2, args, order=2)


@pytest.mark.parametrize("name", [k for k in CASES if not k.endswith(("True", "False"))])
def test_compiled_and_mapped(name):
    f, (x,) = CASES[name]
    assert compiled_agrees(f, (x,)) == 1
    points = np.stack([x, 2 * x, x - 1.0])
    rows = np.stack([f(p) for p in points])
    np.testing.assert_allclose(cd.vmap(f)(points), rows, rtol=1e-12, atol=1e-12)
    gradient = cd.grad(lambda x: np.sum(np.sin(f(x))))
    rows = np.stack([gradient(p) for p in points])
    np.testing.assert_allclose(cd.vmap(gradient)(points), rows, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["dct", "dst"])
@pytest.mark.parametrize("kind", [1, 2, 3, 4])
def test_transposes_exactly(name, kind):
    """The Jacobian is the matrix of the transform, forward and reverse; complex numbers too."""
    f = lambda x: getattr(csf, name)(x, kind)
    matrix = getattr(sf, name)(np.eye(5), kind, axis=0)
    for jacobian in (cd.jacfwd, cd.jacrev):
        np.testing.assert_allclose(jacobian(f)(V), matrix, rtol=1e-13, atol=1e-13)
    z = Z[0]
    np.testing.assert_allclose(f(cd.array(z)).numpy(), getattr(sf, name)(z, kind), rtol=1e-13)
    got = cd.jacobian(f, holomorphic=True)(z)
    np.testing.assert_allclose(got, getattr(sf, name)(np.eye(4), kind, axis=0), atol=1e-13)


def test_float32_and_integers():
    assert csf.dct(cd.array(V.astype("f4"))).dtype == np.float32
    assert cd.grad(lambda x: np.sum(csf.dct(x) ** 2))(V.astype("f4")).dtype == np.float32
    assert csf.dct(cd.array([1, 2, 3])).dtype == float


def test_errors():
    x = cd.array(V)
    with pytest.raises(ValueError, match="dct: invalid type 5"):
        csf.dct(x, 5)
    with pytest.raises(ValueError, match="idst: Invalid norm value 'odd'"):
        csf.idst(x, norm="odd")
    with pytest.raises(ValueError, match="axis 3 is out of bounds"):
        csf.dct(x, axis=3)
    with pytest.raises(NotImplementedError, match="fht: there is no derivative by mu"):
        csf.fht(x, 0.1, cd.array(0.5, requires_grad=True))
    with pytest.raises(TypeError, match="rfft takes real numbers"):
        csf.rfft(cd.array(Z))
    assert csf.next_fast_len(7) == sf.next_fast_len(7)
