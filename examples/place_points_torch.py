"""Place 200 points for an image with PyTorch's Adam on W₂².

Run it with `python examples/place_points_torch.py [STEPS [PICTURE]]`.
"""

import sys
import time

import torch

from diracs import PolynomialGrid, SumOfDiracs, distance, optimal_transport_plan

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 200
start = time.perf_counter()
t = torch.linspace(0, 1, 64, dtype=torch.float64)
x, y = torch.meshgrid(t, t, indexing="ij")
target_img = torch.exp(-50 * ((x - 0.3) ** 2 + (y - 0.3) ** 2)) + torch.exp(-50 * ((x - 0.7) ** 2 + (y - 0.7) ** 2))
target = PolynomialGrid(values=target_img)

positions = torch.rand(200, 2, dtype=torch.float64, requires_grad=True)
optimizer = torch.optim.Adam([positions], lr=5e-3)
for step in range(steps):
    optimizer.zero_grad()
    loss = distance(SumOfDiracs(positions), target)
    loss.backward()
    optimizer.step()
    if step % 50 == 0 or step == steps - 1:
        print(f"step {step:3}: W₂² = {loss.item():.6f}")
print(f"{steps} steps in {time.perf_counter() - start:.1f} s")
if len(sys.argv) > 2:
    plan = optimal_transport_plan(SumOfDiracs(positions.detach()), target)
    plan.plot(arrows=False).figure.savefig(sys.argv[2], dpi=150)
