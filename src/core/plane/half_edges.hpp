// Triangles of the plane and a ghost vertex at infinity, which closes them to a sphere, linked by half-edges.
#pragma once

#include <cstddef>

#include "numeric/uninitialized.hpp"
#include "plane/predicates.hpp"

namespace diracs {

// Vertices are indices of seeds; half-edge 4 t + k runs from corner k of triangle t to corner (k + 1) mod 3,
// counterclockwise. Slots whose first vertex is kUnused hold no triangle.
class HalfEdges {
public:
    static constexpr int kGhost = -1;
    static constexpr int kUnused = -2;

    struct alignas(32) Triangle {
        int vertex[3];
        int twin[3];  // the half-edge on the other side
        int stamp;    // the last seed that conflicted with this triangle
        int tag;  // while it is built, the block that owns it (construction.hpp); then its flat edges (bit k: edge k)
    };

    static int next(int e) { return (e & 3) == 2 ? e - 2 : e + 1; }
    static int previous(int e) { return (e & 3) == 0 ? e + 2 : e - 1; }
    int twin(int e) const { return triangles[e >> 2].twin[e & 3]; }
    int origin(int e) const { return triangles[e >> 2].vertex[e & 3]; }
    int target(int e) const { return origin(next(e)); }
    int apex(int e) const { return origin(previous(e)); }
    int clockwise(int e) const { return next(twin(e)); }             // the next half-edge from the same origin
    int counterclockwise(int e) const { return twin(previous(e)); }  // and the one before it

    bool is_used(int t) const { return triangles[t].vertex[0] != kUnused; }
    bool is_ghost(int t) const {
        const Triangle& s = triangles[t];
        return (s.vertex[0] | s.vertex[1] | s.vertex[2]) < 0;
    }

    void link(int e, int f) {
        triangles[e >> 2].twin[e & 3] = f;
        triangles[f >> 2].twin[f & 3] = e;
    }

    // Of the edge between two triangles that are no ghosts: 1 if one's lifted apex is below the other's plane, so that
    // the surface bends the wrong way; 0 if all four lifted vertices are on a plane; −1 if it is locally regular.
    int bend(int e, const Seed* seeds) const {
        const Triangle& t = triangles[e >> 2];
        return in_power_circle(seeds[t.vertex[0]], seeds[t.vertex[1]], seeds[t.vertex[2]], seeds[apex(twin(e))]);
    }

    RawVector<Triangle> triangles;
};

}  // namespace diracs
