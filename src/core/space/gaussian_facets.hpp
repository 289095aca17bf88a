// Integrals of the standard normal density of space over a polyhedron and its facets, all along edges.
//
// A facet lies in a plane at distance h from the origin (h > 0 if the polyhedron has the origin on its side), one of its
// edges at distance d from the foot of the origin in that plane (d > 0 if the facet has the foot on its side), s along the
// edge, ρ² = d² + s², r² = h² + ρ². Two vector fields have divergence φ₃: u (1 − Q)/(4πr³) everywhere and −u Q/(4πr³) away
// from the origin, Q the mass beyond radius r. Their antiderivatives along r are those of Coulomb's potential of a
// Gaussian, and the flux through the sector of a facet that an edge spans with the foot is
//   h/4π ∫ (C(h) − C(r)) dθ, C(r) = erf(r/√2)/r,   and   h/4π ∫ (E(r) − E(h)) dθ, E(r) = erfc(r/√2)/r,
// with dθ = d ds/ρ². The differences vanish where ρ does, so that their quotients with ρ² are smooth along the edge, however
// near to the foot it passes. Where the foot is not in the facet the E(h) add up to nothing and are left out: far cells
// keep their digits. In the same way ∫φ₃ over the sector is e^{−h²/2} ∫ (1 − e^{−ρ²/2}) dθ/(2π)^{3/2}, or without the 1.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "numeric/gauss_legendre.hpp"
#include "space/coulomb.hpp"
#include "space/density.hpp"
#include "space/gaussian_decay.hpp"
#include "space/polyhedron.hpp"
#include "space/vec3.hpp"

namespace diracs::space {

namespace detail {

constexpr double kPi = 3.14159265358979323846;
constexpr double kNormal3 = 0.06349363593424097;  // (2π)^{−3/2}
constexpr double kFar2 = 72.0;                    // r² beyond which erfc is below rounding
constexpr double kLongTail = 80.0;                // exp(−r²/2) has fallen by 4e-18 where r² has grown by this
constexpr double kNowhere2 = 3200.0;              // r² beyond which there is nothing, also of facets without edges
constexpr double kSure = 1e-6;                    // of lengths: far above their rounding
constexpr double kPole2 = 0.5;                    // ρ² below which differences are taken

}  // namespace detail

// A polyhedron in the coordinates of a component, and what comes out of it.
class GaussianPolyhedron {
public:
    struct Plane {
        Vec3 normal;  // unit, outward
        double h, h2;
        double nearest2;  // least ρ² on its edges
        Vec3 across;      // in the plane
        int winding;      // of the edges around the foot, if they are on a sure side of it
        bool is_sure, holds_foot;
        bool differences;        // whether its sectors are taken with the constant
        double c_h, e_h, decay;  // C, E and exp(−h²/2) there
        // Results: ∫φ₃, ∫vφ₃ and ∫v vᵀφ₃ over the facet, v = u − foot.
        double area;
        Vec3 lever;
        Sym3 spread;
        double area_size, rim;  // of the terms of the first two
    };

    std::vector<Vec3> u;        // vertices
    std::vector<Plane> planes;  // one per face of the list
    double mass;
    Vec3 first;
    double size;  // of the terms of the mass

    // Plane normals and distances first: `planes[f].normal` and `.h` are to be set, and `u`. Returns r² of the nearest
    // point, 0 if the origin is inside. Facets of almost the same plane may have their vertices in any order: whether one
    // holds its foot is for the winding number of its edges to say, not for the side that each of them is on.
    double measure(const Polyhedron& cell, const std::vector<int>& slot) {
        for (Plane& plane : planes) {
            plane.h2 = plane.h * plane.h;
            plane.nearest2 = HUGE_VAL;
            plane.across = perpendicular(plane.normal);
            plane.winding = 0;
            plane.is_sure = true;
            plane.area = plane.area_size = plane.rim = 0.0;
            plane.lever = {};
            plane.spread = {};
        }
        for (int g = 0, end = static_cast<int>(cell.left.size()); g < end; ++g) {
            Plane& plane = planes[slot[cell.left[g]]];
            const Vec3 a = u[g / 3], b = u[cell.twin[g] / 3];
            const Vec3 step = b - a;
            const double length = norm(step);
            if (!(length > 0.0)) continue;
            const bool starts_below = dot(plane.across, a) < 0.0,
                       crosses = starts_below != (dot(plane.across, b) < 0.0);
            const Vec3 t = (1.0 / length) * step, out = cross(t, plane.normal);
            if (is_rounding(t, plane)) {
                plane.is_sure = plane.is_sure && !crosses;
                continue;
            }
            const double d = dot(out, a), s1 = dot(t, a), s2 = s1 + length;
            const double s = s1 > 0.0 ? s1 : (s2 < 0.0 ? s2 : 0.0);
            plane.nearest2 = std::min(plane.nearest2, d * d + s * s);
            if (!crosses) continue;
            const double reach = std::fabs(plane.h) + std::fabs(d) + std::fabs(s1) + length;
            plane.is_sure = plane.is_sure && std::min(length, std::fabs(d)) > detail::kSure * reach;
            if (starts_below == (d > 0.0)) plane.winding += starts_below ? 1 : -1;
        }
        bool decided = true;
        for (Plane& plane : planes) {
            plane.holds_foot = plane.winding != 0;
            decided = decided && plane.is_sure;
        }
        if (!decided) find_feet(cell, slot);
        double nearest2 = HUGE_VAL;
        bool inside = true;
        for (Plane& plane : planes) {
            inside = inside && plane.h >= 0.0;
            nearest2 = std::min(nearest2, plane.h2 + (plane.holds_foot ? 0.0 : plane.nearest2));
        }
        closest2_ = nearest2;
        inside_ = inside;
        return inside ? 0.0 : nearest2;
    }

    // After `measure`.
    void integrate(const Polyhedron& cell, const std::vector<int>& slot) {
        regular_ = inside_ || closest2_ < 1.0;
        mass = size = 0.0;
        first = {};
        for (Plane& plane : planes) {
            plane.differences = regular_ || plane.holds_foot || plane.nearest2 < 2.0 * detail::kPole2;
            plane.c_h = detail::coulomb(plane.h2);
            plane.e_h = plane.h2 > 0.0 ? detail::screened(plane.h2) : 0.0;
            plane.decay = std::exp(-0.5 * plane.h2);
        }
        for (int g = 0, end = static_cast<int>(cell.left.size()); g < end; ++g) {
            if (g > cell.twin[g]) continue;
            edge(u[g / 3], u[cell.twin[g] / 3], planes[slot[cell.left[g]]],
                 planes[slot[cell.left[Polyhedron::previous_around(g)]]]);
        }
        for (Plane& plane : planes) {
            first = first - plane.area * plane.normal;
            const Sym3 across = square(plane.normal);
            plane.spread = plane.spread + plane.area * (Sym3{1.0, 0.0, 0.0, 1.0, 0.0, 1.0} + -1.0 * across);
        }
    }

    // Of the mass: 4π times its terms, which flux far from the mean makes larger, and what crosses the edges if these are
    // off by `shift`: |F| ≤ 1/25 and (1 − Q)/(4πr²), or Q/(4πr²), so that ∫|F| along a line is 0.3 at most, or falls.
    double mass_size(double shift, std::size_t edges) const {
        const double crossed = 0.3 * shift * static_cast<double>(edges);
        if (regular_) return size + crossed;
        const double far2 = std::min(closest2_, detail::kNowhere2);
        return (7.0 + far2) * size + crossed * (1.0 + std::sqrt(far2)) * std::exp(-0.5 * far2);
    }

private:
    double closest2_;
    bool inside_, regular_;
    std::vector<double> turns_;  // of the edges of each facet

    // One of the two facets at an edge; the edge runs backwards around the second.
    struct Side {
        Plane& plane;
        Vec3 out, tangent;
        double d;
    };

    static Vec3 perpendicular(Vec3 n) {
        const double x = std::fabs(n.x), y = std::fabs(n.y), z = std::fabs(n.z);
        return x <= y && x <= z ? Vec3{0.0, -n.z, n.y} : y <= z ? Vec3{n.z, 0.0, -n.x} : Vec3{-n.y, n.x, 0.0};
    }

    // Whether facets hold their feet where an edge is short, or close to one: by the angle of all edges seen from there.
    void find_feet(const Polyhedron& cell, const std::vector<int>& slot) {
        turns_.assign(planes.size(), 0.0);
        for (int g = 0, end = static_cast<int>(cell.left.size()); g < end; ++g) {
            const Plane& plane = planes[slot[cell.left[g]]];
            if (plane.is_sure) continue;
            const Vec3 a = u[g / 3], step = u[cell.twin[g] / 3] - a;
            const double length = norm(step);
            if (!(length > 0.0)) continue;
            const Vec3 t = (1.0 / length) * step;
            if (is_rounding(t, plane)) continue;
            const double s = dot(t, a);
            turns_[slot[cell.left[g]]] += angle(dot(cross(t, plane.normal), a), s, s + length);
        }
        for (std::size_t f = 0; f < planes.size(); ++f) {
            if (!planes[f].is_sure) planes[f].holds_foot = std::fabs(turns_[f]) > detail::kPi;
        }
    }

    // An edge between vertices on one spot has any direction, and seen from a foot that is not there any angle.
    static bool is_rounding(Vec3 t, const Plane& plane) { return std::fabs(dot(t, plane.normal)) > 0.1; }

    static double angle(double d, double s1, double s2) { return std::atan2(d * (s2 - s1), d * d + s1 * s2); }

    void edge(Vec3 a, Vec3 b, Plane& left, Plane& right) {
        using namespace detail;
        const Vec3 step = b - a;
        const double length = norm(step);
        if (!(length > 0.0)) return;
        const Vec3 t = (1.0 / length) * step;
        if (is_rounding(t, left) || is_rounding(t, right)) return;
        const double s1 = dot(t, a), s2 = s1 + length;
        const double s = s1 > 0.0 ? s1 : (s2 < 0.0 ? s2 : 0.0);
        const Vec3 axis = a - s1 * t;
        const double from_axis2 = norm2(axis);
        Side sides[2] = {{left, cross(t, left.normal), t, 0.0}, {right, cross(right.normal, t), t, 0.0}};
        for (Side& side : sides) side.d = dot(side.out, axis) + 0.0;
        const double nearest2 = from_axis2 + s * s;
        const double least2 =
            regular_ ? std::max(kFar2, closest2_ + kLongTail) : std::max(nearest2, closest2_) + kLongTail;
        const double room = least2 - from_axis2;
        const double reach = room > 0.0 ? std::sqrt(room) : -1.0;
        const double n1 = std::max(s1, -reach), n2 = std::min(s2, reach);
        // Out there pieces may be too short for s to move on.
        if (!(n1 < n2) || nearest2 > kNowhere2) {
            tail(sides, from_axis2, s1, s2);
            return;
        }
        if (s1 < n1) tail(sides, from_axis2, s1, n1);
        if (n2 < s2) tail(sides, from_axis2, n2, s2);
        for (double from = n1; from < n2;) {
            const double near = from > 0.0 ? from : std::min(0.0, n2);
            double most = 2.0;
            for (const Side& side : sides) {
                const double rho2 = side.d * side.d + near * near;
                if (!side.plane.differences || (!regular_ && rho2 >= kPole2)) {
                    most = std::min(most, std::min(8.0 / (2.0 + std::fabs(from)), 0.9 * std::sqrt(rho2)));
                }
            }
            double piece = std::min(n2 - from, most);
            if (n2 - from - piece < 0.1 * piece) piece = n2 - from;
            const double to = from + piece < n2 ? from + piece : n2;
            const double size = (to - from) * (2.0 + std::max(std::fabs(from), std::fabs(to)));
            const double share = most < 2.0 ? (to - from) / most : 0.0;
            if (size < 0.2 && share < 0.08) {
                add<4>(sides, from_axis2, from, to, near);
            } else if (size < 1.0 && share < 0.3) {
                add<6>(sides, from_axis2, from, to, near);
            } else if (size < 2.6 && share < 0.55) {
                add<8>(sides, from_axis2, from, to, near);
            } else {
                add<14>(sides, from_axis2, from, to, near);
            }
            from = to;
        }
    }

    // Where nothing is left of the density but angles.
    void tail(Side* sides, double from_axis2, double from, double to) {
        using namespace detail;
        for (int k = 0; k < 2; ++k) {
            Side& side = sides[k];
            Plane& plane = side.plane;
            if (!plane.differences) continue;
            if (side.d == 0.0) continue;  // the foot is on the edge's line: its sector is empty
            const double theta = angle(side.d, from, to);
            plane.area += plane.decay * theta * kNormal3;
            plane.area_size += std::fabs(plane.decay * theta) * kNormal3;
            if (regular_) {
                const double ratio = plane.h / side.d;
                const double solid = std::atan(ratio * to / std::sqrt(from_axis2 + to * to)) -
                                     std::atan(ratio * from / std::sqrt(from_axis2 + from * from));
                mass += (plane.h * plane.c_h * theta - solid) / (4.0 * kPi);
                size += std::fabs(plane.h * plane.c_h * theta) + std::fabs(solid);
            } else {
                mass -= plane.h * plane.e_h * theta / (4.0 * kPi);
                size += std::fabs(plane.h * plane.e_h * theta);
            }
        }
    }

    template <int N>
    [[gnu::noinline]] void add(Side* sides, double from_axis2, double from, double to, double near) {
        using namespace detail;
        const GaussLegendre<N>& rule = gauss_legendre<N>;
        const double half = 0.5 * (to - from), center = 0.5 * (from + to);
        double s2[N], q[N], e[N], g[N], line = 0.0, along = 0.0;
        for (int k = 0; k < N; ++k) {
            const double s = center + half * rule.node[k];
            s2[k] = s * s, q[k] = from_axis2 + s2[k];
        }
        regular_ ? coulomb_decays(q, N, e, g) : screened_decays(q, N, e, g);
        for (int k = 0; k < N; ++k) {
            line += rule.weight[k] * e[k];
            along += rule.weight[k] * e[k] * (center + half * rule.node[k]);
        }
        line *= half * kNormal3;
        along *= 0.5 * half * kNormal3;
        for (int f = 0; f < 2; ++f) {
            Side& side = sides[f];
            Plane& plane = side.plane;
            const double d = side.d, d2 = d * d;
            plane.lever = plane.lever - line * side.out;
            plane.rim += line;
            // ∫ ∂(v_b φ₃)/∂v_a = δ_ab ∫φ₃ − ∫ v_a v_b φ₃ is the flux of v_b φ₃ through the edges; here its symmetric part.
            plane.spread = plane.spread + (-d * line) * square(side.out) + -along * product(side.out, side.tangent);
            double flux = 0.0, area = 0.0;
            if (regular_) {
                for (int k = 0; k < N; ++k) {
                    const double rho2 = d2 + s2[k];
                    flux -= rule.weight[k] * coulomb_slope(plane.h2 + rho2, g[k], plane.h2, plane.c_h);
                    area += rule.weight[k] * bump(rho2);
                }
                mass += half * d * plane.h * flux / (4.0 * kPi);
                size += std::fabs(half * d * plane.h * flux);
                plane.area += half * d * plane.decay * area * kNormal3;
                plane.area_size += std::fabs(half * d * plane.decay * area) * kNormal3;
            } else if (plane.differences && d2 + near * near < kPole2) {
                for (int k = 0; k < N; ++k) {
                    const double rho2 = d2 + s2[k];
                    flux += rule.weight[k] * screened_slope(plane.h2 + rho2, g[k], plane.h2, plane.e_h);
                    area += rule.weight[k] * bump(rho2);
                }
                mass += half * d * plane.h * flux / (4.0 * kPi);
                size += std::fabs(half * d * plane.h * flux);
                plane.area += half * d * plane.decay * area * kNormal3;
                plane.area_size += std::fabs(half * d * plane.decay * area) * kNormal3;
            } else {
                for (int k = 0; k < N; ++k) {
                    const double rho2 = d2 + s2[k];
                    flux += rule.weight[k] * g[k] / rho2;
                    area += rule.weight[k] * e[k] / rho2;
                }
                double own = half * d * flux, constant = 0.0;
                if (plane.differences) constant = angle(d, from, to);
                mass += plane.h * (own - plane.e_h * constant) / (4.0 * kPi);
                size += std::fabs(plane.h * own) + std::fabs(plane.h * plane.e_h * constant);
                plane.area += (plane.decay * constant - half * d * area) * kNormal3;
                plane.area_size += (std::fabs(plane.decay * constant) + std::fabs(half * d * area)) * kNormal3;
            }
        }
    }
};

}  // namespace diracs::space
