// Laplacian systems of graphs drawn in one, two and three dimensions, by both methods.
#include <cmath>
#include <random>
#include <vector>

#include "graph/laplacian_solve.hpp"
#include "sanitize.hpp"

namespace diracs {
namespace {

// The grid graph of side^width vertices, with some edges missing, some weak, some given twice.
void check_grid(int side, int width, LaplacianMethod method, const char* input) {
    std::mt19937_64 random(side);
    std::uniform_real_distribution<double> uniform(0.0, 1.0);
    std::size_t n = 1;
    for (int a = 0; a < width; ++a) n *= side;
    std::vector<double> positions(n * width), coupling;
    std::vector<int> i, j;
    for (std::size_t v = 0; v < n; ++v) {
        std::size_t step = 1;
        for (int a = 0; a < width; ++a, step *= side) {
            const auto place = (v / step) % side;
            positions[v * width + a] = double(place) + 0.3 * uniform(random);
            if (place + 1 == std::size_t(side) || random() % 20 == 0) continue;
            for (int times = random() % 30 == 0 ? 2 : 1; times > 0; --times) {
                i.push_back(int(v));
                j.push_back(int(v + step));
                coupling.push_back(random() % 50 == 0 ? 1e-290 : std::pow(10.0, -6.0 * uniform(random)));
            }
        }
    }
    // A right-hand side that has a solution.
    std::vector<double> given(n), b(n, 0.0), x(n);
    for (double& value : given) value = uniform(random);
    for (std::size_t e = 0; e < i.size(); ++e) {
        const double flow = coupling[e] * (given[i[e]] - given[j[e]]);
        b[i[e]] += flow;
        b[j[e]] -= flow;
    }
    for (const int threads : {1, 3}) {
        const Convergence reached = solve_laplacian(positions.data(), n, width, i.data(), j.data(), coupling.data(),
                                                    coupling.size(), b.data(), 1e-9, method, threads, x.data());
        require(n == 1 || reached.residual <= 1e-9, "residual", input);
        for (std::size_t e = 0; e < i.size(); ++e) {
            if (coupling[e] < 1e-200) continue;
            const double wrong = (x[i[e]] - x[j[e]]) - (given[i[e]] - given[j[e]]);
            require(coupling[e] * wrong * wrong < 1e-12 * double(n), "flow", input);
        }
    }
}

}  // namespace

void check_laplacian() {
    for (const LaplacianMethod method : {LaplacianMethod::kDirect, LaplacianMethod::kMultigrid}) {
        for (const int side : {1, 2, 40, 2000}) check_grid(side, 1, method, "line");
        for (const int side : {2, 7, 50}) check_grid(side, 2, method, "plane");
        for (const int side : {2, 5, 12}) check_grid(side, 3, method, "space");
        check_grid(2, 9, method, "nine dimensions");
    }
}

}  // namespace diracs
