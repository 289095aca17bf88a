"""The same network in NumPy, PyTorch and JAX has the same bounds."""

from __future__ import annotations

import numpy as np
import pytest
from optional import optional
from precision import enable_x64
from scipy.special import expit

from diracs.intervals import jacobian_of

jax = optional("jax")
jnp = optional("jax.numpy")
torch = optional("torch")
nn = optional("torch.nn")
F = optional("torch.nn.functional")

RNG = np.random.default_rng(8)
CENTERS = RNG.normal(size=(25, 2))
BOXES = np.stack([CENTERS - 0.15, CENTERS + 0.15], axis=1)


@pytest.fixture(autouse=True)
def double_precision():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    with enable_x64(True):
        yield
    torch.set_default_dtype(before)


def test_one_network_in_three_frameworks_has_one_jacobian():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 8), nn.Softplus(), nn.Linear(8, 3), nn.Sigmoid())
    p = [x.detach().numpy() for x in module.parameters()]

    def before(x):
        return np.logaddexp(0, np.tanh(x @ p[0].T + p[1]) @ p[2].T + p[3]) @ p[4].T + p[5]

    def in_numpy(x):
        return 1 / (1 + np.exp(-before(x)))

    def with_expit(x):
        return expit(before(x))

    def in_torch(x):
        t = [torch.tensor(a) for a in p]
        x = F.softplus(torch.tanh(x @ t[0].T + t[1]) @ t[2].mT + t[3])
        return torch.special.expit(torch.addmm(t[5], x, t[4].T))

    def in_jax(x):
        x = jax.nn.softplus(jnp.tanh(x @ p[0].T + p[1]) @ p[2].T + p[3])
        return jax.nn.sigmoid(jnp.einsum("nj,ij->ni", x, p[4]) + p[5])

    expected = jacobian_of(module)(BOXES)
    for f in (in_torch, in_jax, jax.jit(in_jax), jax.vmap(lambda r: in_jax(r[None])[0])):
        np.testing.assert_allclose(jacobian_of(f)(BOXES), expected, rtol=1e-10, atol=1e-12)
    # 1/(1 + exp) knows less of its slope than the logistic function.
    low, high = jacobian_of(in_numpy)(BOXES)
    assert (low <= expected[0] + 1e-12).all() and (expected[1] <= high + 1e-12).all()
    np.testing.assert_allclose(jacobian_of(with_expit)(BOXES), expected, rtol=1e-10, atol=1e-12)
