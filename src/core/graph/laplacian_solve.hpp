// Laplacian systems of graphs drawn in the plane: by elimination while that is faster, by multigrid above.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "graph/laplacian_direct.hpp"
#include "graph/laplacian_multigrid.hpp"
#include "plane/spatial_order.hpp"
#include "plane/vec2.hpp"
#include "graph/weighted_graph.hpp"

namespace diracs {

enum class LaplacianMethod { kAuto, kDirect, kMultigrid };

// Couplings this much below the largest are taken for zero: products and quotients of them would underflow.
constexpr double kLeastCoupling = 1e-280;
constexpr int kMostIterations = 200;

// Planar graphs need about 40 entries per vertex at n = 10⁴, 60 at n = 10⁶, and elimination is then the faster method.
// Factors with many more are left to multigrid, unless it fails and they fit into memory.
constexpr std::size_t kEntriesPerVertex = 90, kFewEntries = 4'000'000, kMostEntries = 500'000'000;

// Vertices along a Hilbert curve of their bounding box, so that neighbours are near each other in memory.
inline void sort_along_curve(std::vector<int>& vertices, const double* positions) {
    double low[2], high[2];
    for (int a = 0; a < 2; ++a) {
        low[a] = std::numeric_limits<double>::infinity();
        high[a] = -low[a];
        for (const int v : vertices) {
            low[a] = std::min(low[a], positions[2 * static_cast<std::size_t>(v) + a]);
            high[a] = std::max(high[a], positions[2 * static_cast<std::size_t>(v) + a]);
        }
    }
    const double side = std::max(0.5 * high[0] - 0.5 * low[0], 0.5 * high[1] - 0.5 * low[1]);
    const double cells = side > 0.0 ? static_cast<double>((1u << kHilbertBits) - 1) : 0.0;
    std::vector<std::uint64_t> keys(vertices.size()), buffer;
    for (std::size_t k = 0; k < keys.size(); ++k) {
        const double* p = positions + 2 * static_cast<std::size_t>(vertices[k]);
        std::uint32_t place[2] = {0, 0};
        for (int a = 0; a < 2 && cells > 0.0; ++a) {
            place[a] = static_cast<std::uint32_t>(std::min(1.0, (0.5 * p[a] - 0.5 * low[a]) / side) * cells);
        }
        const std::uint64_t along = hilbert_index(place[0], place[1]);
        keys[k] = along << 32 | static_cast<std::uint32_t>(vertices[k]);
    }
    radix_sort(keys, buffer);
    for (std::size_t k = 0; k < keys.size(); ++k) vertices[k] = static_cast<int>(keys[k] & 0xffffffffu);
}

// x with Lx = b up to `tolerance` in the norm of Convergence, zero on the vertex of largest diagonal of each component
// and on vertices without couplings. What b lacks in consistency is taken off in proportion to the diagonal.
inline Convergence solve_laplacian(const double* positions, std::size_t n, const int* i, const int* j,
                                   const double* coupling, std::size_t edges, const double* b, double tolerance,
                                   LaplacianMethod method, int threads, double* x) {
    std::fill(x, x + n, 0.0);
    double most = 0.0;
    for (std::size_t e = 0; e < edges; ++e) {
        if (i[e] != j[e]) most = std::max(most, coupling[e]);
    }
    if (!(most > 0.0)) return {};
    // Powers of two bring the largest coupling and the largest entry of b near one.
    const int exponent = std::ilogb(most);
    const double least = most * kLeastCoupling;
    std::vector<int> number(n, -1), vertices;
    for (std::size_t e = 0; e < edges; ++e) {
        if (i[e] != j[e] && coupling[e] > least) number[i[e]] = number[j[e]] = 0;
    }
    for (std::size_t v = 0; v < n; ++v) {
        if (number[v] == 0) vertices.push_back(static_cast<int>(v));
    }
    sort_along_curve(vertices, positions);
    const int size = static_cast<int>(vertices.size());
    std::vector<Vec2> places(size);
    double largest = 0.0;
    for (int k = 0; k < size; ++k) {
        const std::size_t v = vertices[k];
        number[v] = k;
        places[k] = {positions[2 * v], positions[2 * v + 1]};
        largest = std::max(largest, std::abs(b[v]));
    }
    if (!(largest > 0.0)) return {};
    const int b_exponent = std::ilogb(largest);
    const WeightedGraph graph = graph_of_edges(size, number, i, j, coupling, edges, least, -exponent);
    const Components components(graph);
    std::vector<double> rhs(size), found(size), rest(size);
    for (int k = 0; k < size; ++k) rhs[k] = std::scalbn(b[vertices[k]], -b_exponent);
    components.balance(graph, rhs);
    const double norm = LaplacianMultigrid::scaled_norm(rhs, graph.diagonal);
    if (!(norm > 0.0)) return {};

    Convergence reached;
    const auto update_residual = [&] {
        graph.residual(rhs.data(), found.data(), rest.data());
        reached.residual = LaplacianMultigrid::scaled_norm(rest, graph.diagonal) / norm;
    };
    // Rounding of x alone leaves a residual of about this.
    const auto attainable = [&] {
        double square = 0.0;
        for (int k = 0; k < size; ++k) square += graph.diagonal[k] * found[k] * found[k];
        return 4.0 * std::numeric_limits<double>::epsilon() * std::sqrt(square) / norm;
    };
    const auto iterate = [&] {
        LaplacianMultigrid multigrid(graph, places);
        reached.iterations = multigrid.solve(rhs, 0.9 * tolerance, kMostIterations, found).iterations;
        update_residual();
        return reached.residual <= std::max(tolerance, attainable());
    };
    // Elimination with two steps of iterative refinement; leaves x alone if the factor would be too large.
    const auto eliminate = [&](std::size_t entries) {
        LaplacianFactor factor(graph, places, components, threads, entries);
        if (!factor.fits()) return false;
        factor.solve(rhs.data(), found.data());
        update_residual();
        std::vector<double> correction(size);
        for (int step = 0; step < 2 && reached.residual > tolerance; ++step) {
            const std::vector<double> before = found;
            const double residual = reached.residual;
            components.balance(graph, rest);
            factor.solve(rest.data(), correction.data());
            for (int k = 0; k < size; ++k) found[k] += correction[k];
            update_residual();
            if (!(reached.residual < residual)) {
                found = before;
                reached.residual = residual;
                break;
            }
        }
        return true;
    };
    const std::size_t worth = kEntriesPerVertex * static_cast<std::size_t>(size) + kFewEntries;
    switch (method) {
        case LaplacianMethod::kDirect: eliminate(kNoLimit); break;
        case LaplacianMethod::kMultigrid: iterate() || eliminate(kMostEntries); break;
        case LaplacianMethod::kAuto: eliminate(worth) || iterate() || eliminate(kMostEntries); break;
    }
    components.ground_solution(found);
    for (int k = 0; k < size; ++k) x[vertices[k]] = std::scalbn(found[k], b_exponent - exponent);
    return reached;
}

}  // namespace diracs
