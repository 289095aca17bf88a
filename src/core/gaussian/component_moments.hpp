// What the derivatives of a transport cost in the parameters of a mixture need.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "plane/cell.hpp"
#include "plane/density.hpp"
#include "gaussian/mixture.hpp"
#include "numeric/parallel.hpp"

namespace diracs {

// For each component, of mass one and density ρ, sums over all cells or all edges.
struct ComponentMoments {
    std::vector<double> potential;  // (k,) Σᵢ ∫(|x − yᵢ|² − wᵢ)ρ
    std::vector<double> first;      // (k, 2) Σᵢ ∫(x − yᵢ)ρ
    std::vector<double> curvature;  // (k, 2, 2) Σ |yᵢ − yⱼ| n nᵀ ∫ρ dℓ, n the normal of the edge between i and j
};

inline ComponentMoments component_moments(const GaussianMixture& mixture, const double* positions,
                                          const double* weights, std::size_t n, int threads) {
    const PowerCells cells(positions, weights, n, mixture.domain(), threads);
    const std::size_t ranks = static_cast<std::size_t>(cells.ranks()), count = mixture.size();
    // Sums over blocks of cells, then over blocks: the result does not depend on the number of threads.
    constexpr std::size_t kBlocks = 64, kNumbers = 6;
    const std::size_t size = std::max<std::size_t>(64, (ranks + kBlocks - 1) / kBlocks);
    std::vector<std::vector<double>> blocks((ranks + size - 1) / size, std::vector<double>(kNumbers * count, 0.0));

    parallel_for(ranks, size, threads, [&] {
        return
            [&, scratch = CellScratch(), own = GaussianMixture::Scratch()](std::size_t begin, std::size_t end) mutable {
                double* sums = blocks[begin / size].data();
                for (int rank = static_cast<int>(begin); rank < static_cast<int>(end); ++rank) {
                    const Vec2 origin = cells.nearest_in_box(rank), y = cells.position(rank);
                    const Polygon& cell = cells.cell(rank, origin, scratch);
                    if (cell.empty()) continue;
                    const auto add = [&](std::size_t k, double /*weight*/, const CellMoments& about_origin,
                                         const std::vector<LineMoments>& lines) {
                        const CellMoments moments = about_origin.moved(origin - y);
                        double* sum = sums + kNumbers * k;
                        sum[0] += moments.second - cells.weight(rank) * moments.mass;
                        sum[1] += moments.first.x;
                        sum[2] += moments.first.y;
                        for (std::size_t e = 0; e < cell.size(); ++e) {
                            if (cell.labels[e] <= rank || !(lines[e].zeroth > 0.0)) continue;
                            const Vec2 gap = cells.position(cell.labels[e]) - y;
                            const double share = lines[e].zeroth / norm(gap);
                            sum[3] += share * gap.x * gap.x;
                            sum[4] += share * gap.x * gap.y;
                            sum[5] += share * gap.y * gap.y;
                        }
                    };
                    mixture.visit(cell, origin, rank, true, own, add);
                }
            };
    });

    ComponentMoments result;
    result.potential.assign(count, 0.0);
    result.first.assign(2 * count, 0.0);
    result.curvature.assign(4 * count, 0.0);
    for (const auto& block : blocks) {
        for (std::size_t k = 0; k < count; ++k) {
            const double* sum = block.data() + kNumbers * k;
            result.potential[k] += sum[0];
            result.first[2 * k] += sum[1];
            result.first[2 * k + 1] += sum[2];
            result.curvature[4 * k] += sum[3];
            result.curvature[4 * k + 1] += sum[4];
            result.curvature[4 * k + 2] += sum[4];
            result.curvature[4 * k + 3] += sum[5];
        }
    }
    return result;
}

}  // namespace diracs
