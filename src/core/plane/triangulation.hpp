// Incremental regular triangulation: the dual of the power diagram, which is the lower hull of the seeds lifted to (y,
// |y|² − w) (F. Aurenhammer 1987). Each seed replaces the triangles whose planes it lies below by a star (A. Bowyer,
// D. Watson 1981). A ghost vertex at infinity closes the hull, so that seeds outside it are no special case.
#pragma once

#include <utility>
#include <vector>

#include "numeric/interrupt.hpp"
#include "plane/predicates.hpp"

namespace diracs {

// Seeds must have distinct positions that are not all on a line. Vertices are indices into `seeds`; half-edge 4 t + k
// runs from corner k of triangle t to corner (k + 1) mod 3, counterclockwise.
class Triangulation {
public:
    static constexpr int kGhost = -1;
    static constexpr int kUnused = -2;

    struct alignas(32) Triangle {
        int vertex[3];
        int twin[3];  // the half-edge on the other side
        int stamp;    // the last seed that conflicted with this triangle
    };

    // seeds[0], seeds[1], seeds[2] must not be collinear; the others are inserted in order.
    explicit Triangulation(const std::vector<Seed>& seeds) : seeds_(seeds.data()) {
        const int n = static_cast<int>(seeds.size());
        triangles_.reserve(2 * seeds.size() + 8);
        int a = 0, b = 1;
        if (orient(seeds[0], seeds[1], seeds[2]) < 0) std::swap(a, b);
        const int c = 2;
        triangles_.push_back({{a, b, c}, {4 * 1, 4 * 2, 4 * 3}, kGhost});
        triangles_.push_back({{b, a, kGhost}, {4 * 0, 4 * 3 + 2, 4 * 2 + 1}, kGhost});
        triangles_.push_back({{c, b, kGhost}, {4 * 0 + 1, 4 * 1 + 2, 4 * 3 + 1}, kGhost});
        triangles_.push_back({{a, c, kGhost}, {4 * 0 + 2, 4 * 2 + 2, 4 * 1 + 1}, kGhost});
        for (int p = 3; p < n; ++p) {
            if (p % 16 == 0) poll_interrupt();
            insert(p);
        }
    }

    // Triangles of the slots whose first vertex is not kUnused; a corner kGhost is at infinity.
    const std::vector<Triangle>& triangles() const { return triangles_; }

    static int next(int e) { return (e & 3) == 2 ? e - 2 : e + 1; }
    static int previous(int e) { return (e & 3) == 0 ? e + 2 : e - 1; }
    int twin(int e) const { return triangles_[e >> 2].twin[e & 3]; }
    int origin(int e) const { return triangles_[e >> 2].vertex[e & 3]; }
    int target(int e) const { return origin(next(e)); }

private:
    struct BoundaryEdge {
        int from;
        int to;
        int outside;  // the half-edge on its other side, which remains
    };

    bool is_ghost(int t) const {
        const Triangle& s = triangles_[t];
        return (s.vertex[0] | s.vertex[1] | s.vertex[2]) < 0;
    }

    // Does seed p lie below the plane of triangle t? A ghost triangle over the hull edge (u, v) is the vertical plane
    // through its lifted ends: p is below it if beyond the edge, and for p on its line the triangle inside decides.
    bool conflicts(int t, int p) const {
        const Triangle& s = triangles_[t];
        if (!is_ghost(t)) {
            return in_power_circle(seeds_[s.vertex[0]], seeds_[s.vertex[1]], seeds_[s.vertex[2]], seeds_[p]) > 0;
        }
        const int k = s.vertex[0] == kGhost ? 1 : (s.vertex[1] == kGhost ? 2 : 0);
        const int side = orient(seeds_[s.vertex[k]], seeds_[s.vertex[k == 2 ? 0 : k + 1]], seeds_[p]);
        return side > 0 || (side == 0 && conflicts(s.twin[k] >> 2, p));
    }

    // A triangle that contains p, or a ghost triangle over a hull edge that p is beyond. The walk across edges that
    // separate from p ends, since regular triangulations are acyclic (H. Edelsbrunner 1990).
    int locate(int p) const {
        const Seed& s = seeds_[p];
        int t = recent_, entry = -1;
        while (true) {
            int exit = -1;
            for (int k = 0; k < 3 && exit < 0; ++k) {
                const int e = 4 * t + k;
                if (e != entry && orient(seeds_[origin(e)], seeds_[target(e)], s) < 0) exit = e;
            }
            if (exit < 0) return t;
            entry = twin(exit);
            t = entry >> 2;
            if (is_ghost(t)) return t;
        }
    }

    // Collects the triangles in conflict with p into `removed_`, and the edges around them, counterclockwise, into
    // `boundary_`. An explicit stack, as the cavity may be the whole triangulation.
    void open_cavity(int start, int p) {
        removed_.assign(1, start);
        boundary_.clear();
        triangles_[start].stamp = p;
        stack_.assign({4 * start + 2, 4 * start + 1, 4 * start});
        while (!stack_.empty()) {
            const int e = stack_.back(), other = twin(e), t = other >> 2;
            stack_.pop_back();
            if (triangles_[t].stamp == p) continue;
            if (conflicts(t, p)) {
                triangles_[t].stamp = p;
                removed_.push_back(t);
                // In this order the boundary comes out as a closed path.
                stack_.push_back(previous(other));
                stack_.push_back(next(other));
            } else {
                boundary_.push_back({origin(e), target(e), other});
            }
        }
    }

    int new_slot() {
        std::vector<int>& source = removed_.empty() ? unused_ : removed_;
        if (source.empty()) {
            triangles_.emplace_back();
            return static_cast<int>(triangles_.size()) - 1;
        }
        const int t = source.back();
        source.pop_back();
        return t;
    }

    void fill_cavity(int p) {
        star_.resize(boundary_.size());
        for (int& t : star_) t = new_slot();
        for (std::size_t i = 0, size = star_.size(); i < size; ++i) {
            const BoundaryEdge& edge = boundary_[i];
            const int t = star_[i];
            const int following = star_[i + 1 == size ? 0 : i + 1], preceding = star_[i == 0 ? size - 1 : i - 1];
            triangles_[t] = {{edge.from, edge.to, p}, {edge.outside, 4 * following + 2, 4 * preceding + 1}, kGhost};
            triangles_[edge.outside >> 2].twin[edge.outside & 3] = 4 * t;
            if (edge.from != kGhost && edge.to != kGhost) recent_ = t;
        }
        // More triangles go than come where p hides other seeds.
        for (const int t : removed_) {
            triangles_[t].vertex[0] = kUnused;
            unused_.push_back(t);
        }
    }

    void insert(int p) {
        const int t = locate(p);
        if (!conflicts(t, p)) {
            recent_ = t;  // p is hidden, now and for ever: further seeds only lower the hull
            return;
        }
        open_cavity(t, p);
        fill_cavity(p);
    }

    const Seed* seeds_;
    std::vector<Triangle> triangles_;
    int recent_ = 0;
    std::vector<int> removed_, unused_, stack_, star_;
    std::vector<BoundaryEdge> boundary_;
};

}  // namespace diracs
