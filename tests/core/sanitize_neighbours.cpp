// The regular triangulation against its definition, with exact predicates, where doubles have no correct digit left; and
// the curves of spatial orders.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <random>
#include <set>
#include <vector>

#include "numeric/spatial_order.hpp"
#include "plane/neighbours.hpp"
#include "sanitize.hpp"

namespace diracs {
namespace {

// Triangles of consecutive neighbours are regular: no lifted seed lies below the plane through theirs. They cover the hull
// once: v of them, h on the hull, make 2v − 2 − h triangles.
void check_regular(const std::vector<double>& positions, const std::vector<double>& weights, const char* input) {
    const std::vector<Seed> seeds = normalize(positions.data(), weights.data(), weights.size());
    const Neighbours found = power_neighbours(positions.data(), weights.data(), weights.size(), 1);
    std::set<std::array<int, 3>> triangles;
    const auto seed = [&](int rank) -> const Seed& { return seeds[found.order[rank]]; };
    int used = 0;
    std::size_t half_edges = 0;
    for (int r = 0; r < found.ranks(); ++r) {
        const int* const begin = found.neighbours.data() + found.start[r];
        const int count = static_cast<int>(found.start[r + 1] - found.start[r]);
        half_edges += count;
        used += count > 0;
        require(count > 0 || found.hidden[r] || found.ranks() == 1, "a seed without neighbours is hidden", input);
        for (int k = 0; k < count; ++k) {
            const int a = begin[k], b = begin[(k + 1) % count];
            require(std::count(found.neighbours.data() + found.start[a], found.neighbours.data() + found.start[a + 1],
                               r) == 1,
                    "neighbours of each other", input);
            if (orient(seed(r), seed(a), seed(b)) <= 0) continue;  // across the outside
            for (int other = 0; other < found.ranks(); ++other) {
                require(other == r || other == a || other == b ||
                            exact::in_power_circle(seed(r), seed(a), seed(b), seed(other)) <= 0,
                        "an empty power circle", input);
            }
            std::array<int, 3> corners = {r, a, b};
            std::sort(corners.begin(), corners.end());
            triangles.insert(corners);
        }
    }
    // Euler: v − e + f = 2, with the outside for a face.
    if (!triangles.empty()) require(used - int(half_edges / 2) + int(triangles.size()) == 1, "faces", input);
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
