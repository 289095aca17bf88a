// Incremental regular triangulation: each seed replaces the triangles whose planes it lies below, lifted to (y, |y|² − w),
// by a star (A. Bowyer, D. Watson 1981).
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "plane/half_edges.hpp"

namespace diracs {

// Slots for new triangles: single ones, then those of a range.
struct FreeSlots {
    std::vector<int> single;
    int begin = 0, end = 0;

    int take() {
        if (single.empty()) return begin++;
        const int t = single.back();
        single.pop_back();
        return t;
    }
};

// Inserts seeds into the triangles that it owns: those with its tag. Several work at once on one triangulation where a
// triangle's owner also owns those of its neighbours that have any: what it reads then no other one writes.
class Insertion {
public:
    static constexpr int kNobody = -1;

    Insertion(HalfEdges& mesh, const Seed* seeds, int owner, int start, FreeSlots slots)
        : mesh_(mesh), seeds_(seeds), owner_(owner), recent_(start), slots_(std::move(slots)) {}

    // Whether nothing is left to do for seed p, which may be hidden, now and for ever, as further seeds only lower the
    // hull. If a triangle that is not owned has to be known or to go, nothing is changed.
    bool insert(int p) {
        const int t = locate(p);
        if (t < 0) return false;
        if (!conflicts(t, p)) {
            if (owned(t) && !mesh_.is_ghost(t)) recent_ = t;
            return true;
        }
        if (!owned(t) || !open_cavity(t, p)) return false;
        fill_cavity(p);
        return true;
    }

    FreeSlots& slots() { return slots_; }

private:
    struct BoundaryEdge {
        int from;
        int to;
        int outside;  // the half-edge on its other side, which remains
    };

    bool owned(int t) const { return mesh_.triangles[t].tag == owner_; }

    // Does seed p lie below the plane of triangle t? A ghost triangle over the hull edge (u, v) is the vertical plane
    // through its lifted ends: p is below it if beyond the edge, and for p on its line the triangle inside decides.
    bool conflicts(int t, int p) const {
        const HalfEdges::Triangle& s = mesh_.triangles[t];
        if (!mesh_.is_ghost(t)) {
            return in_power_circle(seeds_[s.vertex[0]], seeds_[s.vertex[1]], seeds_[s.vertex[2]], seeds_[p]) > 0;
        }
        const int k = s.vertex[0] == HalfEdges::kGhost ? 1 : (s.vertex[1] == HalfEdges::kGhost ? 2 : 0);
        const int side = orient(seeds_[s.vertex[k]], seeds_[s.vertex[k == 2 ? 0 : k + 1]], seeds_[p]);
        return side > 0 || (side == 0 && conflicts(s.twin[k] >> 2, p));
    }

    // A triangle that contains p, or a ghost triangle over a hull edge that p is beyond; −1 if the way there leaves what
    // is owned. The walk across edges that separate from p ends, since regular triangulations are acyclic (H.
    // Edelsbrunner 1990).
    int locate(int p) const {
        const Seed& s = seeds_[p];
        int t = recent_, entry = -1;
        while (true) {
            int exit = -1;
            for (int k = 0; k < 3 && exit < 0; ++k) {
                const int e = 4 * t + k;
                if (e != entry && orient(seeds_[mesh_.origin(e)], seeds_[mesh_.target(e)], s) < 0) exit = e;
            }
            if (exit < 0) return t;
            entry = mesh_.twin(exit);
            t = entry >> 2;
            if (mesh_.is_ghost(t)) return t;
            if (!owned(t)) return -1;
        }
    }

    // Collects the triangles in conflict with p into `removed_`, and the edges around them, counterclockwise, into
    // `boundary_`. An explicit stack, as the cavity may be the whole triangulation.
    bool open_cavity(int start, int p) {
        removed_.assign(1, start);
        boundary_.clear();
        mesh_.triangles[start].stamp = p;
        stack_.assign({4 * start + 2, 4 * start + 1, 4 * start});
        while (!stack_.empty()) {
            const int e = stack_.back(), other = mesh_.twin(e), t = other >> 2;
            stack_.pop_back();
            if (mesh_.triangles[t].stamp == p) continue;
            if (!conflicts(t, p)) {
                boundary_.push_back({mesh_.origin(e), mesh_.target(e), other});
                continue;
            }
            if (!owned(t)) {
                for (const int opened : removed_) mesh_.triangles[opened].stamp = kNobody;
                return false;
            }
            mesh_.triangles[t].stamp = p;
            removed_.push_back(t);
            // In this order the boundary comes out as a closed path.
            stack_.push_back(HalfEdges::previous(other));
            stack_.push_back(HalfEdges::next(other));
        }
        return true;
    }

    void fill_cavity(int p) {
        star_.resize(boundary_.size());
        for (int& t : star_) {
            t = removed_.empty() ? slots_.take() : removed_.back();
            if (!removed_.empty()) removed_.pop_back();
        }
        for (std::size_t i = 0, size = star_.size(); i < size; ++i) {
            const BoundaryEdge& edge = boundary_[i];
            const int t = star_[i];
            const int following = star_[i + 1 == size ? 0 : i + 1], preceding = star_[i == 0 ? size - 1 : i - 1];
            mesh_.triangles[t] = {
                {edge.from, edge.to, p}, {edge.outside, 4 * following + 2, 4 * preceding + 1}, kNobody, owner_};
            mesh_.triangles[edge.outside >> 2].twin[edge.outside & 3] = 4 * t;
            if (edge.from != HalfEdges::kGhost && edge.to != HalfEdges::kGhost) recent_ = t;
        }
        // More triangles go than come where p hides other seeds.
        for (const int t : removed_) {
            mesh_.triangles[t].vertex[0] = HalfEdges::kUnused;
            slots_.single.push_back(t);
        }
    }

    HalfEdges& mesh_;
    const Seed* seeds_;
    int owner_;
    int recent_;
    FreeSlots slots_;
    std::vector<int> removed_, stack_, star_;
    std::vector<BoundaryEdge> boundary_;
};

}  // namespace diracs
