// A tetrahedron as half spaces and as a polyhedron.
#pragma once

#include <vector>

#include "mesh/simplex.hpp"
#include "space/polyhedron.hpp"

namespace diracs::space {

using Tetrahedron = Simplex<Vec3>;

// Of a positively oriented tetrahedron; half space k has the face opposite to corner k on its border.
inline void sides(const Tetrahedron& t, HalfSpace* halves) {
    for (int k = 0; k < 4; ++k) {
        const Vec3 a = t.corner[(k + 1) % 4], b = t.corner[(k + 2) % 4], c = t.corner[(k + 3) % 4];
        const Vec3 normal = cross(b - a, c - a);
        // Outward if the corners are counterclockwise seen from outside, which every other k has.
        halves[k] = half_space(k % 2 == 0 ? normal : -1.0 * normal, 0.0);
        halves[k].offset = dot(halves[k].normal, a);
    }
}

inline void start(const Tetrahedron& t, Polyhedron& cell) {
    // The other ends of the edges from each corner, counterclockwise seen from outside.
    static constexpr int kEnds[4][3] = {{1, 3, 2}, {0, 2, 3}, {3, 1, 0}, {2, 0, 1}};
    cell.clear();
    HalfSpace halves[4];
    sides(t, halves);
    for (const HalfSpace& half : halves) cell.faces.push_back({half, kDomainFace, 0});
    cell.twin.resize(12), cell.left.resize(12);
    for (int v = 0; v < 4; ++v) {
        cell.x.push_back(t.corner[v].x), cell.y.push_back(t.corner[v].y), cell.z.push_back(t.corner[v].z);
        for (int k = 0; k < 3; ++k) {
            const int w = kEnds[v][k], h = 3 * v + k;
            for (int j = 0; j < 3; ++j) {
                if (kEnds[w][j] == v) cell.twin[h] = 3 * w + j;
            }
            // Between this edge and the next: opposite to the end of the third.
            cell.left[h] = kEnds[v][(k + 2) % 3];
        }
    }
}

}  // namespace diracs::space
