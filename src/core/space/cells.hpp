// Power cells of weighted seeds in a box, maybe periodic.
//
// A cell is cut by the seeds nearest to it first, found in a tree of boxes. A box of seeds is left out when none of them can
// cut: a lower bound of its powers is above the cell's own power at every vertex, by more than rounding. So no cell
// misses a neighbour, whatever the weights; which neighbours are asked is no matter of luck, and each cell is the
// intersection of half spaces known to the last digit.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "numeric/expansion.hpp"
#include "space/density.hpp"
#include "space/polyhedron.hpp"
#include "space/seed_tree.hpp"
#include "space/torus.hpp"
#include "space/vec3.hpp"

namespace diracs::space {

// Memory that is used again from cell to cell; one per thread.
struct CellScratch {
    struct Entry {
        double key;    // lower bound of the powers in the node less the cell's own power, at the center
        double reach;  // distance of the node from the center, moved by its slope
        double tilt;   // of that difference
        double least;  // what is more than rounding
        int node, shift;
    };

    Polyhedron cell;
    Cutting cut;
    std::vector<Entry> heap;
};

class PowerCells {
public:
    PowerCells(const double* positions, const double* weights, std::size_t n, const Domain& domain, int threads)
        : domain_(domain), shifts_(shifts_of(domain)), tree_(seeds(domain, positions, weights, n), threads) {
        for (const int number : shifts_) vectors_[number] = shift_vector(domain, number);
        size_ = largest(domain.high - domain.low);
        leaf_slope_.resize(tree_.seeds().size());
        for (const SeedNode& node : tree_.nodes()) {
            if (node.child >= 0) continue;
            for (int r = node.begin; r < node.end; ++r) leaf_slope_[r] = node.slope;
        }
    }

    // Cells are asked for by rank, and faces labelled with ranks: work in this order finds its data in the cache.
    int ranks() const { return static_cast<int>(tree_.seeds().size()); }
    int index(int rank) const { return tree_.seeds()[rank].index; }
    double weight(int rank) const { return tree_.seeds()[rank].w; }
    Vec3 position(int rank) const { return tree_.seeds()[rank].y; }  // within one period
    Vec3 shift(int number) const { return vectors_[number]; }
    const Domain& domain() const { return domain_; }

    // The point of the box nearest to the seed: the seed itself if inside.
    Vec3 origin(int rank) const {
        const Vec3 y = position(rank);
        return {std::min(std::max(y.x, domain_.low.x), domain_.high.x),
                std::min(std::max(y.y, domain_.low.y), domain_.high.y),
                std::min(std::max(y.z, domain_.low.z), domain_.high.z)};
    }

    // Coordinates about `origin(rank)`; empty if the cell does not meet the domain, or another seed has its place.
    [[gnu::noinline]] const Polyhedron& cell(int rank, CellScratch& scratch) const {
        const Vec3 o = origin(rank);
        Polyhedron& cell = scratch.cell;
        start(o, cell);
        for (int axis = 0; axis < 3; ++axis) {
            if (!domain_.periodic[axis]) continue;
            for (int side = 0; side < 2; ++side) {
                Face& face = cell.faces[2 * axis + side];
                int digits[3] = {0, 0, 0};
                digits[axis] = side ? 1 : -1;
                face.label = rank, face.shift = shift_number(digits[0], digits[1], digits[2]);
            }
        }
        for (const HalfSpace& plane : domain_.planes) {
            const HalfSpace half = half_space(plane.normal, plane.offset - dot(plane.normal, o));
            scratch.cut(cell, half, kDomainFace, kNoShift, 4.0 * kRoundoff * (std::fabs(plane.offset) + size_));
            if (cell.empty()) return cell;
        }
        Query query{rank, o, position(rank) - o, weight(rank), {}, 0.0, 0.0};
        query.center = query.own - leaf_slope_[rank];
        const Vec3 low = domain_.low - o, high = domain_.high - o;
        for (int axis = 0; axis < 3; ++axis) {
            if (!domain_.periodic[axis]) query.center[axis] = std::clamp(query.center[axis], low[axis], high[axis]);
        }
        measure(cell, query);
        scratch.heap.clear();
        for (const int number : shifts_) push(query, 0, number, scratch);
        const auto later = [](const CellScratch::Entry& a, const CellScratch::Entry& b) { return a.key > b.key; };
        auto& heap = scratch.heap;
        std::make_heap(heap.begin(), heap.end(), later);
        while (!heap.empty() && !cell.empty()) {
            std::pop_heap(heap.begin(), heap.end(), later);
            const CellScratch::Entry entry = heap.back();
            heap.pop_back();
            if (is_beyond(query, entry) || is_above(query, entry, cell)) continue;
            const SeedNode& node = tree_.nodes()[entry.node];
            if (node.child >= 0) {
                for (int child = node.child; child < node.child + 2; ++child) {
                    push(query, child, entry.shift, scratch);
                    if (is_beyond(query, heap.back())) {
                        heap.pop_back();
                    } else {
                        std::push_heap(heap.begin(), heap.end(), later);
                    }
                }
                continue;
            }
            for (int other = node.begin; other < node.end && !cell.empty(); ++other) {
                if (other == rank && entry.shift == kNoShift) continue;
                cut(query, other, entry.shift, scratch);
            }
        }
        // Near the largest double coordinates may overflow; no density has to know.
        if (!cell.empty() && !std::isfinite(cell.reach())) cell.clear();
        return cell;
    }

private:
    static constexpr double kRoundoff = 2.220446049250313e-16;

    // The cell that is cut, in coordinates about its origin o.
    struct Query {
        int rank;
        Vec3 origin, own;  // the seed's position
        double weight;
        Vec3 center;    // a point in or near the cell
        double radius;  // the distance of its farthest vertex from there
        double reach;   // |z|∞ of all vertices, at most
    };

    Domain domain_;
    std::vector<int> shifts_;
    Vec3 vectors_[27];
    SeedTree tree_;
    std::vector<Vec3> leaf_slope_;
    double size_;

    static std::vector<Seed> seeds(const Domain& domain, const double* positions, const double* weights,
                                   std::size_t n) {
        std::vector<Seed> result(n);
        for (std::size_t i = 0; i < n; ++i) {
            const Vec3 y = {positions[3 * i], positions[3 * i + 1], positions[3 * i + 2]};
            result[i] = {wrapped(domain, y), weights[i], static_cast<int>(i)};
        }
        return result;
    }

    void start(Vec3 o, Polyhedron& cell) const {
        Vec3 low = domain_.low - o, high = domain_.high - o;
        for (int axis = 0; axis < 3; ++axis) {
            if (!domain_.periodic[axis]) continue;
            high[axis] = 0.5 * domain_.sides()[axis];
            low[axis] = -high[axis];
        }
        cell.start(low, high);
    }

    static void measure(const Polyhedron& cell, Query& query) {
        const double *x = cell.x.data(), *y = cell.y.data(), *z = cell.z.data();
        const Vec3 g = query.center;
        double most = 0.0;
        for (std::size_t v = 0; v < cell.size(); ++v) {
            const double a = x[v] - g.x, b = y[v] - g.y, c = z[v] - g.z;
            const double r2 = (a * a + b * b) + c * c;
            most = r2 > most ? r2 : most;
        }
        query.radius = std::sqrt(most) * (1.0 + 4.0 * kRoundoff);
        query.reach = query.radius + largest(g);
    }

    // With s the slope of a node, B its box and m the middle of that, the powers at z of its seeds are at least
    // dist²(z + s, B) − 2 s·(z − m) − |s|² − top.
    void push(const Query& query, int k, int shift, CellScratch& scratch) const {
        const SeedNode& node = tree_.nodes()[k];
        const Vec3 move = vectors_[shift] - query.origin, s = node.slope, g = query.center;
        const Vec3 m = node.middle() + move, from = g + s, own = g - query.own;
        double r2 = 0.0;
        for (int axis = 0; axis < 3; ++axis) {
            const double low = node.low[axis] + move[axis] - from[axis],
                         high = from[axis] - node.high[axis] - move[axis];
            const double d = std::max(std::max(low, high), 0.0);
            r2 += d * d;
        }
        const double rest = query.weight - node.top - 2.0 * dot(s, g - m) - norm2(s) - norm2(own);
        const Vec3 tilt = own + s;
        const double scale = norm2(s) + node.size + std::fabs(query.weight) + norm2(m) + norm2(node.high - node.low) +
                             norm2(g) + query.radius * query.radius + norm2(query.own);
        scratch.heap.push_back({r2 + rest, std::sqrt(r2), norm(tilt), 32.0 * kRoundoff * scale, k, shift});
    }

    // Whether the bound is above the cell's own power in the whole ball: there |z − g| <= R, and the difference is at least
    // r² − 2 R r − 2 R |g + s − y| + the rest for r >= R.
    static bool is_beyond(const Query& query, const CellScratch::Entry& entry) {
        const double r = entry.reach, radius = query.radius;
        return r >= radius && entry.key - 2.0 * radius * (r + entry.tilt) > entry.least;
    }

    // The same at every vertex, which is enough, as the bound is concave up to |z|², which both powers have.
    bool is_above(const Query& query, const CellScratch::Entry& entry, const Polyhedron& cell) const {
        const SeedNode& node = tree_.nodes()[entry.node];
        const Vec3 move = vectors_[entry.shift] - query.origin, s = node.slope;
        const Vec3 m = node.middle() + move, low = node.low + move - s, high = node.high + move - s;
        const Vec3 t = 2.0 * (query.own - s);
        const double rest = query.weight - node.top + 2.0 * dot(s, m) - norm2(s) - norm2(query.own) - entry.least;
        const double *x = cell.x.data(), *y = cell.y.data(), *z = cell.z.data();
        // dist²(z + s, B) − |z|² + t·z, the largest that is not more than rounding above
        double least = HUGE_VAL;
        for (std::size_t v = 0; v < cell.size(); ++v) {
            const double dx = std::max(std::max(low.x - x[v], x[v] - high.x), 0.0);
            const double dy = std::max(std::max(low.y - y[v], y[v] - high.y), 0.0);
            const double dz = std::max(std::max(low.z - z[v], z[v] - high.z), 0.0);
            const double difference =
                (dx * dx - x[v] * (x[v] - t.x)) + (dy * dy - y[v] * (y[v] - t.y)) + (dz * dz - z[v] * (z[v] - t.z));
            least = difference < least ? difference : least;
        }
        return least + rest > 0.0;
    }

    void cut(Query& query, int other, int shift, CellScratch& scratch) const {
        const Seed& seed = tree_.seeds()[other];
        const Vec3 y = seed.y + vectors_[shift] - query.origin;
        Vec3 normal = y - query.own;
        if (shift == kNoShift) normal = seed.y - tree_.seeds()[query.rank].y;
        const double difference = query.weight - seed.w;
        if (!(largest(normal) > 0.0)) {
            // Of seeds on one spot the heaviest has the cell, the first of them if several.
            if (difference < 0.0 || (difference == 0.0 && seed.index < tree_.seeds()[query.rank].index)) {
                scratch.cell.clear();
            }
            return;
        }
        double twice = dot(normal, y + query.own) + difference;
        const double extent = std::fabs(normal.x) + std::fabs(normal.y) + std::fabs(normal.z);
        if (!(norm2(y) + norm2(query.own) + std::fabs(difference) <= 16.0 * extent * size_)) {
            twice = exact_offset(query, seed, shift);
        }
        const HalfSpace half = half_space(normal, twice / 2.0);
        const double room = half.offset - dot(half.normal, query.center);
        if (room > 0.0 && room * room > query.radius * query.radius * norm2(half.normal)) return;
        const double tolerance = 4.0 * kRoundoff * (std::fabs(half.offset) + query.reach);
        if (scratch.cut(scratch.cell, half, other, shift, tolerance) && !scratch.cell.empty()) {
            measure(scratch.cell, query);
        }
    }

    // |yⱼ − o|² − |yᵢ − o|² + wᵢ − wⱼ, rounded once.
    [[gnu::noinline]] double exact_offset(const Query& query, const Seed& seed, int shift) const {
        const auto square = [](double a, double b, double c) {
            const auto difference = exact_difference(a, c) + exact_value(b);
            return difference * difference;
        };
        const Vec3 o = query.origin, t = vectors_[shift], p = seed.y;
        const Seed& own = tree_.seeds()[query.rank];
        const auto far = (square(p.x, t.x, o.x) + square(p.y, t.y, o.y)) + square(p.z, t.z, o.z);
        const auto near = (square(own.y.x, 0.0, o.x) + square(own.y.y, 0.0, o.y)) + square(own.y.z, 0.0, o.z);
        const auto difference = exact_difference(own.w, seed.w);
        return ((far - near) + difference).estimate();
    }
};

}  // namespace diracs::space
