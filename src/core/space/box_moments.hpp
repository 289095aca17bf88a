// Moments of a Gaussian mixture on axis-parallel boxes of space, and bounds on its density there.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "numeric/parallel.hpp"
#include "space/density.hpp"
#include "space/mixture.hpp"
#include "space/polyhedron.hpp"

namespace diracs::space {

struct BoxMoments {
    std::vector<double> mass;      // (m,)
    std::vector<double> centroid;  // (m, 3), the center where there is no mass
    std::vector<double> second;    // (m,): ∫|x − centroid|²ρ
    std::vector<double> peak;      // (m,): the density is at most this on the box
    std::vector<double>
        rounding;  // (m, 3): errors of mass, first and second moment are at most these and 1e-12 relative
};

// The density of a component on a box, given its center and half sides, is at most this: by the projection of the corners
// on the direction of the center, all in whitened coordinates.
inline double peak(const GaussianComponent& component, Vec3 center, Vec3 half) {
    const Vec3 u = component.whiten(center - component.mean);
    const double r = norm(u);
    double reach = 0.0;
    for (int axis = 0; axis < 3; ++axis) {
        Vec3 edge;
        edge[axis] = half[axis];
        reach += std::fabs(dot(u, component.whiten(edge)));
    }
    const double nearest = r > 0.0 ? std::max(0.0, r - reach / r) : 0.0;
    return detail::kNormal3 / component.determinant * std::exp(-0.5 * nearest * nearest);
}

// low, high (m, 3): opposite corners.
inline BoxMoments box_moments(const GaussianMixture& mixture, const double* low, const double* high, std::size_t m,
                              int threads) {
    BoxMoments result;
    result.mass.resize(m);
    result.centroid.resize(3 * m);
    result.second.resize(m);
    result.peak.resize(m);
    result.rounding.resize(3 * m);
    parallel_for(m, 64, threads, [&] {
        return [&, box = Polyhedron(), list = FaceList(),
                scratch = GaussianMixture::Scratch()](std::size_t begin, std::size_t end) mutable {
            for (std::size_t i = begin; i < end; ++i) {
                Vec3 center, from, to;
                for (int axis = 0; axis < 3; ++axis) {
                    const double a = low[3 * i + axis], b = high[3 * i + axis];
                    center[axis] = 0.5 * (a + b), from[axis] = a - center[axis], to[axis] = b - center[axis];
                }
                box.start(from, to);
                list.of(box, std::numeric_limits<int>::max());
                const CellMoments moments = mixture.cell(box, center, list, nullptr, scratch);
                const double mass = std::max(moments.mass, 0.0);
                // Within the box, whatever rounding says.
                Vec3 shift = mass > 0.0 ? (1.0 / mass) * moments.first : Vec3{};
                for (int axis = 0; axis < 3; ++axis) shift[axis] = std::clamp(shift[axis], from[axis], to[axis]);
                const double second = moments.second - 2.0 * dot(shift, moments.first) + mass * norm2(shift);
                result.mass[i] = mass;
                result.second[i] = std::clamp(second, 0.0, mass * norm2(to));
                for (int axis = 0; axis < 3; ++axis) result.centroid[3 * i + axis] = center[axis] + shift[axis];
                for (std::size_t k = 0; k < mixture.size(); ++k) {
                    const GaussianComponent& component = mixture.component(k);
                    result.peak[i] += component.weight * peak(component, center, to);
                }
                const TermSizes sizes = moments.sizes.moved(norm(shift));
                constexpr double rounding = 2.0 * std::numeric_limits<double>::epsilon();
                result.rounding[3 * i] = rounding * sizes.mass;
                result.rounding[3 * i + 1] = rounding * sizes.first;
                result.rounding[3 * i + 2] = rounding * sizes.second;
            }
        };
    });
    return result;
}

}  // namespace diracs::space
