// Mass, first and second moment of every cell, and those of the density along every edge.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "plane/cell.hpp"
#include "plane/density.hpp"
#include "numeric/parallel.hpp"

namespace diracs {

struct Edge {
    int i;
    int j;
    LineMoments line;
};

struct Moments {
    std::vector<double> mass;    // (n,)
    std::vector<double> first;   // (n, 2): ∫(x − yᵢ)ρ
    std::vector<double> second;  // (n,): ∫|x − yᵢ|²ρ
    std::vector<double> sizes;   // (n, 2): of the terms of mass and second moment (density.hpp)
    std::vector<int> edge_i, edge_j;  // i < j
    std::vector<double> line;  // (e, 3): ∫(1, τ, τ²)ρ dℓ, τ to the left of yⱼ − yᵢ about the line through both
};

constexpr std::size_t kSeedsPerRange = 256;

// `Density` as described in density.hpp. Hidden seeds, and all but one of the seeds at one position, get zeros. Every
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
    result.sizes.assign(2 * n, 0.0);
    std::vector<std::vector<Edge>> found((ranks + kSeedsPerRange - 1) / kSeedsPerRange);

    parallel_for(ranks, kSeedsPerRange, threads, [&] {
        using Scratch = typename Density::Scratch;
        return [&, scratch = CellScratch(), own = Scratch(), lines = std::vector<LineMoments>()](
                   std::size_t begin, std::size_t end) mutable {
            std::vector<Edge>& here = found[begin / kSeedsPerRange];
            if (edges) here.reserve(3 * (end - begin) + 32);  // a planar graph has less than three edges per vertex
            for (int rank = static_cast<int>(begin); rank < static_cast<int>(end); ++rank) {
                const Vec2 origin = cells.nearest_in_box(rank);
                const Polygon& cell = cells.cell(rank, origin, scratch);
                if (cell.empty()) continue;
                const int i = cells.index(rank);
                if (lines.size() < cell.size()) lines.resize(cell.size());
                CellMoments about_origin;
                density.cell(cell, origin, rank, about_origin, edges ? lines.data() : nullptr, own);
                const Vec2 shift = origin - cells.position(rank);  // x − y = (x − o) + (o − y)
                const CellMoments moments = about_origin.moved(shift);
                result.mass[i] = moments.mass;
                result.first[2 * i] = moments.first.x;
                result.first[2 * i + 1] = moments.first.y;
                result.second[i] = moments.second;
                result.sizes[2 * i] = moments.sizes.mass;
                result.sizes[2 * i + 1] = moments.sizes.second;
                if (!edges) continue;
                for (std::size_t k = 0; k < cell.size(); ++k) {
                    if (cell.labels[k] <= rank || !(lines[k].zeroth > 0.0)) continue;
                    LineMoments line = lines[k].moved(dot(shift, cell.halves[k].tangent()));
                    const int j = cells.index(cell.labels[k]);
                    if (i > j) line.first = -line.first;
                    here.push_back({std::min(i, j), std::max(i, j), line});
                }
            }
        };
    });

    std::size_t total = 0;
    for (const auto& some : found) total += some.size();
    result.edge_i.reserve(total);
    result.edge_j.reserve(total);
    result.line.reserve(3 * total);
    for (const auto& some : found) {
        for (const Edge& edge : some) {
            result.edge_i.push_back(edge.i);
            result.edge_j.push_back(edge.j);
            for (const double x : {edge.line.zeroth, edge.line.first, edge.line.second}) result.line.push_back(x);
        }
    }
    return result;
}

}  // namespace diracs
