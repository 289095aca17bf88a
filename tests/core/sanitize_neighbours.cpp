// The regular triangulation against its definition, with exact predicates, where doubles have no correct digit left; and
// the curves of spatial orders.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "numeric/spatial_order.hpp"
#include "plane/normalize.hpp"
#include "plane/seed_order.hpp"
#include "plane/triangulation.hpp"
#include "sanitize.hpp"

namespace diracs {
namespace {

// No lifted seed lies below the plane of a triangle. They cover the hull once: v of them, h on the hull, make 2 v − 2
// triangles with the ghosts.
void check_regular(const std::vector<double>& positions, const std::vector<double>& weights, const char* input) {
    const std::size_t n = weights.size();
    const Normalization normalization(positions.data(), n);
    std::vector<Seed> all, seeds;
    for (std::size_t i = 0; i < n; ++i) {
        all.push_back(normalization.position(positions[2 * i], positions[2 * i + 1]));
        all[i].w = normalization.weight(weights[i]);
    }
    const SeedOrder order(all, 1);
    if (!order.planar) return;
    for (const int i : order.order) seeds.push_back(all[i]);
    const Triangulation triangulation(seeds, order.place, order.rounds, 1);
    const HalfEdges& mesh = triangulation.mesh();
    std::size_t triangles = 0, vertices = 0;
    for (std::size_t p = 0; p < seeds.size(); ++p) vertices += triangulation.leaving(int(p)) >= 0;
    for (int t = 0; t < int(mesh.triangles.size()); ++t) {
        if (!mesh.is_used(t)) continue;
        ++triangles;
        for (int k = 0; k < 3; ++k) {
            const int e = 4 * t + k;
            require(mesh.twin(mesh.twin(e)) == e && mesh.origin(mesh.twin(e)) == mesh.target(e), "twins", input);
        }
        if (mesh.is_ghost(t)) continue;
        const Seed &a = seeds[mesh.origin(4 * t)], &b = seeds[mesh.target(4 * t)], &c = seeds[mesh.apex(4 * t)];
        require(orient(a, b, c) > 0, "counterclockwise", input);
        for (const Seed& other : seeds) {
            require(exact::in_power_circle(a, b, c, other) <= 0, "an empty power circle", input);
        }
    }
    require(triangles == 2 * vertices - 2, "faces", input);
}

void check_curves() {
    std::mt19937_64 random(3);
    for (int trial = 0; trial < 10000; ++trial) {
        const std::uint32_t place[2] = {std::uint32_t(random() >> 48), std::uint32_t(random() >> 48)};
        require(hilbert_index(place, 2) == hilbert_index(place[0], place[1]), "the curve of the plane", "curves");
    }
    // The cells of the first orthants, in their order, are neighbours of each other.
    for (const int width : {1, 3, 4, 5}) {
        const int side = width == 1 ? 1000 : 4;
        std::size_t cells = 1;
        for (int a = 0; a < width; ++a) cells *= side;
        std::vector<std::vector<std::uint32_t>> along(cells, std::vector<std::uint32_t>(width));
        for (std::size_t c = 0; c < cells; ++c) {
            std::vector<std::uint32_t> place(width);
            std::size_t rest = c;
            for (auto& p : place) p = rest % side, rest /= side;
            const std::uint32_t index = hilbert_index(place.data(), width);
            require(index < cells, "a corner of the lattice first", "curves");
            along[index] = place;
        }
        for (std::size_t c = 1; c < cells; ++c) {
            std::int64_t way = 0;
            for (int a = 0; a < width; ++a) way += std::abs(std::int64_t(along[c][a]) - std::int64_t(along[c - 1][a]));
            require(way == 1, "steps to neighbours", "curves");
        }
    }
    std::vector<std::uint32_t> wide(kHilbertAxes, 1);
    require(hilbert_index(wide.data(), kHilbertAxes) > 0, "as many axes as bits", "curves");
}

}  // namespace

void check_neighbours() {
    check_curves();
    std::mt19937_64 random(2);
    std::uniform_real_distribution<double> uniform(0.0, 1.0);
    const double pi = std::acos(-1.0);
    for (int trial = 0; trial < 200; ++trial) {
        const std::size_t n = 3 + random() % 12;
        std::vector<double> lattice(2 * n), scales(2 * n), circle(2 * n), line(2 * n), zero(n, 0.0), steps(n);
        for (std::size_t i = 0; i < n; ++i) {
            for (int a = 0; a < 2; ++a) lattice[2 * i + a] = double(random() % 5);
            steps[i] = double(random() % 13) - 6.0;
            // Distances from 1 to 1e-30 of each other around three centres: runs of one cell of the curve.
            const double centre = double(random() % 3), power = 60.0 * uniform(random) - 30.0;
            scales[2 * i] = centre + std::copysign(std::pow(10.0, -std::fabs(power)), power);
            scales[2 * i + 1] = centre * centre + std::pow(1.5, power);
            // Almost on a circle, or on a line.
            circle[2 * i] = 1e3 + std::cos(2.0 * pi * double(i) / double(n));
            circle[2 * i + 1] = 1e3 + std::sin(2.0 * pi * double(i) / double(n));
            line[2 * i] = line[2 * i + 1] = i + 2 < n ? 0.5 + double(i) * 0x1p-53 : 12.0 * double(n - i);
        }
        line[1] += trial % 2 ? 0x1p-53 : 0.0;
        check_regular(lattice, steps, "lattice");
        for (double& x : lattice) x = 0.1 * (x + 0.3);  // rounded
        for (double& w : steps) w *= 0.1 * 0.1;
        check_regular(lattice, steps, "rounded lattice");
        check_regular(scales, zero, "many scales");
        check_regular(circle, zero, "circle");
        check_regular(line, zero, "line");
    }
}

}  // namespace diracs
