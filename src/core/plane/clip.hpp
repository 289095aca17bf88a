// Intersections of half planes: the boundary of a cell.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "plane/half_plane.hpp"
#include "plane/polygon.hpp"

namespace diracs {

// The intersection of half planes given in the order of their edges, as the triangulation gives bisectors. Succeeds if
// every turn is to the left, no edge runs backwards, and every vertex is in the domain, so that nothing is to be
// clipped.
inline bool assemble(const std::vector<HalfPlane>& halves, const int* labels, const std::vector<HalfPlane>& domain,
                     Polygon& polygon) {
    constexpr double kLeastTurn = 1e-6;  // below, the intersection of two lines is left to the clipper
    polygon.clear();
    const std::size_t n = halves.size();
    if (n < 3) return false;
    Vec2 vertex = {};
    for (std::size_t k = n - 1, step = 0; step <= n; ++step) {
        const std::size_t following = k + 1 == n ? 0 : k + 1;
        if (!(cross(halves[k].normal, halves[following].normal) > kLeastTurn)) return false;
        const LineCoordinate along(halves[k]);
        const double tau = along.of(halves[following]);
        if (step > 0) {
            if (!(along.of(vertex) <= tau)) return false;
            polygon.push(vertex, labels[k], halves[k]);
        }
        if (step == n) break;
        vertex = along.point(tau);
        for (const HalfPlane& edge : domain) {
            if (!(edge.excess(vertex) <= 0.0)) return false;
        }
        k = following;
    }
    return true;
}

// A convex polygon cut by one half plane after another. New vertices are intersections of the lines of two edges, not
// points between vertices: a small cell does not inherit the rounding of the large polygon that it is cut from.
class Clipper {
public:
    const Polygon& polygon() const { return now_; }

    void clear() { now_.clear(); }

    // Vertices of the polygon to start from, each with the line of the edge after it.
    void push(Vec2 vertex, int label, const HalfPlane& half) { now_.push(vertex, label, half); }

    // Intersects with a half plane; the new edge gets the label. The part outside is one run of vertices around the one
    // farthest out, whatever rounding says of the others, so the result stays a closed path with one edge per label.
    void clip(const HalfPlane& half, int label) {
        const std::size_t n = now_.size();
        if (n == 0) return;
        excess_.resize(n);
        std::size_t top = 0;
        for (std::size_t k = 0; k < n; ++k) {
            excess_[k] = half.excess(now_[k]);
            if (excess_[k] > excess_[top]) top = k;
        }
        if (!(excess_[top] > 0.0)) return;
        std::size_t last = top, after = now_.next(top);  // the last vertex outside, and the first that is not
        while (after != top && excess_[after] > 0.0) last = after, after = now_.next(after);
        if (after == top) {
            clear();
            return;
        }
        std::size_t before = previous(top);
        while (excess_[before] > 0.0) before = previous(before);

        other_.clear();
        if (excess_[after] < 0.0) other_.push(intersection(last, half), now_.labels[last], now_.halves[last]);
        for (std::size_t k = after; k != before; k = now_.next(k)) other_.push(now_[k], now_.labels[k], now_.halves[k]);
        if (excess_[before] < 0.0) {
            other_.push(now_[before], now_.labels[before], now_.halves[before]);
            other_.push(intersection(before, half), label, half);
        } else {
            other_.push(now_[before], label, half);
        }
        std::swap(now_, other_);
        if (now_.empty()) clear();
    }

private:
    std::size_t previous(std::size_t k) const { return k == 0 ? now_.size() - 1 : k - 1; }

    // Where edge k meets the border of `half`, kept between its ends.
    Vec2 intersection(std::size_t k, const HalfPlane& half) const {
        const LineCoordinate along(now_.halves[k]);
        const double start = along.of(now_[k]), end = along.of(now_[now_.next(k)]), tau = along.of(half);
        const double low = std::min(start, end), high = std::max(start, end);
        return along.point(tau >= low ? (tau <= high ? tau : high) : low);  // low also if tau is not a number
    }

    Polygon now_, other_;
    std::vector<double> excess_;
};

}  // namespace diracs
