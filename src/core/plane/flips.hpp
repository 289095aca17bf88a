// A triangulation made regular for new weights by flips: every edge at which the lifted surface bends the wrong way is
// replaced by the other diagonal of its quadrilateral, which lowers the surface (C. L. Lawson 1977). Where the quadrilateral
// is not convex, the vertex in its way is taken out, so that no edge is stuck (H. Edelsbrunner & N. R. Shah 1996).
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "numeric/interrupt.hpp"
#include "plane/half_edges.hpp"
#include "plane/insertion.hpp"

namespace diracs {

class Flips {
public:
    Flips(HalfEdges& mesh, const Seed* seeds, FreeSlots& slots, std::size_t most)
        : mesh_(mesh), seeds_(seeds), slots_(slots), left_(most) {}

    // Whether the edges in `bent`, the only ones that need not be locally regular, and what follows from them could be
    // made so, by no more flips than are allowed. All edges being locally regular, so is the triangulation of the vertices
    // that it has.
    bool repair(std::vector<int> bent) {
        stack_ = std::move(bent);
        std::size_t steps = 0;
        while (!stack_.empty()) {
            if (++steps % 16 == 0) poll_interrupt();
            const int e = stack_.back();
            stack_.pop_back();
            if (!is_inner(e) || mesh_.bend(e, seeds_) <= 0) continue;
            const Seed &c = seeds_[mesh_.apex(e)], &d = seeds_[mesh_.apex(mesh_.twin(e))];
            if (orient(c, d, seeds_[mesh_.target(e)]) <= 0) {
                if (!remove(mesh_.twin(e))) return false;
            } else if (orient(d, c, seeds_[mesh_.origin(e)]) <= 0) {
                if (!remove(e)) return false;
            } else if (!flip(e)) {
                return false;
            }
        }
        return true;
    }

    // Vertices that were taken out.
    const std::vector<int>& removed() const { return removed_; }

    // Slots of triangles that are new, some of which may be unused again.
    const std::vector<int>& touched() const { return touched_; }

private:
    bool is_inner(int e) const {
        const int t = e >> 2;
        return mesh_.is_used(t) && !mesh_.is_ghost(t) && !mesh_.is_ghost(mesh_.twin(e) >> 2);
    }

    // Replaces the edge from a to b by that from c, the apex on its left, to d. Triangle e / 4 keeps b, the other one a.
    bool flip(int e) {
        if (left_ == 0) return false;
        --left_;
        const int f = mesh_.twin(e), t = e >> 2, u = f >> 2;
        const int a = mesh_.origin(e), b = mesh_.target(e), c = mesh_.apex(e), d = mesh_.apex(f);
        const int bc = mesh_.twin(HalfEdges::next(e)), ca = mesh_.twin(HalfEdges::previous(e));
        const int ad = mesh_.twin(HalfEdges::next(f)), db = mesh_.twin(HalfEdges::previous(f));
        set(t, c, d, b);
        set(u, d, c, a);
        mesh_.link(4 * t, 4 * u);
        connect(4 * t + 1, db);
        connect(4 * t + 2, bc);
        connect(4 * u + 1, ca);
        connect(4 * u + 2, ad);
        return true;
    }

    // Takes out the origin b of a half-edge. Of the polygon of its neighbours, all of which b sees, corners are cut off that
    // hide none of the others from b, until a triangle is left, or a quadrilateral with b on a diagonal.
    bool remove(int e) {
        int degree = 1;
        bool on_hull = mesh_.target(e) == HalfEdges::kGhost;
        for (int spoke = mesh_.counterclockwise(e); spoke != e; spoke = mesh_.counterclockwise(spoke), ++degree) {
            on_hull = on_hull || mesh_.target(spoke) == HalfEdges::kGhost;
        }
        if (degree > kMostSpokes) return false;
        while (!on_hull && degree > 3) {
            int turns = 0;
            while (turns < degree && !is_ear(e)) e = mesh_.counterclockwise(e), ++turns;
            if (turns == degree) break;
            const int f = mesh_.twin(e);
            if (!flip(e)) return false;
            e = 4 * (f >> 2) + 2;
            --degree;
        }
        if (degree > 4) return false;
        return degree == 3 ? merge_three(e) : merge_four(e);
    }

    bool is_ear(int e) const {
        const Seed &b = seeds_[mesh_.origin(e)], &x = seeds_[mesh_.target(e)];
        const Seed &u = seeds_[mesh_.apex(e)], &v = seeds_[mesh_.apex(mesh_.twin(e))];
        return orient(v, x, u) > 0 && orient(b, v, u) > 0;
    }

    // The triangles around b, whose edges from b are `spoke` and, counterclockwise, the others, become one.
    bool merge_three(int spoke) {
        const int second = mesh_.counterclockwise(spoke), third = mesh_.counterclockwise(second), t = spoke >> 2;
        const int outer[3] = {outside(spoke), outside(second), outside(third)};
        removed_.push_back(mesh_.origin(spoke));
        set(t, mesh_.target(spoke), mesh_.target(second), mesh_.target(third));
        for (int k = 0; k < 3; ++k) connect(4 * t + k, outer[k]);
        release(second >> 2);
        release(third >> 2);
        return true;
    }

    // Or two, on either side of the line through b and two of its neighbours, one of the others maybe at infinity.
    bool merge_four(int spoke) {
        const auto opposite = [&](int s) { return mesh_.counterclockwise(mesh_.counterclockwise(s)); };
        const auto is_straight = [&](int s) {
            const int x = mesh_.target(s), b = mesh_.origin(s), y = mesh_.target(opposite(s));
            return x >= 0 && y >= 0 && orient(seeds_[x], seeds_[b], seeds_[y]) == 0;
        };
        if (!is_straight(spoke)) spoke = mesh_.counterclockwise(spoke);
        if (!is_straight(spoke)) return false;
        const int second = mesh_.counterclockwise(spoke), third = opposite(spoke), fourth = opposite(second);
        const int outer[4] = {outside(spoke), outside(second), outside(third), outside(fourth)};
        const int x[4] = {mesh_.target(spoke), mesh_.target(second), mesh_.target(third), mesh_.target(fourth)};
        const int t = spoke >> 2, u = third >> 2;
        removed_.push_back(mesh_.origin(spoke));
        set(t, x[0], x[1], x[2]);
        set(u, x[2], x[3], x[0]);
        for (int k = 0; k < 2; ++k) {
            connect(4 * t + k, outer[k]);
            connect(4 * u + k, outer[2 + k]);
        }
        connect(4 * t + 2, 4 * u + 2);
        release(second >> 2);
        release(fourth >> 2);
        return true;
    }

    // The half-edge beyond the edge across from b, of the triangle to the left of an edge from b.
    int outside(int spoke) const { return mesh_.twin(HalfEdges::next(spoke)); }

    void set(int t, int a, int b, int c) {
        HalfEdges::Triangle& s = mesh_.triangles[t];
        s.vertex[0] = a;
        s.vertex[1] = b;
        s.vertex[2] = c;
        touched_.push_back(t);
    }

    // Links two half-edges whose edge is to be looked at.
    void connect(int e, int f) {
        mesh_.link(e, f);
        stack_.push_back(e);
    }

    void release(int t) {
        mesh_.triangles[t].vertex[0] = HalfEdges::kUnused;
        slots_.single.push_back(t);
    }

    static constexpr int kMostSpokes = 100;

    HalfEdges& mesh_;
    const Seed* seeds_;
    FreeSlots& slots_;
    std::size_t left_;
    std::vector<int> stack_, removed_, touched_;
};

}  // namespace diracs
