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
#include "space/likely_neighbours.hpp"
#include "space/polyhedron.hpp"
#include "space/seed_tree.hpp"
#include "space/torus.hpp"
#include "space/vec3.hpp"

namespace diracs::space {

// Memory that is used again from cell to cell; one per thread.
struct CellScratch {
    struct Entry {
        double key;  // lower bound of the powers in the node less the cell's own power, at the center
        int node, shift;
        int cuts;  // of the cell when it was tested
    };

    Polyhedron cell;
    Cutting cut;
    std::vector<Entry> open;
    std::vector<std::pair<double, int>> order;
    std::vector<int> asked;  // by rank: the last cell that was cut by this seed before the search
};

class PowerCells {
public:
    PowerCells(const double* positions, const double* weights, std::size_t n, const Domain& domain, int threads,
               const Pairs& pairs = {})
        : domain_(domain), shifts_(shifts_of(domain)), tree_(seeds(domain, positions, weights, n), threads) {
        for (const int number : shifts_) vectors_[number] = shift_vector(domain, number);
        size_ = largest(domain.high - domain.low);
        leaf_slope_.resize(tree_.seeds().size());
        for (const SeedNode& node : tree_.nodes()) {
            if (node.child >= 0) continue;
            for (int r = node.begin; r < node.end; ++r) leaf_slope_[r] = node.slope;
        }
        const std::size_t count = tree_.seeds().size();
        columns_.resize(4 * count);
        for (std::size_t r = 0; r < count; ++r) {
            const Seed& seed = tree_.seeds()[r];
            const double column[4] = {seed.y.x, seed.y.y, seed.y.z, seed.w};
            for (int k = 0; k < 4; ++k) columns_[k * count + r] = column[k];
        }
        if (pairs.count > 0 && !domain.any_periodic()) likely_ = LikelyNeighbours(tree_.seeds(), pairs);
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
        Query query{rank, o, position(rank) - o, weight(rank), {}, 0.0, 0.0, 0.0, 0};
        query.center = query.own - leaf_slope_[rank];
        const Vec3 low = domain_.low - o, high = domain_.high - o;
        for (int axis = 0; axis < 3; ++axis) {
            if (!domain_.periodic[axis]) query.center[axis] = std::clamp(query.center[axis], low[axis], high[axis]);
        }
        measure(cell, query);
        if (!likely_.empty()) cut_by_likely(query, scratch);
        // A cell cut by its likely neighbours is about what it will be, and finds others in any order; else in that of the keys.
        const bool ordered = likely_.empty() || likely_.begin(rank) == likely_.end(rank);
        auto& open = scratch.open;
        open.clear();
        for (const int number : shifts_) open.push_back({-HUGE_VAL, 0, number, -1});
        while (!open.empty() && !cell.empty()) {
            if (ordered) std::pop_heap(open.begin(), open.end(), later);
            const CellScratch::Entry entry = open.back();
            open.pop_back();
            const SeedNode& node = tree_.nodes()[entry.node];
            const Vec3 move = vectors_[entry.shift] - o;
            double key;
            if (entry.key > 0.0 && entry.cuts != query.cuts && is_above(query, node, move, cell, key)) continue;
            if (node.child < 0) {
                cut_by_leaf(query, node, entry.shift, scratch);
                continue;
            }
            for (int child = node.child; child < node.child + 2; ++child) {
                if (is_above(query, tree_.nodes()[child], move, cell, key)) continue;
                open.push_back({key, child, entry.shift, query.cuts});
                if (ordered) std::push_heap(open.begin(), open.end(), later);
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
        double size;    // of what its powers are differences of
        int cuts;       // that made it smaller
    };

    Domain domain_;
    std::vector<int> shifts_;
    Vec3 vectors_[27];
    SeedTree tree_;
    std::vector<Vec3> leaf_slope_;
    std::vector<double> columns_;  // (4, n): positions and weights by rank
    LikelyNeighbours likely_;
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

    static bool later(const CellScratch::Entry& a, const CellScratch::Entry& b) { return a.key > b.key; }

    static void measure(const Polyhedron& cell, Query& query) {
        query.radius = std::sqrt(farthest2(cell.vertices(), query.center)) * (1.0 + 4.0 * kRoundoff);
        query.reach = query.radius + largest(query.center);
        query.size = std::fabs(query.weight) + norm2(query.center) + query.radius * query.radius + norm2(query.own);
    }

    // A lower bound of the powers of a node's seeds at z, less the cell's own power, and less what may be rounding.
    // With m the middle of the node, h half its sides, and q = z − m + s, the powers are at least
    //   |z − m|² − 2 q·d + λ|d|² − top >= |z − m|² − Σ u (2|q| − u)/λ − top, u = min(|q|, λ h) for each axis.
    // That is |z|² and a concave function, as is the own power |z|² and an affine one: where the bound is positive at all
    // vertices it is so in the cell, and where it is not at the center it is not at some vertex.
    bool is_above(const Query& query, const SeedNode& node, Vec3 move, const Polyhedron& cell, double& key) const {
        const Vec3 m = node.middle + move, s = node.slope;
        const Paraboloid paraboloid = {2.0 * (query.own - m), s - m, node.spread * node.half, node.inverse};
        const double m2 = norm2(m), slack = 64.0 * kRoundoff * (query.size + node.size + m2);
        const double rest = query.weight - node.top + m2 - norm2(query.own) - slack;
        key = paraboloid(query.center) + rest;
        return key > 0.0 && least_above(cell.vertices(), paraboloid) + rest > 0.0;
    }

    // Seeds of least power at the center first: those of which only rounding makes neighbours come too late.
    void cut_by_leaf(Query& query, const SeedNode& node, int shift, CellScratch& scratch) const {
        const Vec3 move = vectors_[shift] - query.origin;
        double clear[kLanes], least[kLanes], room[kLanes];
        int order[kLanes];
        for (int begin = node.begin; begin < node.end && !scratch.cell.empty(); begin += kLanes) {
            const int count = std::min(kLanes, node.end - begin);
            bisectors(columns_.data() + begin, ranks(), count, move, query.own, query.center, query.weight, query.size,
                      query.radius, clear, least, room);
            int found = 0;
            for (int k = 0; k < count; ++k) {
                const int other = begin + k;
                if (clear[k] > 0.0) continue;
                if (shift == kNoShift && (other == query.rank || is_asked(other, query.rank, scratch))) continue;
                int at = found++;
                for (; at > 0 && room[order[at - 1]] > room[k]; --at) order[at] = order[at - 1];
                order[at] = k;
            }
            for (int c = 0; c < found && !scratch.cell.empty(); ++c) {
                const int k = order[c], other = begin + k;
                const Vec3 normal = tree_.seeds()[other].y + move - query.own;
                if (2.0 * farthest_along(scratch.cell.vertices(), normal) < least[k]) continue;
                cut(query, other, shift, scratch);
            }
        }
    }

    // The neighbours that are likely, in the same order.
    void cut_by_likely(Query& query, CellScratch& scratch) const {
        scratch.asked.resize(ranks(), -1);
        auto& order = scratch.order;
        order.clear();
        for (const int* other = likely_.begin(query.rank); other != likely_.end(query.rank); ++other) {
            const Seed& seed = tree_.seeds()[*other];
            order.emplace_back(norm2(seed.y - query.origin - query.center) - seed.w, *other);
        }
        std::sort(order.begin(), order.end());
        for (const auto& [power, other] : order) {
            if (is_asked(other, query.rank, scratch)) continue;
            cut(query, other, kNoShift, scratch);
            if (scratch.cell.empty()) return;
            scratch.asked[other] = query.rank;
        }
    }
    static bool is_asked(int other, int rank, const CellScratch& scratch) {
        return !scratch.asked.empty() && scratch.asked[other] == rank;
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
        const double tolerance = 4.0 * kRoundoff * (std::fabs(half.offset) + query.reach);
        if (scratch.cut(scratch.cell, half, other, shift, tolerance) && !scratch.cell.empty()) {
            ++query.cuts;
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
