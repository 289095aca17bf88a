"""Functions and modules of PyTorch have bounds that hold PyTorch's Jacobians."""

from __future__ import annotations

import numpy as np
import pytest
from optional import optional

from diracs.intervals import jacobian_of

torch = optional("torch")
nn = optional("torch.nn")


@pytest.fixture(autouse=True)
def double_precision():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.fixture
def torch_holds(holds):
    def check(f, **options):
        row = torch.func.vmap(torch.func.jacrev(lambda x: f(x[None])[0]))
        with torch.no_grad():
            return holds(f, lambda x: row(torch.tensor(x)).numpy(), lambda x: f(torch.tensor(x)).numpy(), **options)

    return check


@pytest.mark.parametrize(
    "layer",
    [
        nn.ReLU(),
        nn.ReLU(inplace=True),
        nn.LeakyReLU(0.2),
        nn.ELU(),
        nn.SELU(),
        nn.CELU(0.5),
        nn.GELU(),
        nn.GELU("tanh"),
        nn.SiLU(),
        nn.Sigmoid(),
        nn.LogSigmoid(),
        nn.Softplus(2.0),
        nn.Softsign(),
        nn.Tanhshrink(),
        nn.Hardtanh(-0.5, 0.7),
        nn.ReLU6(),
        nn.Identity(),
        nn.Dropout().eval(),
        nn.BatchNorm1d(4).eval(),
        nn.Flatten(),
    ],
    ids=lambda layer: str(layer),
)
def test_layers(layer, torch_holds):
    torch.manual_seed(2)
    if isinstance(layer, nn.BatchNorm1d):
        layer.running_mean, layer.running_var = torch.randn(4), torch.rand(4) + 0.5
        layer.weight.data, layer.bias.data = torch.randn(4), torch.randn(4)
    torch_holds(nn.Sequential(nn.Linear(2, 4), layer, nn.Linear(4, 2)))


def test_single_precision_parameters_count_as_they_are(boxes):
    torch.manual_seed(3)
    single = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1)).float()
    double = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1)).double()
    double.load_state_dict(single.state_dict())
    np.testing.assert_array_equal(jacobian_of(single)(boxes), jacobian_of(double)(boxes))


def torch_written(x):
    y = torch.zeros_like(x)
    y[:, 0] = x[:, 0].sin()
    y[:, 1] += x.prod(1)
    y.mul_(2.0)
    return torch.cat([y, x.clamp(-0.5, 0.5), x[..., :1].unsqueeze(-1).squeeze(-1)], dim=-1)


TORCH = {
    "written": torch_written,
    "methods": lambda x: x.exp().add(1.0).log().pow(2).sub(x, alpha=0.5).transpose(0, 1).t(),
    "where": lambda x: torch.where((x > 0) & ~(x > 1), x, x.clamp(0, 1)) + torch.maximum(x, 0.5 * x),
    "reduced": lambda x: torch.stack((x.sum(1), x.mean(-1), x.amax(1), torch.linalg.norm(x + 3, dim=1)), dim=1),
    "columns": lambda x: torch.stack([torch.atan2(x[:, 0], 5 + x[:, 1]), 2.0 / (4 - x[:, 0]), 1 - x[:, 1]], 1),
    "split": lambda x: torch.cat([a * b for a, b in zip(x.split(1, 1), x.flip(1).chunk(2, 1))], 1),
    "rows": lambda x: torch.einsum("ni,ij,nj->n", x, torch.tensor([[1.0, 2.0], [0.5, -1.0]]), x).view(-1, 1),
    "constants": lambda x: torch.tensor([1.0, 2.0]) - torch.tensor([[3.0]]) * x / torch.tensor(2.0),
}


@pytest.mark.parametrize("name", TORCH)
def test_functions_of_torch(name, torch_holds):
    torch_holds(TORCH[name], continuous=name == "where")


@pytest.mark.parametrize(
    ("f", "named"),
    [
        (lambda x: torch.fft.fft(x).real, r"torch\.fft_fft"),
        (lambda x: torch.sort(x, 1)[0], r"torch\.sort"),
        (nn.Sequential(nn.Dropout()), r"call \.eval"),
        (lambda x: torch.max(x, 1)[0][:, None], "use amax"),
        (lambda x: torch.nn.functional.conv1d(x[None], torch.ones(1, 1, 1))[0], r"torch\.conv1d"),
        (lambda x: torch.zeros(1, 2).copy_(x), "zeros_like"),
    ],
)
def test_operations_that_are_not_understood_are_named(f, named):
    with pytest.raises(TypeError, match=named) as caught:
        jacobian_of(f, 2)
    assert "Smooth(f, jacobian=" in str(caught.value)


def test_a_transpose_of_torch_is_not_one_of_numpy(boxes):
    matrix = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    low, high = jacobian_of(lambda x: (matrix @ x.transpose(0, 1)).transpose(0, 1))(boxes[:1])
    np.testing.assert_allclose(low[0], matrix, rtol=1e-14)
    np.testing.assert_allclose(high[0], matrix, rtol=1e-14)
