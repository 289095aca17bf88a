// What `moments` and its kin expect of a density.
#pragma once

#include "numeric/term_sizes.hpp"
#include "plane/vec2.hpp"

namespace diracs {

// A density has
//   Scratch    memory that is used again from cell to cell, one per thread;
//   domain()   a convex polygon, counterclockwise, with nothing of the density outside;
//   cell()     mass, ∫(x − o)ρ and ∫|x − o|²ρ of a convex polygon given by its vertices minus o (o = `origin`), and
//              if `lines` is not null the integrals along those edges whose label is larger than `above`; the
//              others' are left as they are.
// Polygons lie in the domain up to rounding. All are const and called from several threads at once.

struct CellMoments {
    double mass = 0.0;
    Vec2 first;
    double second = 0.0;
    TermSizes sizes = {};

    void add(double weight, const CellMoments& other) {
        mass += weight * other.mass;
        first = first + weight * other.first;
        second += weight * other.second;
        sizes.add(weight, other.sizes);
    }

    // About o − shift, when these are about o: x − o + shift.
    CellMoments moved(Vec2 shift) const {
        return {mass, first + mass * shift, second + 2.0 * dot(shift, first) + mass * norm2(shift),
                sizes.moved(norm(shift))};
    }
};

// ∫(1, τ, τ²)ρ dℓ along an edge, τ along it, counterclockwise, about the foot of o on its line.
struct LineMoments {
    double zeroth = 0.0;
    double first = 0.0;
    double second = 0.0;

    LineMoments moved(double shift) const {
        return {zeroth, first + shift * zeroth, second + 2.0 * shift * first + shift * shift * zeroth};
    }

    // ρ constant from a to b, by midpoint and half length.
    static LineMoments uniform(double density, double a, double b) {
        const double mass = density * (b - a), middle = (a + b) / 2.0, half = (b - a) / 2.0;
        return {mass, mass * middle, mass * (middle * middle + half * half / 3.0)};
    }

    void add(double weight, const LineMoments& other) {
        zeroth += weight * other.zeroth;
        first += weight * other.first;
        second += weight * other.second;
    }
};

// Unit tangent of the edge from a to b, and τ of a.
struct EdgeCoordinate {
    Vec2 tangent;
    double start, length;

    EdgeCoordinate(Vec2 a, Vec2 b) : tangent(b - a), length(norm(tangent)) {
        tangent = length > 0.0 ? Vec2{tangent.x / length, tangent.y / length} : Vec2{};
        start = dot(a, tangent);
    }
};

}  // namespace diracs
