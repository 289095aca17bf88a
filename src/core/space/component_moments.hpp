// What the derivatives of a transport cost in the parameters of a mixture in space need.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "numeric/parallel.hpp"
#include "space/cells.hpp"
#include "space/mixture.hpp"

namespace diracs::space {

// For each component, of mass one and density ρ, sums over all cells or all facets.
struct ComponentMoments {
    std::vector<double> potential;  // (k,) Σᵢ ∫(|x − yᵢ|² − wᵢ)ρ
    std::vector<double> first;      // (k, 3) Σᵢ ∫(x − yᵢ)ρ
    std::vector<double> curvature;  // (k, 3, 3) Σ |yᵢ − yⱼ| n nᵀ ∫ρ dA, n the normal of the facet between i and j
};

inline ComponentMoments component_moments(const GaussianMixture& mixture, const double* positions,
                                          const double* weights, std::size_t n, int threads) {
    const PowerCells cells(positions, weights, n, mixture.domain(), threads);
    const std::size_t count = mixture.size();
    constexpr std::size_t kNumbers = 13;
    // Blocks are added in order, so that the result does not depend on the number of threads.
    const std::size_t size = std::max<std::size_t>(64, (n + 63) / 64);
    std::vector<std::vector<double>> blocks((n + size - 1) / size, std::vector<double>(kNumbers * count, 0.0));
    parallel_for(n, size, threads, [&] {
        return [&, scratch = CellScratch(), own = GaussianMixture::Scratch(),
                list = FaceList()](std::size_t begin, std::size_t end) mutable {
            double* sums = blocks[begin / size].data();
            for (int rank = static_cast<int>(begin); rank < static_cast<int>(end); ++rank) {
                const Polyhedron& cell = cells.cell(rank, scratch);
                if (cell.empty()) continue;
                list.of(cell, rank);
                const Vec3 origin = cells.origin(rank), y = cells.position(rank);
                mixture.visit(
                    cell, origin, list, true, true, own,
                    [&](std::size_t k, double, const CellMoments& about, const std::vector<FacetMoments>& on) {
                        const CellMoments moments = about.moved(origin - y);
                        double* sum = sums + kNumbers * k;
                        sum[0] += moments.second - cells.weight(rank) * moments.mass;
                        for (int a = 0; a < 3; ++a) sum[1 + a] += moments.first[a];
                        for (std::size_t f = 0; f < list.begin.size(); ++f) {
                            const int other = cell.faces[cell.left[list.begin[f]]].label;
                            if (other <= rank || !(on[f].zeroth > 0.0)) continue;
                            const Vec3 gap = cells.position(other) - y;
                            const double share = on[f].zeroth / norm(gap);
                            for (int a = 0; a < 3; ++a) {
                                for (int b = 0; b < 3; ++b) sum[4 + 3 * a + b] += share * gap[a] * gap[b];
                            }
                        }
                    });
            }
        };
    });
    ComponentMoments result;
    result.potential.assign(count, 0.0);
    result.first.assign(3 * count, 0.0);
    result.curvature.assign(9 * count, 0.0);
    for (const auto& block : blocks) {
        for (std::size_t k = 0; k < count; ++k) {
            const double* sum = block.data() + kNumbers * k;
            result.potential[k] += sum[0];
            for (int a = 0; a < 3; ++a) result.first[3 * k + a] += sum[1 + a];
            for (int a = 0; a < 9; ++a) result.curvature[9 * k + a] += sum[4 + a];
        }
    }
    return result;
}

}  // namespace diracs::space
