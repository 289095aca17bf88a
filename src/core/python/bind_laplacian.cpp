// The function solve_laplacian of the Python module diracs._core.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "python/arrays.hpp"
#include "graph/laplacian_solve.hpp"
#include "numeric/chunks.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace diracs {
namespace {

void check(const Rows& positions, const Indices& i, const Indices& j, const Numbers& coupling, const Numbers& rhs,
           int threads) {
    const std::size_t n = positions.shape(0), width = positions.shape(1), edges = i.shape(0);
    if (rhs.shape(0) != n) throw nb::value_error("positions and rhs differ in length");
    if (j.shape(0) != edges || coupling.shape(0) != edges) throw nb::value_error("i, j and coupling differ in length");
    if (width == 0 || width > 1000) throw nb::value_error("positions have from 1 to 1000 coordinates");
    if (std::max(n, edges) >= std::size_t{1} << 30) throw nb::value_error("a graph has fewer than 2^30 edges");
    const int size = static_cast<int>(n);
    const auto exists = [size](int v) { return v >= 0 && v < size; };
    std::atomic<bool> known{true}, valid{true};
    for_chunks(edges, threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t e = begin; e < end; ++e) {
            if (!exists(i.data()[e]) || !exists(j.data()[e])) known = false;
            if (!(coupling.data()[e] >= 0.0) || std::isinf(coupling.data()[e])) valid = false;
        }
    });
    if (!known) throw nb::value_error("an edge names a vertex that does not exist");
    if (!valid) throw nb::value_error("couplings must be finite and not negative");
    if (!all_finite(rhs.data(), n) || !all_finite(positions.data(), n * width)) {
        throw nb::value_error("positions and rhs must be finite");
    }
}

LaplacianMethod method_named(const std::string& name) {
    if (name == "auto") return LaplacianMethod::kAuto;
    if (name == "direct") return LaplacianMethod::kDirect;
    if (name == "multigrid") return LaplacianMethod::kMultigrid;
    throw nb::value_error("method must be 'auto', 'direct' or 'multigrid'");
}

nb::tuple solve(const Rows& positions, const Indices& i, const Indices& j, const Numbers& coupling, const Numbers& rhs,
                double tolerance, const std::string& method, int threads) {
    const LaplacianMethod chosen = method_named(method);
    std::vector<double> solution(positions.shape(0));
    Convergence reached;
    {
        const Unlocked unlocked;
        check(positions, i, j, coupling, rhs, threads);
        reached = solve_laplacian(positions.data(), solution.size(), static_cast<int>(positions.shape(1)), i.data(),
                                  j.data(), coupling.data(), coupling.shape(0), rhs.data(), tolerance, chosen, threads,
                                  solution.data());
    }
    return nb::make_tuple(array(std::move(solution)), reached.iterations, reached.residual);
}

}  // namespace

void bind_laplacian(nb::module_& module) {
    module.def(
        "solve_laplacian", &solve, "positions"_a.noconvert(), "i"_a.noconvert(), "j"_a.noconvert(),
        "coupling"_a.noconvert(), "rhs"_a.noconvert(), "tolerance"_a, "method"_a = "auto", nb::kw_only(),
        "threads"_a = 0,
        "Solve L d = rhs for the Laplacian of a graph drawn at `positions` (n, d), rhs of sum zero on components:\n"
        "(d, iterations, residual), with the residual |D^-1/2 (rhs - L d)| / |D^-1/2 rhs|, D the diagonal of L, and\n"
        "no iterations by elimination. The vertex of largest diagonal in each component gets zero, and so do vertices\n"
        "without couplings. method: 'auto', 'direct' or 'multigrid'; threads = 0 takes all processors.");
}

}  // namespace diracs
