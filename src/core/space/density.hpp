// What `moments` and its kin expect of a density in space.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "numeric/term_sizes.hpp"
#include "space/polyhedron.hpp"
#include "space/sym3.hpp"
#include "space/vec3.hpp"

namespace diracs::space {

// Mass, ∫(x − o)ρ and ∫|x − o|²ρ of a cell.
struct CellMoments {
    double mass = 0.0;
    Vec3 first;
    double second = 0.0;
    TermSizes sizes = {};

    void add(double weight, const CellMoments& other) {
        mass += weight * other.mass;
        first = first + weight * other.first;
        second += weight * other.second;
        sizes.add(weight, other.sizes);
    }

    // About o − shift, when these are about o: x − o + shift.
    CellMoments moved(Vec3 shift) const {
        return {mass, first + mass * shift, second + 2.0 * dot(shift, first) + mass * norm2(shift),
                sizes.moved(norm(shift))};
    }
};

// ∫ρ dA, ∫(x − o)ρ dA and ∫(x − o)(x − o)ᵀρ dA over a facet.
struct FacetMoments {
    double zeroth = 0.0;
    Vec3 first;
    Sym3 second;

    void add(double weight, const FacetMoments& other) {
        zeroth += weight * other.zeroth;
        first = first + weight * other.first;
        second = second + weight * other.second;
    }

    FacetMoments moved(Vec3 shift) const {
        return {zeroth, first + zeroth * shift, second + product(first, shift) + zeroth * square(shift)};
    }
};

// The part of space that a density knows: a box, and along which axes it repeats, or what half spaces leave of it.
struct Domain {
    Vec3 low, high;
    bool periodic[3] = {false, false, false};
    std::vector<HalfSpace> planes = {};

    Vec3 sides() const { return high - low; }
    bool any_periodic() const { return periodic[0] || periodic[1] || periodic[2]; }
};

// The faces of a polyhedron, each by one of its half-edges, and whether integrals over it are wanted: those of labels
// larger than `above`.
struct FaceList {
    std::vector<int> begin;
    std::vector<char> wanted, seen;

    void of(const Polyhedron& cell, int above) {
        begin.clear();
        wanted.clear();
        seen.assign(cell.faces.size(), 0);
        for (int h = 0, end = static_cast<int>(cell.left.size()); h < end; ++h) {
            const int face = cell.left[h];
            if (seen[face]) continue;
            seen[face] = 1;
            begin.push_back(h);
            wanted.push_back(cell.faces[face].label > above);
        }
    }
};

// A density has
//   Scratch    memory that is used again from cell to cell, one per thread;
//   domain()   a box with nothing of the density outside, maybe periodic;
//   cell()     moments of a polyhedron given by its vertices minus o (o = `origin`), and if `facets` is not null those
//              of each face of `list`, in its order; of those not wanted maybe nothing.
// All are const and called from several threads at once.

inline Vec3 middle(const Polyhedron& cell) {
    Vec3 sum;
    for (std::size_t v = 0; v < cell.size(); ++v) sum = sum + cell.vertex(v);
    return (1.0 / static_cast<double>(cell.size())) * sum;
}

// Volume, ∫x and ∫|x|² of a polyhedron, and area, ∫x dA and ∫xxᵀ dA of its faces: tetrahedra from a point inside to triangles of
// the faces, so that terms of volume and ∫|x|² are negative only where faces of almost the same plane have their vertices in the
// wrong order; then the other faces have too much. Over a tetrahedron of volume V with vertices p_i,
// ∫x = V Σp_i / 4 and ∫|x|² = V (Σ|p_i|² + |Σp_i|²) / 20; over a triangle of area A ∫xxᵀ = A (Σp_i p_iᵀ + Σp_i Σp_iᵀ) / 12.
[[gnu::noinline]] inline CellMoments uniform_moments(const Polyhedron& cell, const FaceList& list,
                                                     FacetMoments* facets) {
    CellMoments sum;
    const Vec3 c = middle(cell);
    const double cc = norm2(c);
    for (std::size_t f = 0; f < list.begin.size(); ++f) {
        const int first = list.begin[f];
        const Vec3 p = cell.vertex(first / 3), pc = p - c;
        const bool wanted = facets != nullptr && list.wanted[f];
        const Vec3 outward = cell.faces[cell.left[first]].half.normal;
        const double half = wanted ? 0.5 / norm(outward) : 0.0;
        FacetMoments facet;
        int h = cell.next(first);
        Vec3 q = cell.vertex(h / 3);
        for (h = cell.next(h); h != first; h = cell.next(h)) {
            const Vec3 r = cell.vertex(h / 3), normal = cross(q - p, r - p);
            const double six = dot(normal, pc);
            const Vec3 pqr = p + q + r;
            const Vec3 total = pqr + c;
            sum.mass += six / 6.0;
            sum.first = sum.first + (six / 24.0) * total;
            sum.second += six / 120.0 * (norm2(p) + norm2(q) + norm2(r) + cc + norm2(total));
            if (wanted) {
                const double area = half * dot(normal, outward);
                facet.zeroth += area;
                facet.first = facet.first + (area / 3.0) * pqr;
                facet.second = facet.second + (area / 12.0) * (square(p) + square(q) + square(r) + square(pqr));
            }
            q = r;
        }
        if (facets != nullptr) facets[f] = facet;
    }
    sum.mass = std::max(sum.mass, 0.0), sum.second = std::max(sum.second, 0.0);
    return sum;
}

}  // namespace diracs::space
