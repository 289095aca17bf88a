// Mass, first and second moment of every cell, and those of the density along every edge.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "plane/cell.hpp"
#include "plane/density.hpp"
#include "numeric/parallel.hpp"

namespace diracs {

struct Cells {
    std::vector<double> mass;    // (n,)
    std::vector<double> first;   // (n, 2): ∫(x − yᵢ)ρ
    std::vector<double> second;  // (n,): ∫|x − yᵢ|²ρ
    std::vector<double> sizes;   // (n, 2): of the terms of mass and second moment (density.hpp)
};

struct Edges {
    std::vector<int> i, j;             // (e,) i < j
    std::vector<double> displacement;  // (e, 2): yⱼ − yᵢ
    std::vector<double> gap;           // (e,): |yⱼ − yᵢ|
    std::vector<double> integrals;  // (e, 3): ∫(1, τ, τ²)ρ dℓ, τ to the left of yⱼ − yᵢ about the line through both
};

struct Moments {
    Cells cells;
    Edges edges;
};

namespace detail {

struct Edge {
    int i;
    int j;
    Vec2 displacement;
    LineMoments line;
};

// Those of all ranges, one after another.
inline Edges joined(const std::vector<std::vector<Edge>>& ranges) {
    std::size_t total = 0;
    for (const auto& range : ranges) total += range.size();
    Edges edges;
    for (auto* index : {&edges.i, &edges.j}) index->reserve(total);
    edges.displacement.reserve(2 * total);
    edges.gap.reserve(total);
    edges.integrals.reserve(3 * total);
    for (const auto& range : ranges) {
        for (const Edge& edge : range) {
            edges.i.push_back(edge.i);
            edges.j.push_back(edge.j);
            for (const double x : {edge.displacement.x, edge.displacement.y}) edges.displacement.push_back(x);
            edges.gap.push_back(norm(edge.displacement));
            for (const double x : {edge.line.zeroth, edge.line.first, edge.line.second}) edges.integrals.push_back(x);
        }
    }
    return edges;
}

}  // namespace detail

constexpr std::size_t kSeedsPerRange = 256;

// `Density` as described in density.hpp. Hidden seeds, and all but one of the seeds at one position, get zeros. Every
// result is computed by one thread and stored by index, so that it does not depend on the number of threads.
template <class Density>
Moments moments(const Density& density, const double* positions, const double* weights, std::size_t n, bool edges,
                int threads) {
    const PowerCells diagram(positions, weights, n, density.domain(), threads);
    const auto ranks = static_cast<std::size_t>(diagram.ranks());
    Moments result;
    Cells& cells = result.cells;
    cells.mass.assign(n, 0.0);
    cells.first.assign(2 * n, 0.0);
    cells.second.assign(n, 0.0);
    cells.sizes.assign(2 * n, 0.0);
    std::vector<std::vector<detail::Edge>> found((ranks + kSeedsPerRange - 1) / kSeedsPerRange);

    parallel_for(ranks, kSeedsPerRange, threads, [&] {
        using Scratch = typename Density::Scratch;
        return [&, scratch = CellScratch(), own = Scratch(),
                lines = std::vector<LineMoments>()](std::size_t begin, std::size_t end) mutable {
            std::vector<detail::Edge>& here = found[begin / kSeedsPerRange];
            if (edges) here.reserve(3 * (end - begin) + 32);  // a planar graph has less than three edges per vertex
            for (int rank = static_cast<int>(begin); rank < static_cast<int>(end); ++rank) {
                const Vec2 origin = diagram.nearest_in_box(rank);
                const Polygon& cell = diagram.cell(rank, origin, scratch);
                if (cell.empty()) continue;
                const int i = diagram.index(rank);
                if (lines.size() < cell.size()) lines.resize(cell.size());
                CellMoments about_origin;
                density.cell(cell, origin, rank, about_origin, edges ? lines.data() : nullptr, own);
                const Vec2 shift = origin - diagram.position(rank);  // x − y = (x − o) + (o − y)
                const CellMoments moments = about_origin.moved(shift);
                cells.mass[i] = moments.mass;
                cells.first[2 * i] = moments.first.x;
                cells.first[2 * i + 1] = moments.first.y;
                cells.second[i] = moments.second;
                cells.sizes[2 * i] = moments.sizes.mass;
                cells.sizes[2 * i + 1] = moments.sizes.second;
                if (!edges) continue;
                for (std::size_t k = 0; k < cell.size(); ++k) {
                    if (cell.labels[k] <= rank || !(lines[k].zeroth > 0.0)) continue;
                    LineMoments line = lines[k].moved(dot(shift, cell.halves[k].tangent()));
                    const int j = diagram.index(cell.labels[k]);
                    const Vec2 y = diagram.position(rank), z = diagram.position(cell.labels[k]);
                    if (i > j) line.first = -line.first;
                    here.push_back({std::min(i, j), std::max(i, j), i < j ? z - y : y - z, line});
                }
            }
        };
    });

    result.edges = detail::joined(found);
    return result;
}

}  // namespace diracs
