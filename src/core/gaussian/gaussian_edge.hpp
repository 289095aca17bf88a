// Integrals of the standard normal density of the plane along a segment.
#pragma once

#include <algorithm>
#include <cmath>

#include "numeric/gauss_legendre.hpp"

namespace diracs {

// Two vector fields have divergence φ₂: u (1 − exp(−r²/2))/(2πr²), everywhere, and −u exp(−r²/2)/(2πr²) away from the
// origin. The first is kept for polygons near the origin: no winding number has to be known, and a small polygon
// there gets small fluxes. The second decays as fast as the mass of a polygon far out. Their fluxes differ by the
// angle that the segment subtends, over 2π.
enum class Field { regular, decaying };

// A segment of the line at distance |h| from the origin; s is the coordinate along it about the foot of the origin, and
// h > 0 if the origin lies to the left of the direction of growing s, inside of a counterclockwise polygon.
struct GaussianSegment {
    double h, s1, s2;  // s1 <= s2

    double nearest2() const {  // r² = h² + s² of the nearest point
        const double s = s1 > 0.0 ? s1 : (s2 < 0.0 ? s2 : 0.0);
        return h * h + s * s;
    }
    double angle() const { return between(s1, s2); }  // that it subtends at the origin
    double field(double s, Field which) const {       // at least its length at s
        const double r2 = h * h + s * s, turn = 1.0 / (2.0 * 3.141592653589793);
        if (which == Field::regular) return turn * (r2 > 1.0 ? 1.0 / std::sqrt(r2) : std::sqrt(r2));
        return turn * std::exp(-0.5 * r2) / std::sqrt(std::max(r2, 1e-300));
    }
    double between(double from, double to) const { return std::atan2(h * (to - from), h * h + from * to); }
};

// With φ₂ = exp(−r²/2)/2π and moments about the point s = o:
struct GaussianLine {
    double zeroth = 0.0;  // ∫ φ₂ ds
    double first = 0.0;   // ∫ (s − o) φ₂ ds
    double second = 0.0;  // ∫ (s − o)² φ₂ ds
    double flux = 0.0;    // the mass of a polygon is the sum of its edges' fluxes
};

namespace detail {

constexpr double kInverse2Pi = 0.15915494309189533577;
constexpr double kLog2Pi = 1.83787706640934548356;
constexpr double kNear2 = 4.0;         // r² below which the regular field is integrated, the decaying one above
constexpr double kFarthest2 = 1600.0;  // exp(−r²/2) is below the smallest double
constexpr double kLongTail = 80.0;     // exp(−r²/2) has fallen by 4e-18 where r² has grown by this

// (1 − exp(−r²/2))/r², given r² and exp(−r²/2).
inline double regular_factor(double r2, double exponential) {
    if (r2 > 0.1) return (1.0 - exponential) / r2;
    const double q = r2 / 2.0;
    double sum = 1.0;
    for (int k = 9; k >= 2; --k) sum = 1.0 - sum * q / k;
    return sum / 2.0;
}

template <int N>
void add_piece(double h, double a, double b, double o, bool near, GaussianLine& sum, double& field) {
    const GaussLegendre<N>& rule = gauss_legendre<N>;
    const double half = (b - a) / 2.0, middle = (a + b) / 2.0, scale = half * kInverse2Pi;
    double exponential[N], s[N];
    for (int k = 0; k < N; ++k) {
        s[k] = middle + half * rule.node[k];
        exponential[k] = std::exp(-0.5 * (h * h + s[k] * s[k]));
    }
    double zeroth = 0.0, first = 0.0, second = 0.0, factor = 0.0;
    for (int k = 0; k < N; ++k) {
        const double r2 = h * h + s[k] * s[k], weight = rule.weight[k] * exponential[k], from = s[k] - o;
        zeroth += weight;
        first += weight * from;
        second += weight * from * from;
        factor += near ? rule.weight[k] * regular_factor(r2, exponential[k]) : weight / r2;
    }
    sum.zeroth += scale * zeroth;
    sum.first += scale * first;
    sum.second += scale * second;
    field += scale * h * factor;
}

// Pieces so short, for so many nodes, that the rules' error terms and the pole of 1/r² are below rounding.
inline double add_range(double h, double s1, double s2, double o, bool near, GaussianLine& sum) {
    double field = 0.0;
    for (double a = s1; a < s2;) {
        const double nearest = a > 0.0 ? a : std::min(0.0, s2), r = std::sqrt(h * h + nearest * nearest);
        double length = std::min(s2 - a, near ? 2.0 : std::min(8.0 / (2.0 + std::fabs(a)), 0.9 * r));
        if (s2 - a - length < 0.1 * length) length = s2 - a;  // no splinters
        const double b = a + length < s2 ? a + length : s2;
        const double size = (b - a) * (2.0 + std::max(std::fabs(a), std::fabs(b))), share = near ? 0.0 : (b - a) / r;
        if (size < 0.2 && share < 0.07) {
            add_piece<4>(h, a, b, o, near, sum, field);
        } else if (size < 1.0 && share < 0.27) {
            add_piece<6>(h, a, b, o, near, sum, field);
        } else if (size < 2.6 && share < 0.5) {
            add_piece<8>(h, a, b, o, near, sum, field);
        } else {
            add_piece<12>(h, a, b, o, near, sum, field);
        }
        a = b;
    }
    return field;
}

}  // namespace detail

// The whole segment; `o` is the point that moments are about. Where the density has fallen to 4e-18 of its largest
// value on the segment, nothing is left of it but the angle.
inline GaussianLine gaussian_line(const GaussianSegment& segment, double o, Field wanted) {
    using namespace detail;
    GaussianLine sum;
    const double h = segment.h, nearest2 = segment.nearest2();
    if (nearest2 > kFarthest2) {
        if (wanted == Field::regular) sum.flux = segment.angle() * kInverse2Pi;
        return sum;
    }
    const double reach = std::sqrt(nearest2 - h * h + kLongTail);
    const double s1 = std::max(segment.s1, -reach), s2 = std::min(segment.s2, reach);
    if (!(s1 < s2)) return sum;
    double regular = 0.0, decaying = 0.0, angle_near = 0.0, angle_far = 0.0;
    const double border = nearest2 < kNear2 ? std::sqrt(kNear2 - h * h) : -1.0;
    const double n1 = std::max(s1, -border), n2 = std::min(s2, border);
    const auto far = [&](double from, double to) {
        if (!(from < to)) return;
        decaying += add_range(h, from, to, o, false, sum);
    };
    if (n1 < n2) {
        regular = add_range(h, n1, n2, o, true, sum);
        far(s1, n1);
        far(n2, s2);
    } else {
        far(s1, s2);
    }
    if (wanted == Field::regular) {
        if (n1 < n2) {
            if (segment.s1 < n1) angle_far += segment.between(segment.s1, n1);
            if (n2 < segment.s2) angle_far += segment.between(n2, segment.s2);
        } else {
            angle_far = segment.angle();
        }
        sum.flux = regular + angle_far * kInverse2Pi - decaying;
    } else {
        if (n1 < n2) angle_near = segment.between(n1, n2);
        sum.flux = -(decaying + angle_near * kInverse2Pi - regular);
    }
    return sum;
}

}  // namespace diracs
