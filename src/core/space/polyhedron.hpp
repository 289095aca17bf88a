// Convex polyhedra with three edges at every vertex, cut by one half space after another.
//
// Where more than three planes meet in a point there are vertices on one spot. Rounding may then say of a vertex that it is
// outside, and of its neighbours that they are not; what is cut off at once is made connected, and so is what remains. Then
// the edges between both are a closed path in the dual triangulation, every face is cut once at most, and the result is
// again a polyhedron (no two faces share two edges), wrong by rounding only. Where many planes almost have a line in common
// there may be cracks of no width between edges along it: what they separate is cut off piece by piece, and leaves several
// faces on the plane.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "space/vec3.hpp"
#include "space/vertex_loops.hpp"

namespace diracs::space {

// Label of a face on the boundary of the domain; any other label is the neighbour across it.
constexpr int kDomainFace = -1;
// Label of a face that cuts a cell into pieces.
constexpr int kCutFace = -2;

struct Face {
    HalfSpace half;
    int label;
    int shift;  // of the neighbour on a torus (see torus.hpp)
};

// Half-edge 3 v + k leaves vertex v; k = 0, 1, 2 are counterclockwise seen from outside, and the face left of it lies
// between it and the next. Memory is allocated once per thread and not once per cell.
class Polyhedron {
public:
    std::vector<double> x, y, z;  // of vertices
    std::vector<int> twin;        // the half-edge on the other side
    std::vector<int> left;        // the face on the left
    std::vector<Face> faces;      // some may have no vertices any more

    std::size_t size() const { return x.size(); }
    bool empty() const { return x.empty(); }
    Vec3 vertex(std::size_t v) const { return {x[v], y[v], z[v]}; }
    Vertices vertices() const { return {x.data(), y.data(), z.data(), size()}; }

    static int next_around(int h) { return h % 3 == 2 ? h - 2 : h + 1; }
    static int previous_around(int h) { return h % 3 == 0 ? h + 2 : h - 1; }
    // The half-edge after h with the same face on its left, counterclockwise.
    int next(int h) const { return previous_around(twin[h]); }

    void clear() {
        x.clear(), y.clear(), z.clear();
        twin.clear(), left.clear(), faces.clear();
    }

    // A box; face 2 a is its low end on axis a, face 2 a + 1 the high one.
    void start(Vec3 low, Vec3 high) {
        clear();
        for (int axis = 0; axis < 3; ++axis) {
            for (int side = 0; side < 2; ++side) {
                HalfSpace half{{}, side ? high[axis] : -low[axis]};
                half.normal[axis] = side ? 1.0 : -1.0;
                faces.push_back({half, kDomainFace, 0});
            }
        }
        twin.resize(24), left.resize(24);
        for (int v = 0; v < 8; ++v) {
            const int bits[3] = {v & 1, v >> 1 & 1, v >> 2 & 1};
            x.push_back(bits[0] ? high.x : low.x);
            y.push_back(bits[1] ? high.y : low.y);
            z.push_back(bits[2] ? high.z : low.z);
            for (int axis = 0; axis < 3; ++axis) {
                const int other = v ^ (1 << axis), right = (axis + 1) % 3, after = (axis + 2) % 3;
                // Counterclockwise are the axes in order in every other corner, in the reverse order in the others.
                twin[3 * v + slot(v, axis)] = 3 * other + slot(other, axis);
                const int across = reversed(v) ? right : after;
                left[3 * v + slot(v, axis)] = 2 * across + bits[across];
            }
        }
    }

    void add_to_faces(Face face) { faces.push_back(face); }

    // |z|∞ over all vertices.
    double reach() const {
        double result = 0.0;
        for (std::size_t v = 0; v < size(); ++v) {
            result = std::max(result, std::max(std::fabs(x[v]), std::max(std::fabs(y[v]), std::fabs(z[v]))));
        }
        return result;
    }

private:
    static bool reversed(int corner) { return ((corner & 1) + (corner >> 1 & 1) + (corner >> 2 & 1)) % 2 == 0; }
    static int slot(int corner, int axis) { return reversed(corner) && axis > 0 ? 3 - axis : axis; }
};

// Cuts polyhedra; its scratch memory is used again.
class Cutting {
public:
    // Intersects with a half space, whose face gets the label. True if anything was cut off; a polyhedron of which nothing
    // is left is empty. Planes within `tolerance` of a vertex leave it where it is.
    bool operator()(Polyhedron& cell, const HalfSpace& half, int label, int shift, double tolerance) {
        bool some = false, more = true;
        for (int piece = 0; more && piece < kMostPieces; ++piece) {
            more = false;
            some = cut_off(cell, half, label, shift, tolerance, more) || some;
        }
        return some;
    }

private:
    static constexpr int kMostPieces = 16;  // new vertices may be outside by more than the tolerance

    // The piece with the outermost vertex; whether there are `more`.
    [[gnu::noinline]] bool cut_off(Polyhedron& cell, const HalfSpace& half, int label, int shift, double tolerance,
                                   bool& more) {
        const std::size_t n = cell.size();
        if (n == 0) return false;
        excess_.resize(n);
        double* excess = excess_.data();
        const auto [bottom, top] = excesses(cell.vertices(), half, excess);
        if (!(top > tolerance)) return false;
        if (!(bottom < -tolerance)) {
            cell.clear();
            return true;
        }
        int outermost = 0;
        while (excess[outermost] != top) ++outermost;
        removed_.assign(1, outermost);
        state_.assign(n, 0);
        state_[outermost] = 1;
        std::size_t crossing = 0;
        int first = -1;
        for (std::size_t k = 0; k < removed_.size(); ++k) {
            for (int h = 3 * removed_[k], end = h + 3; h < end; ++h) {
                const int w = cell.twin[h] / 3;
                if (!(excess[w] > tolerance)) {
                    first = cell.twin[h], ++crossing;
                } else if (state_[w] == 0) {
                    state_[w] = 1, removed_.push_back(w);
                }
            }
        }
        const auto is_outside = [tolerance](double value) { return value > tolerance; };
        more = static_cast<std::size_t>(std::count_if(excess, excess + n, is_outside)) > removed_.size();
        if (!find_path(cell, first, crossing)) {
            keep_connected(cell, static_cast<int>(std::find(excess, excess + n, bottom) - excess));
        }
        replace(cell, half, label, shift);
        return true;
    }

    std::vector<double> excess_;
    std::vector<char> state_;          // 1: cut off
    std::vector<int> removed_, path_;  // path_: the half-edges from what remains to what does not, in order
    std::vector<int> slots_, around_;
    std::vector<Vec3> places_;

    // Walks around what is cut off, from one of the half-edges to it; false if not all of them, `count`, are on the way.
    bool find_path(const Polyhedron& cell, int first, std::size_t count) {
        path_.clear();
        int h = first;
        do {
            path_.push_back(h);
            int g = cell.next(h);
            while (state_[cell.twin[g] / 3] != 0) g = cell.next(g);
            h = cell.twin[g];
        } while (h != first && path_.size() <= count);
        return path_.size() == count;
    }

    // Cuts off all that is not connected with vertex `v`, and walks around it.
    void keep_connected(const Polyhedron& cell, int v) {
        state_[v] = 2;
        removed_.assign(1, v);
        for (std::size_t k = 0; k < removed_.size(); ++k) {
            for (int h = 3 * removed_[k], end = h + 3; h < end; ++h) {
                const int w = cell.twin[h] / 3;
                if (state_[w] == 0) state_[w] = 2, removed_.push_back(w);
            }
        }
        removed_.clear();
        for (std::size_t w = 0; w < state_.size(); ++w) {
            state_[w] = state_[w] == 2 ? 0 : 1;
            if (state_[w] == 1) removed_.push_back(static_cast<int>(w));
        }
        int first = -1;
        for (const int w : removed_) {
            for (int h = 3 * w; h < 3 * w + 3; ++h) {
                if (state_[cell.twin[h] / 3] == 0) first = cell.twin[h];
            }
        }
        find_path(cell, first, cell.twin.size());
    }

    void replace(Polyhedron& cell, const HalfSpace& half, int label, int shift) {
        const std::size_t m = path_.size();
        const int face = static_cast<int>(cell.faces.size());
        cell.faces.push_back({half, label, shift});
        places_.resize(m);
        for (std::size_t t = 0; t < m; ++t) places_[t] = intersection(cell, path_[t], half);
        slots_.assign(m, 0);
        std::size_t used = 0, n = cell.size();
        for (std::size_t t = 0; t < m; ++t) {
            slots_[t] = used < removed_.size() ? removed_[used++] : static_cast<int>(n++);
        }
        if (n > cell.size()) {
            cell.x.resize(n), cell.y.resize(n), cell.z.resize(n);
            cell.twin.resize(3 * n), cell.left.resize(3 * n);
            state_.resize(n, 0);
        }
        // Faces first: half-edges into slots that are used again are still to be read.
        around_.resize(m);
        for (std::size_t t = 0; t < m; ++t) around_[t] = cell.left[path_[t]];
        for (std::size_t t = 0; t < m; ++t) {
            const std::size_t before = t == 0 ? m - 1 : t - 1, after = t + 1 == m ? 0 : t + 1;
            const int u = slots_[t], h = 3 * u;
            state_[u] = 0;
            cell.x[u] = places_[t].x, cell.y[u] = places_[t].y, cell.z[u] = places_[t].z;
            cell.twin[h] = path_[t], cell.twin[path_[t]] = h, cell.left[h] = around_[before];
            cell.twin[h + 1] = 3 * slots_[before] + 2, cell.left[h + 1] = face;
            cell.twin[h + 2] = 3 * slots_[after] + 1, cell.left[h + 2] = around_[t];
        }
        if (used == removed_.size()) return;
        // The last vertices fill the gaps.
        std::sort(removed_.begin() + static_cast<std::ptrdiff_t>(used), removed_.end());
        std::size_t gap = used, end = removed_.size();
        while (gap < end) {
            const int last = static_cast<int>(--n);
            if (removed_[end - 1] == last) {
                --end;
                continue;
            }
            const int u = removed_[gap++];
            cell.x[u] = cell.x[last], cell.y[u] = cell.y[last], cell.z[u] = cell.z[last];
            for (int k = 0; k < 3; ++k) {
                cell.left[3 * u + k] = cell.left[3 * last + k];
                cell.twin[3 * u + k] = cell.twin[3 * last + k];
                cell.twin[cell.twin[3 * last + k]] = 3 * u + k;
            }
        }
        cell.x.resize(n), cell.y.resize(n), cell.z.resize(n);
        cell.twin.resize(3 * n), cell.left.resize(3 * n);
    }

    // Where the edge of half-edge h meets the plane. On an edge that is long beside its distance from the origin the
    // intersection of three planes is better, so that a small cell does not inherit the rounding of a large one.
    Vec3 intersection(const Polyhedron& cell, int h, const HalfSpace& half) const {
        const int inside = h / 3, outside = cell.twin[h] / 3;
        const Vec3 a = cell.vertex(inside), d = cell.vertex(outside) - a;
        const double low = std::min(excess_[inside], 0.0), high = excess_[outside];
        Vec3 p = a + (low / (low - high)) * d;
        if (norm2(d) < 4096.0 * norm2(p)) return p;
        const HalfSpace& f = cell.faces[cell.left[h]].half;
        const HalfSpace& g = cell.faces[cell.left[Polyhedron::previous_around(h)]].half;
        const Vec3 fg = cross(f.normal, g.normal), gh = cross(g.normal, half.normal), hf = cross(half.normal, f.normal);
        const double det = dot(fg, half.normal);
        if (std::fabs(det) < 1e-3) return p;
        for (int step = 0; step < 2; ++step) {
            p = p - (1.0 / det) * (f.excess(p) * gh + (g.excess(p) * hf + half.excess(p) * fg));
        }
        return p;
    }
};

}  // namespace diracs::space
