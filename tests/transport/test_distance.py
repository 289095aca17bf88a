"""Derivatives of the distance against finite differences, and the tutorials in both frameworks."""

import numpy as np
import pytest
from optional import optional

from diracs import GaussianMixture, PolynomialGrid, SumOfDiracs, SumOfGaussians, distance

jax = optional("jax")
jnp = optional("jax.numpy")
torch = optional("torch")

RNG = np.random.default_rng(0)
POSITIONS = {1: RNG.random((7, 1)), 2: RNG.random((12, 2))}
MASSES = {1: RNG.random(7), 2: RNG.random(12)}
VALUES = {1: RNG.random(5), 2: RNG.random((4, 3))}


LAWS = {  # means, covariances of each kind, weights
    (d, kind): (
        RNG.normal(size=(3, d)),
        {
            "isotropic": np.array([0.3, 0.5, 1.0]),
            "diagonal": RNG.uniform(0.2, 1.0, (3, d)),
            "full": np.eye(d) + 0.3 * np.ones((d, d)) + 0.1 * np.arange(3)[:, None, None],
        }[kind],
        np.array([0.2, 0.3, 0.5]),
    )
    for d in (1, 2)
    for kind in ("isotropic", "diagonal", "full")
}
ENABLE = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64


def cost(positions, masses, values):
    return distance(SumOfDiracs(positions, masses), PolynomialGrid(values))


def mixture_cost(positions, masses, means, covs, weights):
    return distance(SumOfDiracs(positions, masses), GaussianMixture(means, covs, weights))


def differences(d):
    return central_differences(cost, [POSITIONS[d], MASSES[d], VALUES[d]])


def central_differences(function, arguments):
    """Of the NumPy path in all arguments; matrices are kept symmetric."""
    slopes = []
    for number, argument in enumerate(arguments):
        slope = np.empty_like(argument)
        for index in np.ndindex(argument.shape):
            ends = []
            for step in (1e-5, -1e-5):
                changed = [a.copy() for a in arguments]
                changed[number][index] += step
                if len(index) == 3 and index[1] != index[2]:
                    # Half of the change on either side of the diagonal.
                    changed[number][index] -= step / 2
                    changed[number][index[0], index[2], index[1]] += step / 2
                ends.append(function(*changed))
            slope[index] = (ends[0] - ends[1]) / 2e-5
        slopes.append(slope)
    return slopes


@pytest.mark.parametrize("d", [1, 2])
def test_torch_gradients(d):
    arguments = [torch.tensor(a, requires_grad=True) for a in (POSITIONS[d], MASSES[d], VALUES[d])]
    cost(*arguments).backward()
    for argument, slope in zip(arguments, differences(d)):
        np.testing.assert_allclose(argument.grad.numpy(), slope, atol=2e-7)


@pytest.mark.parametrize("d", [1, 2])
def test_jax_gradients_under_jit(d):
    with ENABLE(True):
        arguments = [jnp.asarray(a) for a in (POSITIONS[d], MASSES[d], VALUES[d])]
        slopes = jax.jit(jax.grad(cost, argnums=(0, 1, 2)))(*arguments)
        for found, slope in zip(slopes, differences(d)):
            np.testing.assert_allclose(np.asarray(found), slope, atol=2e-7)


def test_jax_in_single_precision_and_vmap():
    positions = jnp.asarray(np.stack([POSITIONS[2], POSITIONS[2][::-1], POSITIONS[2] ** 2]))
    target = PolynomialGrid(jnp.asarray(VALUES[2]))
    together = jax.vmap(lambda p: distance(SumOfDiracs(p), target))(positions)
    assert together.dtype == jnp.float32
    for value, one in zip(together, positions):
        exact = distance(SumOfDiracs(np.asarray(one, dtype=float)), PolynomialGrid(VALUES[2]))
        assert float(value) == pytest.approx(float(exact), rel=1e-5)


def test_dtype_and_framework_are_kept():
    target = PolynomialGrid(VALUES[2])
    assert distance(SumOfDiracs(POSITIONS[2].astype(np.float32)), target).dtype == np.float32
    out = distance(SumOfDiracs(torch.tensor(POSITIONS[2])), target)
    assert isinstance(out, torch.Tensor) and out.dtype == torch.float64


@pytest.mark.slow
def test_jax_tutorial():
    t = jnp.linspace(0, 1, 64)
    x, y = jnp.meshgrid(t, t)
    target_img = jnp.exp(-50 * ((x - 0.3) ** 2 + (y - 0.3) ** 2)) + jnp.exp(-50 * ((x - 0.7) ** 2 + (y - 0.7) ** 2))
    target = PolynomialGrid(values=target_img)

    @jax.jit
    def loss(positions):
        return distance(SumOfDiracs(positions), target)

    positions = jnp.array(np.random.default_rng(0).random((200, 2)))
    lr = 5e-3
    first = None
    for _ in range(50):
        val, grad = jax.value_and_grad(loss)(positions)
        first = float(val) if first is None else first
        positions = positions - lr * grad
    assert float(val) < first


def test_torch_tutorial():
    t = torch.linspace(0, 1, 24, dtype=torch.float64)
    x, y = torch.meshgrid(t, t, indexing="ij")
    image = torch.exp(-50 * ((x - 0.3) ** 2 + (y - 0.3) ** 2)) + torch.exp(-50 * ((x - 0.7) ** 2 + (y - 0.7) ** 2))
    target = PolynomialGrid(values=image)
    positions = torch.tensor(np.random.default_rng(0).random((50, 2)), requires_grad=True)
    optimizer = torch.optim.Adam([positions], lr=5e-3)
    values = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = distance(SumOfDiracs(positions), target)
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    assert values[-1] < 0.5 * values[0]


def test_broken_values_under_jit_give_nan():
    target = PolynomialGrid(VALUES[2])
    loss = jax.jit(lambda y: distance(SumOfDiracs(y), target))
    assert np.isnan(loss(jnp.full((3, 2), jnp.nan)))
    assert np.isnan(jax.grad(loss)(jnp.full((3, 2), jnp.inf))).all()
    assert np.isnan(
        jax.jit(lambda m: distance(SumOfDiracs(jnp.asarray(POSITIONS[2]), m), target))(jnp.ones(12).at[3].set(-1.0))
    )


def test_values_have_the_right_gradient_beside_a_dirac_without_mass():
    def slope(positions, masses):
        values = torch.ones((4, 1), dtype=torch.float64, requires_grad=True)
        cost(torch.tensor(positions), torch.tensor(masses), values).backward()
        return values.grad

    both = slope([[0.2, 0.5], [0.6, 0.5]], [1.0, 0.0])
    torch.testing.assert_close(both, slope([[0.2, 0.5]], [1.0]))


# --- Gaussian mixtures ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("d", "kind"), LAWS)
def test_gradients_in_all_parameters_of_a_mixture(d, kind):
    arguments = [2 * POSITIONS[d] - 1, MASSES[d], *LAWS[d, kind]]
    exact = central_differences(mixture_cost, arguments)
    tensors = [torch.tensor(a, requires_grad=True) for a in arguments]
    mixture_cost(*tensors).backward()
    for tensor, slope in zip(tensors, exact):
        np.testing.assert_allclose(tensor.grad.numpy(), slope, atol=2e-7)
    if (d, kind) in [(1, "isotropic"), (1, "full")]:
        return  # JAX takes the same path as in the plane.
    with ENABLE(True):
        slopes = jax.jit(jax.grad(mixture_cost, argnums=range(5)))(*map(jnp.asarray, arguments))
        for found, slope in zip(slopes, exact):
            np.testing.assert_allclose(np.asarray(found), slope, atol=2e-7)


@pytest.mark.parametrize("d", [1, 2])
def test_gradcheck_through_a_parametrization(d):
    means, _, weights = LAWS[d, "full"]
    root = torch.tensor(RNG.normal(size=(3, d, d)) + 2 * np.eye(d), requires_grad=True)
    logits = torch.tensor(np.log(weights), requires_grad=True)
    mu = torch.tensor(means, requires_grad=True)

    def loss(mu, root, logits):
        return mixture_cost(torch.tensor(POSITIONS[d]), None, mu, root @ root.mT, torch.softmax(logits, 0))

    assert torch.autograd.gradcheck(loss, (mu, root, logits), eps=1e-5, atol=1e-6)


@pytest.mark.parametrize("d", [1, 2])
def test_gradient_of_a_component_without_weight(d):
    means, covs, _ = LAWS[d, "full"]
    weights = np.array([0.4, 0.6, 0.0])
    arguments = [2 * POSITIONS[d] - 1, MASSES[d], means, covs, weights]
    tensors = [torch.tensor(a, requires_grad=True) for a in arguments]
    mixture_cost(*tensors).backward()
    slope = tensors[4].grad.numpy()
    step = 1e-6
    value, more = mixture_cost(*arguments), mixture_cost(*arguments[:4], weights + np.array([0, 0, step]))
    assert (more - value) / step == pytest.approx(slope[2], rel=1e-4)
    np.testing.assert_array_equal(tensors[2].grad[2], 0.0)
    np.testing.assert_array_equal(tensors[3].grad[2], 0.0)


@pytest.mark.parametrize("d", [1, 2])
def test_a_dirac_without_mass_changes_no_gradient_of_a_mixture(d):
    def slopes(positions, masses):
        tensors = [torch.tensor(a, requires_grad=True) for a in LAWS[d, "full"]]
        mixture_cost(torch.tensor(positions), torch.tensor(masses), *tensors).backward()
        return [t.grad for t in tensors]

    with_it = slopes(np.r_[POSITIONS[d], np.full((1, d), 0.3)], np.r_[MASSES[d], 0.0])
    for one, other in zip(with_it, slopes(POSITIONS[d], MASSES[d])):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(("d", "log_covs"), [(2, np.zeros((3, 2))), (1, np.zeros(3))])
def test_the_loss_of_a_fit_in_jax(d, log_covs):
    observed_points = jnp.asarray(np.random.default_rng(1).normal(size=(50, d)))

    @jax.jit
    def loss(means, log_covs, log_weights):
        target = SumOfGaussians(means, jnp.exp(log_covs), jax.nn.softmax(log_weights))
        return distance(SumOfDiracs(observed_points), target)

    grad_fn = jax.grad(loss, argnums=(0, 1, 2))
    arguments = jnp.asarray(LAWS[d, "full"][0]), jnp.asarray(log_covs), jnp.zeros(3)
    first = float(loss(*arguments))
    for _ in range(5):
        slopes = grad_fn(*arguments)
        assert all(s.dtype == jnp.float32 and bool(jnp.isfinite(s).all()) for s in slopes)
        arguments = tuple(a - 0.1 * s for a, s in zip(arguments, slopes))
    assert float(loss(*arguments)) < first


def test_singular_covariances_under_jit_give_nan():
    points = jnp.asarray(POSITIONS[2])

    @jax.jit
    def loss(covs):
        return distance(SumOfDiracs(points), SumOfGaussians(jnp.zeros((2, 2)), covs))

    assert np.isfinite(loss(jnp.array([1.0, 0.5])))
    assert np.isnan(loss(jnp.array([1.0, 0.0])))
    assert np.isnan(jax.grad(loss)(jnp.array([1.0, 0.0]))).all()
    assert np.isnan(jax.grad(loss)(jnp.array([jnp.nan, 1.0]))).all()


def test_dtypes_may_differ_between_diracs_and_mixture():
    arguments = [POSITIONS[2], MASSES[2], *LAWS[2, "full"]]
    exact = float(mixture_cost(*arguments))
    tensors = [torch.tensor(a, requires_grad=True) for a in arguments]
    tensors[0] = torch.tensor(arguments[0], dtype=torch.float32, requires_grad=True)
    tensors[1] = torch.tensor(arguments[1], dtype=torch.float32, requires_grad=True)
    value = mixture_cost(*tensors)
    value.backward()
    assert value.dtype == torch.float32 and float(value.detach()) == pytest.approx(exact, rel=1e-5)
    assert all(t.grad.dtype == t.dtype and torch.isfinite(t.grad).all() for t in tensors)
    # A mixture in NumPy goes with all.
    assert float(mixture_cost(*tensors[:2], *LAWS[2, "full"]).detach()) == pytest.approx(exact, rel=1e-5)


def test_vmap_over_mixtures():
    means = jnp.asarray(np.stack([LAWS[2, "full"][0] + shift for shift in (0.0, 1.0, -2.0)]))
    together = jax.vmap(lambda m: mixture_cost(jnp.asarray(POSITIONS[2]), None, m, jnp.ones(3), None))(means)
    for value, one in zip(together, means):
        alone = mixture_cost(POSITIONS[2], None, np.asarray(one, dtype=float), np.ones(3), None)
        assert float(value) == pytest.approx(float(alone), rel=1e-5)


def test_gradient_in_the_covariance_of_a_narrow_component():
    """Beside a wide one, against the derivative along its deviation."""
    y = 2 * POSITIONS[2] - 1
    means, weights = np.array([[0.1, 0.2], [0.5, 0.0]]), np.array([0.5, 0.5])

    def value(deviation):
        return float(mixture_cost(y, None, means, np.array([deviation**2, 1.0]), weights))

    deviation = 1e-3
    covs = torch.tensor([deviation**2, 1.0], dtype=torch.float64, requires_grad=True)
    mixture_cost(torch.tensor(y), None, torch.tensor(means), covs, torch.tensor(weights)).backward()
    slope = (value(1.01 * deviation) - value(0.99 * deviation)) / (0.02 * deviation)
    assert 2 * deviation * float(covs.grad[0]) == pytest.approx(slope, rel=1e-3)


# --- Transforms, compilers, second derivatives ------------------------------------------------------------------------


PROBLEMS = {
    "grid on the line": (cost, [POSITIONS[1], MASSES[1], VALUES[1]]),
    "grid in the plane": (cost, [POSITIONS[2], MASSES[2], VALUES[2]]),
    "mixture on the line": (mixture_cost, [2 * POSITIONS[1] - 1, MASSES[1], *LAWS[1, "full"]]),
    "mixture in the plane": (mixture_cost, [2 * POSITIONS[2] - 1, MASSES[2], *LAWS[2, "diagonal"]]),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_torch_function_transforms(name):
    function, arguments = PROBLEMS[name]
    expected = central_differences(function, arguments)
    tensors = [torch.tensor(a) for a in arguments]
    everything = tuple(range(len(tensors)))
    value, pull = torch.func.vjp(function, *tensors)
    assert float(value) == pytest.approx(float(function(*arguments)), rel=1e-10)
    found = torch.func.grad(function, everything)(*tensors), pull(torch.ones_like(value))
    for slopes in (*found, torch.func.jacrev(function, everything)(*tensors)):
        for slope, exact in zip(slopes, expected):
            np.testing.assert_allclose(slope, exact, atol=2e-7)

    moved = torch.stack([tensors[0], tensors[0].flip(0), 0.5 * tensors[0]])
    over_positions = (0, *[None] * (len(tensors) - 1))
    together = torch.func.vmap(function, over_positions)(moved, *tensors[1:])
    slopes = torch.func.vmap(torch.func.grad(function, everything), over_positions)(moved, *tensors[1:])
    for i, positions in enumerate(moved):
        alone = torch.func.grad(function, everything)(positions, *tensors[1:])
        assert float(together[i]) == pytest.approx(float(function(positions, *tensors[1:])), rel=1e-12)
        for slope, one in zip(slopes, alone):
            torch.testing.assert_close(slope[i], one)


@pytest.mark.parametrize("name", ["grid in the plane", "mixture on the line"])
def test_second_derivatives_in_the_density_are_refused_not_zero(name):
    """Those in positions and masses: `test_second_derivatives.py`."""
    function, (positions, masses, parameter, *rest) = PROBLEMS[name]
    fixed = [torch.tensor(a) for a in (positions, masses)]
    others = [torch.tensor(a) for a in rest]
    x = torch.tensor(parameter, requires_grad=True)

    def loss(x):
        return function(*fixed, x, *others)

    (slope,) = torch.autograd.grad(loss(x), x, create_graph=True)
    for second in (
        lambda: torch.autograd.functional.hessian(loss, x),
        lambda: (loss(x) + slope.square().sum()).backward(),
        lambda: torch.func.hessian(loss)(x.detach()),
        lambda: torch.func.jacrev(torch.func.jacrev(loss))(x.detach()),
    ):
        with pytest.raises(NotImplementedError, match="second derivatives of distance are not available in the param"):
            second()

    def jax_loss(x):
        return function(*map(jnp.asarray, (positions, masses)), x, *map(jnp.asarray, rest))

    for second in (jax.hessian(jax_loss), jax.grad(lambda x: (jax.grad(jax_loss)(x) ** 2).sum())):
        with pytest.raises(NotImplementedError, match="second derivatives of distance are not available in the param"):
            second(jnp.asarray(parameter))


def test_a_factor_of_the_loss_is_differentiated_through_the_gradient():
    """d/dt of the gradient of t·W₂² in the positions is the gradient of W₂²."""
    positions, values = torch.tensor(POSITIONS[2], requires_grad=True), torch.tensor(VALUES[2])
    factor = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    loss = factor * cost(positions, None, values)
    exact = torch.autograd.grad(cost(positions, None, values), positions)[0].sum()
    (slope,) = torch.autograd.grad(loss, positions, create_graph=True)
    torch.testing.assert_close(torch.autograd.grad(slope.sum(), factor)[0], exact)

    def total(t):
        return jax.grad(lambda y: t * cost(y, None, jnp.asarray(VALUES[2])))(jnp.asarray(POSITIONS[2])).sum()

    assert float(jax.grad(total)(3.0)) == pytest.approx(float(exact), rel=1e-4)


@pytest.mark.filterwarnings("default")
def test_torch_compile_takes_the_distance_as_one_operation():
    target = PolynomialGrid(torch.tensor(VALUES[2]))

    def loss(positions, masses):
        return distance(SumOfDiracs(positions, masses), target)

    tensors = [torch.tensor(a, requires_grad=True) for a in (POSITIONS[2], MASSES[2])]
    # The default backend would start a C++ compiler, for the few operations about the distance.
    compiled = torch.compile(loss, backend="aot_eager", fullgraph=True)
    value, expected = compiled(*tensors), loss(*tensors)
    torch.testing.assert_close(value, expected, rtol=1e-12, atol=0.0)
    for slope, exact in zip(torch.autograd.grad(value, tensors), torch.autograd.grad(expected, tensors)):
        torch.testing.assert_close(slope, exact, rtol=1e-9, atol=1e-12)


def test_broken_values_under_function_transforms_are_refused():
    target = PolynomialGrid(torch.tensor(VALUES[2]))
    with pytest.raises(ValueError, match="finite"):
        torch.func.vmap(lambda y: distance(SumOfDiracs(y), target))(torch.full((2, 3, 2), torch.nan))
