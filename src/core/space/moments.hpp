// Mass, first and second moment of every cell in space, and those of the density on every facet.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "numeric/parallel.hpp"
#include "space/cells.hpp"
#include "space/density.hpp"

namespace diracs::space {

struct Facet {
    int i, j;
    Vec3 displacement;
    FacetMoments moments;
};

struct Moments {
    std::vector<double> mass;           // (n,)
    std::vector<double> first;          // (n, 3): ∫(x − yᵢ)ρ
    std::vector<double> second;         // (n,): ∫|x − yᵢ|²ρ
    std::vector<double> sizes;          // (n, 2): of the terms of mass and second, see term_sizes.hpp
    std::vector<int> facet_i, facet_j;  // i <= j
    std::vector<double> displacement;   // (f, 3): yⱼ − yᵢ, with the image of yⱼ that is meant
    std::vector<double> area;           // (f,): ∫ρ dA
    std::vector<double> facet_first;    // (f, 3): ∫(x − yᵢ)ρ dA
    std::vector<double> facet_second;   // (f, 6): ∫(x − yᵢ)(x − yᵢ)ᵀρ dA; none if not asked for
};

constexpr std::size_t kCellsPerRange = 64;

// `Density` as described in density.hpp; `pairs` as in cells.hpp. Hidden seeds, and all but one of the seeds at one position, get zeros. Every
// result is computed by one thread and stored by index, so that it does not depend on the number of threads.
template <class Density>
Moments moments(const Density& density, const double* positions, const double* weights, std::size_t n, bool facets,
                bool second, int threads, const Pairs& pairs = {}) {
    const PowerCells cells(positions, weights, n, density.domain(), threads, pairs);
    Moments result;
    result.mass.assign(n, 0.0);
    result.first.assign(3 * n, 0.0);
    result.second.assign(n, 0.0);
    result.sizes.assign(2 * n, 0.0);
    std::vector<std::vector<Facet>> found((n + kCellsPerRange - 1) / kCellsPerRange);

    parallel_for(n, kCellsPerRange, threads, [&] {
        using Scratch = typename Density::Scratch;
        return [&, scratch = CellScratch(), own = Scratch(), list = FaceList(),
                on = std::vector<FacetMoments>()](std::size_t begin, std::size_t end) mutable {
            std::vector<Facet>& here = found[begin / kCellsPerRange];
            if (facets) here.reserve(8 * (end - begin));
            for (int rank = static_cast<int>(begin); rank < static_cast<int>(end); ++rank) {
                const Polyhedron& cell = cells.cell(rank, scratch);
                if (cell.empty()) continue;
                list.of(cell, rank - 1);
                if (on.size() < list.begin.size()) on.resize(list.begin.size());
                const Vec3 origin = cells.origin(rank), shift = origin - cells.position(rank);
                const int i = cells.index(rank);
                const CellMoments moments =
                    density.cell(cell, origin, list, facets ? on.data() : nullptr, own).moved(shift);
                result.mass[i] = moments.mass;
                result.first[3 * i] = moments.first.x;
                result.first[3 * i + 1] = moments.first.y;
                result.first[3 * i + 2] = moments.first.z;
                result.second[i] = moments.second;
                result.sizes[2 * i] = moments.sizes.mass;
                result.sizes[2 * i + 1] = moments.sizes.second;
                if (!facets) continue;
                for (std::size_t f = 0; f < list.begin.size(); ++f) {
                    const Face& face = cell.faces[cell.left[list.begin[f]]];
                    if (face.label < rank || (face.label == rank && face.shift <= kNoShift)) continue;
                    if (!(on[f].zeroth > 0.0)) continue;
                    FacetMoments moved = on[f].moved(shift);
                    const Vec3 step = cells.position(face.label) + cells.shift(face.shift) - cells.position(rank);
                    const int j = cells.index(face.label);
                    if (i <= j) {
                        here.push_back({i, j, step, moved});
                    } else {
                        here.push_back({j, i, -1.0 * step, moved.moved(-1.0 * step)});
                    }
                }
            }
        };
    });

    std::size_t total = 0;
    for (const auto& some : found) total += some.size();
    result.facet_i.reserve(total), result.facet_j.reserve(total);
    result.displacement.reserve(3 * total), result.area.reserve(total), result.facet_first.reserve(3 * total);
    for (auto& some : found) {
        for (const Facet& facet : some) {
            result.facet_i.push_back(facet.i);
            result.facet_j.push_back(facet.j);
            result.area.push_back(facet.moments.zeroth);
            for (int axis = 0; axis < 3; ++axis) {
                result.displacement.push_back(facet.displacement[axis]);
                result.facet_first.push_back(facet.moments.first[axis]);
            }
            if (!second) continue;
            const Sym3& m = facet.moments.second;
            result.facet_second.insert(result.facet_second.end(), {m.xx, m.xy, m.xz, m.yy, m.yz, m.zz});
        }
        some = {};
    }
    return result;
}

}  // namespace diracs::space
