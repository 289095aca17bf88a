// Mass, first and second moment of every cell, and those of the density along every edge.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "numeric/parallel.hpp"
#include "numeric/uninitialized.hpp"
#include "plane/cell.hpp"
#include "plane/density.hpp"
#include "plane/unchanged.hpp"

namespace diracs {

struct Cells {
    RawVector<double> mass;    // (n,)
    RawVector<double> first;   // (n, 2): ∫(x − yᵢ)ρ
    RawVector<double> second;  // (n,): ∫|x − yᵢ|²ρ
    RawVector<double> sizes;   // (n, 2): of the terms of mass and second moment (density.hpp)

    Cells(std::size_t n, int threads) : mass(n), first(2 * n), second(n), sizes(2 * n) {
        parallel_for(n, 16384, threads, [&] {
            return [&](std::size_t begin, std::size_t end) {
                for (auto* values : {&mass, &second}) std::fill(values->begin() + begin, values->begin() + end, 0.0);
                for (auto* values : {&first, &sizes})
                    std::fill(values->begin() + 2 * begin, values->begin() + 2 * end, 0.0);
            };
        });
    }

    void store(int i, const CellMoments& moments) {
        const auto k = static_cast<std::size_t>(i);
        mass[k] = moments.mass;
        first[2 * k] = moments.first.x;
        first[2 * k + 1] = moments.first.y;
        second[k] = moments.second;
        sizes[2 * k] = moments.sizes.mass;
        sizes[2 * k + 1] = moments.sizes.second;
    }
};

struct Edges {
    RawVector<int> i, j;             // (e,) i < j
    RawVector<double> displacement;  // (e, 2): yⱼ − yᵢ
    RawVector<double> gap;           // (e,): |yⱼ − yᵢ|
    RawVector<double> integrals;  // (e, 3): ∫(1, τ, τ²)ρ dℓ, τ to the left of yⱼ − yᵢ about the line through both

    explicit Edges(std::size_t e) : i(e), j(e), displacement(2 * e), gap(e), integrals(3 * e) {}
};

// ∂mᵢ/∂wⱼ without its sign, ∫ρ dℓ / (2|yⱼ − yᵢ|), for each edge.
struct Couplings {
    RawVector<int> i, j;         // (e,) i < j
    RawVector<double> strength;  // (e,)

    explicit Couplings(std::size_t e) : i(e), j(e), strength(e) {}
};

struct Moments {
    Cells cells;
    Edges edges;
};

namespace detail {

struct Edge {
    int i;
    int j;
    LineMoments line;
};

struct Coupling {
    int i;
    int j;
    double strength;
};

// Of few seeds each range takes a share, for all threads to have some.
inline std::size_t seeds_per_range(std::size_t ranks) { return std::clamp<std::size_t>(ranks / 8, 24, 256); }

template <class Record>
using Found = std::vector<std::vector<Record>>;  // of each range of ranks

// The moments of all cells, and what `record(i, j, yⱼ − yᵢ, integrals)` makes of each edge i < j on which something of the
// density lies, if edges are asked for. Hidden seeds, and all but one of the seeds at one position, get zeros. Every result
// is computed by one thread and stored by index, so that it does not depend on the number of threads. Cells for which
// known(rank, records) is true are known.
template <class Record, class Density, class Known, class MakeRecord>
Found<Record> integrate(const Density& density, const PowerCells& diagram, bool edges, int threads, Cells& cells,
                        const Known& known, const MakeRecord& make_record) {
    const auto ranks = static_cast<std::size_t>(diagram.ranks());
    const std::size_t size = seeds_per_range(ranks);
    Found<Record> found((ranks + size - 1) / size);
    parallel_for(ranks, size, threads, [&] {
        using Scratch = typename Density::Scratch;
        return [&, scratch = CellScratch(), own = Scratch(),
                lines = std::vector<LineMoments>()](std::size_t begin, std::size_t end) mutable {
            std::vector<Record>& here = found[begin / size];
            if (edges) here.reserve(3 * (end - begin) + 32);  // a planar graph has less than three edges per vertex
            for (int rank = static_cast<int>(begin); rank < static_cast<int>(end); ++rank) {
                if (known(rank, here)) continue;
                const Vec2 origin = diagram.nearest_in_box(rank);
                const Polygon& cell = diagram.cell(rank, origin, scratch);
                if (cell.empty()) continue;
                const int i = diagram.index(rank);
                if (lines.size() < cell.size()) lines.resize(cell.size());
                CellMoments about_origin;
                density.cell(cell, origin, rank, about_origin, edges ? lines.data() : nullptr, own);
                const Vec2 shift = origin - diagram.position(rank);  // x − y = (x − o) + (o − y)
                cells.store(i, about_origin.moved(shift));
                if (!edges) continue;
                for (std::size_t k = 0; k < cell.size(); ++k) {
                    if (cell.labels[k] <= rank || !(lines[k].zeroth > 0.0)) continue;
                    LineMoments line = lines[k].moved(dot(shift, cell.halves[k].tangent()));
                    const int j = diagram.index(cell.labels[k]);
                    const Vec2 y = diagram.position(rank), z = diagram.position(cell.labels[k]);
                    if (i > j) line.first = -line.first;
                    here.push_back(make_record(std::min(i, j), std::max(i, j), i < j ? z - y : y - z, line));
                }
            }
        };
    });
    return found;
}

// Calls store(place, record) for the records of all ranges, one after another, and lets go of them.
template <class Result, class Record, class Store>
Result joined(Found<Record>&& found, int threads, const Store& store) {
    std::vector<std::size_t> start(found.size() + 1, 0);
    for (std::size_t k = 0; k < found.size(); ++k) start[k + 1] = start[k] + found[k].size();
    Result result(start.back());
    parallel_for(found.size(), 16, threads, [&] {
        return [&](std::size_t begin, std::size_t end) {
            for (std::size_t k = begin; k < end; ++k) {
                for (std::size_t e = 0; e < found[k].size(); ++e) store(result, start[k] + e, found[k][e]);
                std::vector<Record>().swap(found[k]);
            }
        };
    });
    return result;
}

}  // namespace detail

// `Density` as described in density.hpp.
template <class Density>
Moments moments(const Density& density, const double* positions, const double* weights, std::size_t n, bool edges,
                int threads) {
    Cells cells(n, threads);
    detail::Found<detail::Edge> found;
    {
        // Of many seeds the diagram is as large as the records of all edges.
        const PowerCells diagram(positions, weights, n, density.domain(), threads);
        found = detail::integrate<detail::Edge>(
            density, diagram, edges, threads, cells, [](int, const auto&) { return false; },
            [](int i, int j, Vec2, const LineMoments& line) { return detail::Edge{i, j, line}; });
    }
    const auto store = [&](Edges& all, std::size_t e, const detail::Edge& edge) {
        const double *y = positions + 2 * std::size_t(edge.i), *z = positions + 2 * std::size_t(edge.j);
        const Vec2 displacement = {z[0] - y[0], z[1] - y[1]};
        all.i[e] = edge.i;
        all.j[e] = edge.j;
        all.displacement[2 * e] = displacement.x;
        all.displacement[2 * e + 1] = displacement.y;
        all.gap[e] = norm(displacement);
        all.integrals[3 * e] = edge.line.zeroth;
        all.integrals[3 * e + 1] = edge.line.first;
        all.integrals[3 * e + 2] = edge.line.second;
    };
    return {std::move(cells), detail::joined<Edges>(std::move(found), threads, store)};
}

// Moments, and what Newton's method asks of edges, of seeds whose neighbours are known; cells that are the same as for
// other weights need not be integrated again.
template <class Density>
std::pair<Cells, Couplings> couplings(const Density& density, const double* positions, const double* weights,
                                      std::size_t n, std::shared_ptr<const Neighbours> neighbours, int threads,
                                      const KnownCouplings* known = nullptr) {
    Cells cells(n, threads);
    std::optional<UnchangedCells> unchanged;
    if (known != nullptr && known->neighbours->order == neighbours->order) {
        unchanged.emplace(*known, weights, *neighbours);
    }
    const auto copied = [&](int rank, std::vector<detail::Coupling>& records) {
        return unchanged && unchanged->copy(rank, cells, [&](int i, int j, double strength) {
            records.push_back({i, j, strength});
        });
    };
    detail::Found<detail::Coupling> found;
    {
        const PowerCells diagram(positions, weights, std::move(neighbours), density.domain(), threads);
        found = detail::integrate<detail::Coupling>(density, diagram, true, threads, cells, copied,
                                                    [](int i, int j, Vec2 displacement, const LineMoments& line) {
                                                        return detail::Coupling{
                                                            i, j, line.zeroth / (2.0 * norm(displacement))};
                                                    });
    }
    const auto store = [](Couplings& all, std::size_t e, const detail::Coupling& edge) {
        all.i[e] = edge.i;
        all.j[e] = edge.j;
        all.strength[e] = edge.strength;
    };
    return {std::move(cells), detail::joined<Couplings>(std::move(found), threads, store)};
}

}  // namespace diracs
