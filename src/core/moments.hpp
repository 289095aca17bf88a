// Mass, first and second moment of every cell, and the integral of the density over every edge.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "cell.hpp"
#include "parallel.hpp"

namespace diracs {

struct Edge {
    int i;
    int j;
    double integral;
};

struct Moments {
    std::vector<double> mass;    // (n,)
    std::vector<double> first;   // (n, 2): ∫(x − yᵢ)ρ
    std::vector<double> second;  // (n,): ∫|x − yᵢ|²ρ
    std::vector<int> edge_i, edge_j;  // i < j
    std::vector<double> edge_integral;  // ∫ρ dℓ > 0
};

constexpr std::size_t kSeedsPerRange = 256;

// `Density` as described in uniform.hpp. Hidden seeds, and all but one of the seeds at one position, get zeros. Every
// result is computed by one thread and stored by index, so that it does not depend on the number of threads.
template <class Density>
Moments moments(const Density& density, const double* positions, const double* weights, std::size_t n, bool edges,
                int threads) {
    const PowerCells cells(positions, weights, n, density.domain(), threads);
    const auto ranks = static_cast<std::size_t>(cells.ranks());
    Moments result;
    result.mass.assign(n, 0.0);
    result.first.assign(2 * n, 0.0);
    result.second.assign(n, 0.0);
    std::vector<std::vector<Edge>> found((ranks + kSeedsPerRange - 1) / kSeedsPerRange);

    parallel_for(ranks, kSeedsPerRange, threads, [&] {
        return [&, scratch = CellScratch()](std::size_t begin, std::size_t end) mutable {
            std::vector<Edge>& here = found[begin / kSeedsPerRange];
            if (edges) here.reserve(3 * (end - begin) + 32);  // a planar graph has less than three edges per vertex
            for (int rank = static_cast<int>(begin); rank < static_cast<int>(end); ++rank) {
                const Vec2 origin = cells.nearest_in_box(rank);
                const Polygon& cell = cells.cell(rank, origin, scratch);
                if (cell.empty()) continue;
                const int i = cells.index(rank);
                double mass, second;
                Vec2 first;
                density.cell(cell, origin, mass, first, second);
                const Vec2 shift = origin - cells.position(rank);  // x − y = (x − o) + (o − y)
                result.mass[i] = mass;
                result.first[2 * i] = first.x + mass * shift.x;
                result.first[2 * i + 1] = first.y + mass * shift.y;
                result.second[i] = second + 2.0 * dot(shift, first) + mass * norm2(shift);
                if (!edges) continue;
                for (std::size_t k = 0; k < cell.size(); ++k) {
                    if (cell.labels[k] <= rank) continue;
                    const double integral = density.line(cell[k], cell[cell.next(k)], origin);
                    if (!(integral > 0.0)) continue;
                    const int j = cells.index(cell.labels[k]);
                    here.push_back({std::min(i, j), std::max(i, j), integral});
                }
            }
        };
    });

    std::size_t total = 0;
    for (const auto& some : found) total += some.size();
    result.edge_i.reserve(total);
    result.edge_j.reserve(total);
    result.edge_integral.reserve(total);
    for (const auto& some : found) {
        for (const Edge& edge : some) {
            result.edge_i.push_back(edge.i);
            result.edge_j.push_back(edge.j);
            result.edge_integral.push_back(edge.integral);
        }
    }
    return result;
}

}  // namespace diracs
