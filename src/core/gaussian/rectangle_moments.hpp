// Moments of a Gaussian mixture on axis-parallel rectangles, and bounds on its density there.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "plane/clip.hpp"
#include "plane/density.hpp"
#include "plane/half_plane.hpp"
#include "gaussian/mixture.hpp"
#include "numeric/parallel.hpp"

namespace diracs {

struct RectangleMoments {
    std::vector<double> mass;      // (m,)
    std::vector<double> centroid;  // (m, 2), the center where there is no mass
    std::vector<double> second;    // (m,): ∫|x − centroid|²ρ
    std::vector<double> peak;      // (m,): the density is at most this on the rectangle
    std::vector<double> rounding;  // (m, 2): errors of the first and second moment are at most these and 1e-12 relative
};

// Where rectangles are not small against a component, its moments may be differences of terms of the size of the mean
// square distance between them.
constexpr double kRectangleRounding = 2e-15, kSmallRectangle = 0.01;

// The density of a component on a rectangle, given its center and half sides, is at most this: by the projection of the
// corners on the direction of the center, all in whitened coordinates.
inline double peak(const GaussianComponent& component, Vec2 center, Vec2 half) {
    const Vec2 u = component.whiten(center - component.mean);
    const Vec2 a = component.whiten({half.x, 0.0}), b = component.whiten({0.0, half.y});
    const double r = norm(u), reach = r > 0.0 ? (std::fabs(dot(u, a)) + std::fabs(dot(u, b))) / r : 0.0;
    const double nearest = std::max(0.0, r - reach);
    return detail::kInverse2Pi / component.determinant() * std::exp(-0.5 * nearest * nearest);
}

// low, high (m, 2): opposite corners.
inline RectangleMoments rectangle_moments(const GaussianMixture& mixture, const double* low, const double* high,
                                          std::size_t m, int threads) {
    RectangleMoments result;
    result.mass.resize(m);
    result.centroid.resize(2 * m);
    result.second.resize(m);
    result.peak.resize(m);
    result.rounding.resize(2 * m);
    parallel_for(m, 64, threads, [&] {
        return
            [&, clipper = Clipper(), scratch = GaussianMixture::Scratch()](std::size_t begin, std::size_t end) mutable {
                for (std::size_t i = begin; i < end; ++i) {
                    const Vec2 a = {low[2 * i], low[2 * i + 1]}, b = {high[2 * i], high[2 * i + 1]};
                    const Vec2 center = 0.5 * (a + b), from = a - center, to = b - center;
                    clipper.clear();
                    clipper.push(from, kDomainEdge, {{0.0, -1.0}, -from.y});
                    clipper.push({to.x, from.y}, kDomainEdge, {{1.0, 0.0}, to.x});
                    clipper.push(to, kDomainEdge, {{0.0, 1.0}, to.y});
                    clipper.push({from.x, to.y}, kDomainEdge, {{-1.0, 0.0}, -from.x});
                    CellMoments moments;
                    const auto add = [&](std::size_t k, double weight, const CellMoments& own, const auto&) {
                        const GaussianComponent& component = mixture.component(k);
                        moments.add(weight, own);
                        result.peak[i] += weight * peak(component, center, to);
                        if (component.stretch * norm(to) < kSmallRectangle) return;
                        const double size2 = component.trace() + norm2(component.mean - center);
                        result.rounding[2 * i] += kRectangleRounding * weight * std::sqrt(size2);
                        result.rounding[2 * i + 1] += kRectangleRounding * weight * size2;
                    };
                    mixture.visit(clipper.polygon(), center, std::numeric_limits<int>::max(), true, scratch, add);
                    const double mass = std::max(moments.mass, 0.0);
                    // Within the rectangle, whatever rounding says.
                    Vec2 shift = mass > 0.0 ? (1.0 / mass) * moments.first : Vec2{};
                    shift = {std::min(std::max(shift.x, from.x), to.x), std::min(std::max(shift.y, from.y), to.y)};
                    const double second = moments.second - 2.0 * dot(shift, moments.first) + mass * norm2(shift);
                    result.mass[i] = mass;
                    result.centroid[2 * i] = center.x + shift.x;
                    result.centroid[2 * i + 1] = center.y + shift.y;
                    result.second[i] = std::min(std::max(second, 0.0), mass * norm2(to));
                }
            };
    });
    return result;
}

}  // namespace diracs
