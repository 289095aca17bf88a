// Laplacian systems of graphs drawn in space of any dimension: by elimination while that is faster, by multigrid above.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "graph/laplacian_direct.hpp"
#include "graph/laplacian_multigrid.hpp"
#include "graph/weighted_graph.hpp"
#include "numeric/chunks.hpp"
#include "numeric/spatial_order.hpp"
#include "numeric/uninitialized.hpp"

namespace diracs {

enum class LaplacianMethod { kAuto, kDirect, kMultigrid };

// Couplings this much below the largest are taken for zero: products and quotients of them would underflow.
constexpr double kLeastCoupling = 1e-280;
constexpr int kMostIterations = 200;

// With many vertices a few digits are had sooner by multigrid, in so many iterations.
constexpr double kLoose = 1e-5;
constexpr int kMany = 5000, kFewIterations = 40;

// Planar graphs need about 40 entries per vertex at n = 10⁴, 60 at n = 10⁶, and elimination is then the faster method.
// Factors with many more are left to multigrid, unless it fails and they fit into memory: those of graphs in space from 1000
// vertices on, with 10⁴ it is eight times faster.
constexpr std::size_t kEntriesPerVertex = 90, kFewEntries = 50'000, kMostEntries = 500'000'000;

// The largest of value(k) for k < n, or zero.
template <class Value>
double largest(std::size_t n, int threads, const Value& value) {
    std::vector<double> found((n + kChunkSize - 1) / kChunkSize, 0.0);
    for_chunks(n, threads, [&](std::size_t begin, std::size_t end) {
        double& most = found[begin / kChunkSize];
        for (std::size_t k = begin; k < end; ++k) most = std::max(most, value(k));
    });
    return found.empty() ? 0.0 : *std::max_element(found.begin(), found.end());
}

// The vertices of edges whose coupling exceeds `least`, in increasing order.
inline std::vector<int> coupled_vertices(std::size_t n, const int* i, const int* j, const double* coupling,
                                         std::size_t edges, double least, int threads) {
    RawVector<std::atomic<bool>> coupled(n);
    for_chunks(n, threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t v = begin; v < end; ++v) coupled[v].store(false, std::memory_order_relaxed);
    });
    for_chunks(edges, threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t e = begin; e < end; ++e) {
            if (i[e] == j[e] || !(coupling[e] > least)) continue;
            for (const int v : {i[e], j[e]}) coupled[v].store(true, std::memory_order_relaxed);
        }
    });
    std::vector<int> vertices;
    vertices.reserve(n);
    for (std::size_t v = 0; v < n; ++v) {
        if (coupled[v].load(std::memory_order_relaxed)) vertices.push_back(static_cast<int>(v));
    }
    return vertices;
}

// x with Lx = b, for vertices at positions (n, width), up to `tolerance` in the norm of Convergence, zero on the vertex of largest diagonal of each component
// and on vertices without couplings. What b lacks in consistency is taken off in proportion to the diagonal.
inline Convergence solve_laplacian(const double* positions, std::size_t n, int width, const int* i, const int* j,
                                   const double* coupling, std::size_t edges, const double* b, double tolerance,
                                   LaplacianMethod method, int threads, double* x) {
    std::fill(x, x + n, 0.0);
    const double most = largest(edges, threads, [&](std::size_t e) { return i[e] != j[e] ? coupling[e] : 0.0; });
    if (!(most > 0.0)) return {};
    // Powers of two bring the largest coupling and the largest entry of b near one.
    const int exponent = std::ilogb(most);
    const double least = most * kLeastCoupling;
    std::vector<int> vertices = coupled_vertices(n, i, j, coupling, edges, least, threads);
    sort_along_curve(vertices, positions, width, threads);
    const auto size = vertices.size();
    RawVector<int> number(n);
    Places places(size, width);
    for_chunks(size, threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t k = begin; k < end; ++k) {
            const std::size_t v = vertices[k];
            number[v] = static_cast<int>(k);
            std::copy_n(positions + v * width, width, places[static_cast<int>(k)]);
        }
    });
    const double scale = largest(size, threads, [&](std::size_t k) { return std::abs(b[vertices[k]]); });
    if (!(scale > 0.0)) return {};
    const int b_exponent = std::ilogb(scale);
    const WeightedGraph graph =
        graph_of_edges(static_cast<int>(size), number, i, j, coupling, edges, least, -exponent, threads);
    const Components components(graph, threads);
    RawVector<double> rhs(size), found(size), rest(size);
    for_chunks(size, threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t k = begin; k < end; ++k) rhs[k] = std::scalbn(b[vertices[k]], -b_exponent);
    });
    components.balance(graph, rhs, threads);
    const double norm = LaplacianMultigrid::scaled_norm(rhs, graph.diagonal, threads);
    if (!(norm > 0.0)) return {};

    Convergence reached;
    const auto update_residual = [&] {
        graph.residual(rhs.data(), found.data(), rest.data(), threads);
        reached.residual = LaplacianMultigrid::scaled_norm(rest, graph.diagonal, threads) / norm;
    };
    // Rounding of x alone leaves a residual of about this.
    const auto attainable = [&] {
        const auto square = sum_chunks<1>(size, threads, [&](std::size_t begin, std::size_t end, auto& sums) {
            for (std::size_t k = begin; k < end; ++k) sums[0] += graph.diagonal[k] * found[k] * found[k];
        });
        return 4.0 * std::numeric_limits<double>::epsilon() * std::sqrt(square[0]) / norm;
    };
    const auto iterate = [&](int iterations) {
        LaplacianMultigrid multigrid(graph, places, threads);
        reached.iterations = multigrid.solve(rhs, 0.9 * tolerance, iterations, found).iterations;
        update_residual();
        return reached.residual <= tolerance || reached.residual <= attainable();
    };
    // Elimination with two steps of iterative refinement; leaves x alone if the factor would be too large.
    const auto eliminate = [&](std::size_t entries) {
        LaplacianFactor factor(graph, places, components, threads, entries);
        if (!factor.fits()) return false;
        factor.solve(rhs.data(), found.data());
        update_residual();
        RawVector<double> correction(size);
        for (int step = 0; step < 2 && reached.residual > tolerance; ++step) {
            const RawVector<double> before = found;
            const double residual = reached.residual;
            components.balance(graph, rest, threads);
            factor.solve(rest.data(), correction.data());
            for (std::size_t k = 0; k < size; ++k) found[k] += correction[k];
            update_residual();
            if (!(reached.residual < residual)) {
                found = before;
                reached.residual = residual;
                break;
            }
        }
        return true;
    };
    const std::size_t worth = kEntriesPerVertex * size + kFewEntries;
    switch (method) {
        case LaplacianMethod::kDirect: eliminate(kNoLimit); break;
        case LaplacianMethod::kMultigrid: iterate(kMostIterations) || eliminate(kMostEntries); break;
        case LaplacianMethod::kAuto:
            (tolerance >= kLoose && size >= kMany && iterate(kFewIterations)) || eliminate(worth) ||
                iterate(kMostIterations) || eliminate(kMostEntries);
            break;
    }
    components.ground_solution(found, threads);
    for_chunks(size, threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t k = begin; k < end; ++k) x[vertices[k]] = std::scalbn(found[k], b_exponent - exponent);
    });
    return reached;
}

}  // namespace diracs
