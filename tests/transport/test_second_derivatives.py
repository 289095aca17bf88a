"""Plans as functions of positions and masses, and second derivatives of the distance, against finite differences."""

import numpy as np
import pytest
from optional import optional
from precision import enable_x64

from diracs import GaussianMixture, PolynomialGrid, SumOfDiracs, distance, optimal_transport_plan

jax = optional("jax")
jnp = optional("jax.numpy")
torch = optional("torch")

RNG = np.random.default_rng(0)


def mixture(d):
    root = RNG.normal(size=(2, d, d))
    return GaussianMixture(RNG.normal(size=(2, d)), root @ root.swapaxes(1, 2) + np.eye(d), [0.3, 0.7])


DENSITIES = {
    "image on the line": PolynomialGrid(RNG.random(5) + 0.1, domain=[[-1.0], [3.0]]),
    "mixture on the line": mixture(1),
    "circle": PolynomialGrid(RNG.random(5) + 0.1, domain=[[-1.0], [3.0]], periodic=True),
    "image": PolynomialGrid(RNG.random((4, 3)) + 0.1, domain=[[-1.0, 0.0], [3.0, 2.0]]),
    "mixture in the plane": mixture(2),
    "plane torus": PolynomialGrid(RNG.random((4, 3)) + 0.1, domain=[[-1.0, 0.0], [3.0, 2.0]], periodic=(True, False)),
    "volume": PolynomialGrid(RNG.random((2, 3, 2)) + 0.1, domain=[[-1.0, 0, 0], [3.0, 2, 2]]),
    "mixture in space": mixture(3),
}
STEP = 1e-5


def problem(name, n=5):
    """A density, positions, masses of any sum, and directions or cotangents for these."""
    density, rng = DENSITIES[name], np.random.default_rng(3)
    box = getattr(density, "domain", np.array([[-2.0], [2.0]]))
    positions = box[0] + rng.random((n, density.ndim)) * (box[1] - box[0])
    directions = rng.normal(size=positions.shape), rng.normal(size=n)
    return density, positions, 1.0 + rng.random(n), directions


def along(function, arguments, directions):
    """Central differences."""
    ends = [function(*(a + s * STEP * b for a, b in zip(arguments, directions))) for s in (1, -1)]
    return [(a - b) / (2 * STEP) for a, b in zip(*ends)]


def torch_gradients(density, positions, masses):
    arguments = [torch.tensor(x, requires_grad=True) for x in (positions, masses)]
    return [x.numpy() for x in torch.autograd.grad(distance(SumOfDiracs(*arguments), density), arguments)]


@pytest.mark.parametrize("name", DENSITIES)
def test_products_of_second_derivatives_in_torch(name):
    density, positions, masses, directions = problem(name)
    exact = along(lambda y, m: torch_gradients(density, y, m), (positions, masses), directions)
    arguments = tuple(torch.tensor(x) for x in (positions, masses))
    steps = tuple(map(torch.tensor, directions))

    def loss(y, m):
        return distance(SumOfDiracs(y, m), density)

    def slope(y, m):
        return sum((g * s).sum() for g, s in zip(torch.func.grad(loss, (0, 1))(y, m), steps))

    for found in (torch.autograd.functional.hvp(loss, arguments, steps)[1], torch.func.grad(slope, (0, 1))(*arguments)):
        for x, y in zip(found, exact):
            np.testing.assert_allclose(x, y, rtol=2e-5, atol=2e-5 * np.abs(exact[1]).max())


@pytest.mark.parametrize("name", ["mixture on the line", "image", "volume"])
def test_torch_transforms_agree(name):
    density, positions, masses, directions = problem(name, 3)
    y, m = torch.tensor(positions), torch.tensor(masses)

    def loss(y, m):
        return distance(SumOfDiracs(y, m), density)

    expected = torch.autograd.functional.hessian(loss, (y, m))
    reverse = torch.func.jacrev(torch.func.jacrev(loss, (0, 1)), (0, 1))(y, m)
    forward = torch.func.hessian(loss, (0, 1))(y, m)
    for rows in zip(expected, reverse, forward):
        for one, two, three in zip(*rows):
            torch.testing.assert_close(two, one)
            torch.testing.assert_close(three, one)
    steps = tuple(map(torch.tensor, (directions[0], directions[1][:3])))
    slopes = torch.func.jvp(loss, (y, m), steps)[1]
    exact = sum((g * s).sum() for g, s in zip(torch.func.grad(loss, (0, 1))(y, m), steps))
    torch.testing.assert_close(slopes, exact)


@pytest.mark.parametrize("name", ["mixture on the line", "plane torus", "volume"])
def test_products_of_second_derivatives_in_jax(name):
    density, positions, masses, directions = problem(name, 4)
    exact = along(lambda y, m: torch_gradients(density, y, m), (positions, masses), directions)
    gradient = jax.grad(lambda y, m: distance(SumOfDiracs(y, m), density), (0, 1))
    with enable_x64(True):
        y, m, *steps = map(jnp.asarray, (positions, masses, *directions))
        forward = jax.jit(lambda y, m: jax.jvp(gradient, (y, m), tuple(steps))[1])(y, m)
        reverse = jax.vjp(gradient, y, m)[1](tuple(steps))
        for found in (forward, reverse):
            for x, z in zip(found, exact):
                np.testing.assert_allclose(x, z, rtol=2e-5, atol=2e-5 * np.abs(exact[1]).max())


@pytest.mark.parametrize("name", ["mixture on the line", "image"])
def test_hessians_in_jax(name):
    density, positions, masses, _ = problem(name, 3)
    expected = torch.autograd.functional.hessian(
        lambda y: distance(SumOfDiracs(y, torch.tensor(masses)), density), torch.tensor(positions)
    )
    with enable_x64(True):
        y, m = jnp.asarray(positions), jnp.asarray(masses)
        loss = lambda y: distance(SumOfDiracs(y, m), density)  # noqa: E731
        for found in (jax.jit(jax.hessian(loss))(y), jax.jacrev(jax.grad(loss))(y)):
            np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-9)
        # The value beside the gradient keeps its derivative.
        value = lambda y: jax.value_and_grad(loss)(y)[0]  # noqa: E731
        np.testing.assert_allclose(jax.grad(value)(y), jax.grad(loss)(y))


def test_newtons_method_on_the_positions():
    """What second derivatives are for: quadratic convergence to a stationary quantizer of given masses."""
    density, positions, masses, _ = problem("mixture in the plane", 3)

    def loss(y):
        return distance(SumOfDiracs(y.reshape(3, 2), torch.tensor(masses)), density)

    y = torch.tensor(optimal_transport_plan(SumOfDiracs(positions, masses), density).barycenters).ravel()
    for _ in range(6):
        plan = optimal_transport_plan(SumOfDiracs(y.reshape(3, 2), torch.tensor(masses)), density)
        y = plan.barycenters.ravel()
    sizes = []
    for _ in range(5):
        slope = torch.func.grad(loss)(y)
        sizes.append(float(slope.norm()))
        y = y - torch.linalg.solve(torch.autograd.functional.hessian(loss, y), slope)
    assert sizes[-1] < 1e-9


# --- Plans ------------------------------------------------------------------------------------------------------------


def outputs(density, positions, masses):
    plan = optimal_transport_plan(SumOfDiracs(positions, masses), density, tol=1e-11)
    return plan.distance, plan.barycenters, plan.weights, plan.cell_masses, plan.brenier_potential


@pytest.mark.parametrize("name", DENSITIES)
def test_plans_are_differentiable_in_torch(name):
    density, positions, masses, directions = problem(name)
    exact = along(lambda y, m: outputs(density, y, m), (positions, masses), directions)
    arguments = [torch.tensor(x, requires_grad=True) for x in (positions, masses)]
    rng = np.random.default_rng(5)
    for found, slope in zip(outputs(density, *arguments), exact):
        cotangent = rng.normal(size=np.shape(slope))
        pulled = torch.autograd.grad((found * torch.tensor(cotangent)).sum(), arguments, retain_graph=True)
        total = sum(float((g * torch.tensor(b)).sum()) for g, b in zip(pulled, directions))
        assert total == pytest.approx(float((cotangent * slope).sum()), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("name", ["mixture on the line", "image", "mixture in space"])
def test_plans_are_differentiable_in_transforms(name):
    density, positions, masses, directions = problem(name)
    exact = along(lambda y, m: outputs(density, y, m), (positions, masses), directions)
    rng = np.random.default_rng(5)
    cotangents = [rng.normal(size=np.shape(x)) for x in exact]
    total = sum(float((c * x).sum()) for c, x in zip(cotangents, exact))

    def value(y, m):
        return sum((c * x).sum() for c, x in zip(constants, outputs(density, y, m)))

    constants = [torch.tensor(c) for c in cotangents]
    slopes = torch.func.grad(value, (0, 1))(torch.tensor(positions), torch.tensor(masses))
    assert sum((s.numpy() * b).sum() for s, b in zip(slopes, directions)) == pytest.approx(total, rel=1e-5, abs=1e-5)
    with enable_x64(True):
        constants = [jnp.asarray(c) for c in cotangents]
        slopes = jax.jit(jax.grad(value, (0, 1)))(jnp.asarray(positions), jnp.asarray(masses))
        assert sum((s * b).sum() for s, b in zip(slopes, directions)) == pytest.approx(total, rel=1e-5, abs=1e-5)
        batch = jnp.stack([jnp.asarray(positions), jnp.asarray(positions[::-1])])
        centres = jax.vmap(lambda y: optimal_transport_plan(SumOfDiracs(y), density).barycenters)(batch)
        np.testing.assert_allclose(centres[0], centres[1][::-1], rtol=1e-7, atol=1e-7)


def test_starts_inside_transforms():
    density, positions, masses, _ = problem("image")
    expected = optimal_transport_plan(SumOfDiracs(positions, masses), density)

    def centres(y, weights=None, like=jnp.asarray):
        first = optimal_transport_plan(SumOfDiracs(y, like(masses)), density, start=weights)
        return optimal_transport_plan(SumOfDiracs(y, like(masses)), density, start=first).barycenters

    with enable_x64(True):
        y = jnp.asarray(positions)
        for weights in (None, expected, expected.weights):
            np.testing.assert_allclose(jax.jit(lambda y, w=weights: centres(y, w))(y), expected.barycenters, atol=1e-9)
        slope = jax.grad(lambda y: centres(y).sum())(y)
    pulled = torch.func.grad(lambda y: centres(y, None, torch.tensor).sum())(torch.tensor(positions))
    np.testing.assert_allclose(slope, pulled, rtol=1e-8)


def test_numpy_and_constants_stay_plain():
    density, positions, masses, _ = problem("image")
    plan = optimal_transport_plan(SumOfDiracs(positions, masses), density)
    assert type(plan.weights) is np.ndarray and plan.converged
    plain = optimal_transport_plan(SumOfDiracs(torch.tensor(positions)), density)
    assert not plain.barycenters.requires_grad and plain.weights.dtype == torch.float64
    single = torch.tensor(positions, dtype=torch.float32, requires_grad=True)
    plan = optimal_transport_plan(SumOfDiracs(single), density)
    assert plan.weights.dtype == torch.float32 and plan.converged and len(plan.power_diagram.cells) == 5
    assert optimal_transport_plan(SumOfDiracs(single), density, start=plan).iterations == 0
    plan.barycenters.sum().backward()
    assert torch.isfinite(single.grad).all()


def test_what_is_not_known_is_refused():
    density, positions, *_ = problem("image")
    values = torch.tensor(density.values, requires_grad=True)
    grid = PolynomialGrid(values, domain=density.domain)
    y = torch.tensor(positions, requires_grad=True)
    with pytest.raises(NotImplementedError, match="in the parameters of the density are not available"):
        optimal_transport_plan(SumOfDiracs(y), grid).barycenters.sum().backward()
    (slope,) = torch.autograd.grad(distance(SumOfDiracs(y), grid), y, create_graph=True)
    with pytest.raises(NotImplementedError, match="second derivatives of distance are not available in the param"):
        slope.sum().backward()
    with pytest.raises(NotImplementedError, match="second derivatives of distance are not available in the param"):
        jax.grad(
            lambda v: jax.grad(lambda y: distance(SumOfDiracs(y), PolynomialGrid(v)))(jnp.asarray(positions)).sum()
        )(jnp.asarray(density.values))
    with pytest.raises(NotImplementedError, match="third derivatives of distance"):
        third = jax.grad(lambda y: jax.hessian(lambda y: distance(SumOfDiracs(y), density))(y).sum())
        third(jnp.asarray(positions))
    with pytest.raises(TypeError, match="check must be false"):
        jax.jit(lambda y: optimal_transport_plan(SumOfDiracs(y), density, check=True).distance)(jnp.asarray(positions))
    with pytest.raises(TypeError, match="traced"):
        jax.jit(lambda y: optimal_transport_plan(SumOfDiracs(y), density).jacobian())(jnp.asarray(positions))


def test_diracs_without_mass():
    density, positions, masses, directions = problem("image")
    masses[2] = 0.0
    y, m = (torch.tensor(x, requires_grad=True) for x in (positions, masses))
    plan = optimal_transport_plan(SumOfDiracs(y, m.detach()), density)
    (slope,) = torch.autograd.grad(plan.barycenters.sum(), y)
    torch.testing.assert_close(slope[2], torch.ones(2, dtype=torch.float64))
    with pytest.raises(ValueError, match="only where all masses are positive"):
        torch.autograd.grad(optimal_transport_plan(SumOfDiracs(y, m), density).barycenters.sum(), m)

    def loss(y):
        return distance(SumOfDiracs(y, m.detach()), density)

    step = torch.tensor(directions[0])
    found = torch.autograd.functional.hvp(loss, y.detach(), step)[1]
    exact = along(lambda y: torch_gradients(density, y, masses)[:1], (positions,), directions[:1])[0]
    np.testing.assert_allclose(found, exact, rtol=1e-5, atol=1e-5)
