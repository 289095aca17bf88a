// Intersections of half planes: the boundary of a cell.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "half_plane.hpp"
#include "polygon.hpp"

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
            polygon.push(vertex, labels[k]);
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

    void clear() {
        now_.clear();
        lines_.clear();
        halves_.clear();
    }

    // Vertices of the polygon to start from, each with the line of the edge after it.
    void push(Vec2 vertex, int label, const HalfPlane& half) {
        now_.push(vertex, label);
        lines_.push_back(static_cast<int>(halves_.size()));
        halves_.push_back(half);
    }

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

        const int line = static_cast<int>(halves_.size());
        halves_.push_back(half);
        other_.clear();
        other_lines_.clear();
        if (excess_[after] < 0.0) keep(intersection(last, half), now_.labels[last], lines_[last]);
        for (std::size_t k = after; k != before; k = now_.next(k)) keep(now_[k], now_.labels[k], lines_[k]);
        if (excess_[before] < 0.0) {
            keep(now_[before], now_.labels[before], lines_[before]);
            keep(intersection(before, half), label, line);
        } else {
            keep(now_[before], label, line);
        }
        std::swap(now_, other_);
        std::swap(lines_, other_lines_);
        if (now_.empty()) clear();
    }

private:
    void keep(Vec2 vertex, int label, int line) {
        other_.push(vertex, label);
        other_lines_.push_back(line);
    }

    std::size_t previous(std::size_t k) const { return k == 0 ? now_.size() - 1 : k - 1; }

    // Where edge k meets the border of `half`, kept between its ends.
    Vec2 intersection(std::size_t k, const HalfPlane& half) const {
        const LineCoordinate along(halves_[lines_[k]]);
        const double start = along.of(now_[k]), end = along.of(now_[now_.next(k)]), tau = along.of(half);
        const double low = std::min(start, end), high = std::max(start, end);
        return along.point(tau >= low ? (tau <= high ? tau : high) : low);  // low also if tau is not a number
    }

    Polygon now_, other_;
    std::vector<int> lines_, other_lines_;  // of each edge, an index into halves_
    std::vector<HalfPlane> halves_;
    std::vector<double> excess_;
};

}  // namespace diracs
