// Triangulations that follow changes of weights, and those built by several threads, against new ones.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <random>
#include <vector>

#include "plane/seed_triangulation.hpp"
#include "sanitize.hpp"

namespace diracs {
namespace {

bool same(const Neighbours& a, const Neighbours& b) {
    return a.order == b.order && a.hidden == b.hidden && a.start == b.start && a.related == b.related;
}

int hidden(const Neighbours& a) {
    int count = 0;
    for (const auto h : a.hidden) count += h;
    return count;
}

// One triangulation through all weights, back and forth, by one to eight threads.
void check_weights(const std::vector<double>& positions, const std::vector<std::vector<double>>& weights,
                   const char* input) {
    const std::size_t n = positions.size() / 2;
    SeedTriangulation seeds(positions.data(), n, 2);
    for (std::size_t step = 0; step < 2 * weights.size(); ++step) {
        const auto& w = weights[step < weights.size() ? step : 2 * weights.size() - 1 - step];
        const int threads = 1 + static_cast<int>(step % 8);
        const Neighbours updated = *seeds.neighbours(w.data(), threads);
        require(same(updated, *power_neighbours(positions.data(), w.data(), n, 1)), "as if it were new", input);
        require(same(updated, *power_neighbours(positions.data(), w.data(), n, 9 - threads)), "threads", input);
    }
}

// What proves a triangulation right: all edges are locally regular, it covers the hull once, and no hidden seed, of which
// some are looked at, lies below it.
void check_blocks(const std::vector<double>& positions, const std::vector<double>& weights, const char* input) {
    const std::size_t n = weights.size();
    const Normalization normalization(positions.data(), n);
    std::vector<Seed> all, seeds;
    for (std::size_t i = 0; i < n; ++i) all.push_back(normalization.position(positions[2 * i], positions[2 * i + 1]));
    const SeedOrder order(all, 3);
    require(order.rounds.end()[-2] > 2000, "more than one block", input);
    for (const int i : order.order) {
        seeds.push_back(all[i]);
        seeds.back().w = normalization.weight(weights[i]);
    }
    const Triangulation triangulation(seeds, order.place, order.rounds, 3);
    const HalfEdges& mesh = triangulation.mesh();
    std::vector<int> hidden;
    for (std::size_t p = 0; p < seeds.size(); ++p) {
        if (triangulation.leaving(int(p)) < 0) hidden.push_back(int(p));
    }
    hidden.resize(std::min<std::size_t>(hidden.size(), 50));
    std::size_t triangles = 0, vertices = 0;
    for (std::size_t p = 0; p < seeds.size(); ++p) vertices += triangulation.leaving(int(p)) >= 0;
    for (int t = 0; t < int(mesh.triangles.size()); ++t) {
        if (!mesh.is_used(t)) continue;
        ++triangles;
        if (mesh.is_ghost(t)) continue;
        const Seed &a = seeds[mesh.origin(4 * t)], &b = seeds[mesh.target(4 * t)], &c = seeds[mesh.apex(4 * t)];
        require(orient(a, b, c) > 0, "counterclockwise", input);
        for (int k = 0; k < 3; ++k) {
            if (mesh.is_ghost(mesh.twin(4 * t + k) >> 2)) continue;
            require(mesh.bend(4 * t + k, seeds.data()) <= 0, "locally regular", input);
        }
        for (const int p : hidden) require(in_power_circle(a, b, c, seeds[p]) <= 0, "hidden", input);
    }
    require(triangles == 2 * vertices - 2, "faces", input);
}

}  // namespace

void check_updates() {
    std::mt19937_64 random(11);
    std::uniform_real_distribution<double> uniform(0.0, 1.0);
    for (int trial = 0; trial < 4; ++trial) {
        const std::size_t n = 20000;
        std::vector<double> spread(2 * n), lattice(2 * n), cluster(2 * n), weights(n);
        for (std::size_t k = 0; k < 2 * n; ++k) {
            spread[k] = uniform(random);
            lattice[k] = k % 2 ? double(k / 2 % 200) : double(k / 400);
            cluster[k] = double(random() % 3) + std::pow(10.0, -15.0 * uniform(random));
        }
        for (double& w : weights) w = trial == 0 ? 0.0 : std::pow(0.1, 2 * trial) * uniform(random);
        check_blocks(spread, weights, "blocks of a square");
        check_blocks(cluster, weights, "blocks of clusters");
        for (double& w : weights) w = std::floor(1e2 * trial * w);
        check_blocks(lattice, weights, "blocks of a lattice");
    }
    int most_hidden = 0;
    for (int trial = 0; trial < 60; ++trial) {
        const std::size_t n = trial < 56 ? 3 + random() % 40 : 3000;
        const std::size_t side = n < 100 ? 6 : 50;
        std::vector<double> spread(2 * n), lattice(2 * n), line(2 * n), circle(2 * n), scales(2 * n);
        for (std::size_t k = 0; k < 2 * n; ++k) {
            spread[k] = uniform(random);
            lattice[k] = double(random() % side);
            scales[k] = 1.0 + std::pow(10.0, -15.0 * uniform(random));
            line[k] = k < 2 ? double(k) : double(k / 2 * 3);
        }
        for (std::size_t i = 0; i < n; ++i) {
            const double angle = 2.0 * std::acos(-1.0) * double(i) / double(n);
            circle[2 * i] = i == 0 ? 0.0 : std::cos(angle);
            circle[2 * i + 1] = i == 0 ? 0.0 : std::sin(angle);
        }
        const auto numbers = [&](auto draw) {
            std::vector<double> w(n);
            for (double& x : w) x = draw();
            return w;
        };
        const auto small = [&](double size) { return numbers([&] { return size * uniform(random); }); };
        const auto steps = [&](int size) { return numbers([&] { return double(random() % size); }); };
        const auto one = [&](double size) {
            std::vector<double> w(n, 0.0);
            w[random() % n] = size;
            return w;
        };
        const std::vector<double> zero(n, 0.0);
        const double area = 1.0 / double(n);
        check_weights(spread, {zero, small(0.1 * area), small(area), small(3.0 * area), one(0.3), one(-1.0)}, "spread");
        check_weights(lattice, {zero, steps(2), steps(3), steps(9), one(-1.0), one(-1.5), one(7.0)}, "lattice");
        check_weights(line, {zero, steps(3), steps(20), small(10.0), one(-5.0)}, "line");
        check_weights(circle, {zero, small(1e-3), one(-0.5), one(-3.0), one(1.0), small(1.0)}, "circle");
        check_weights(scales, {zero, small(1e-20), small(1e-10), small(1.0)}, "scales");
        most_hidden = std::max(most_hidden, hidden(*power_neighbours(lattice.data(), steps(9).data(), n, 1)));
    }
    require(most_hidden > 300, "seeds are hidden", "lattice");
}

}  // namespace diracs
