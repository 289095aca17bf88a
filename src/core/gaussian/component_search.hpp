// Which components of a mixture count in a part of the plane.
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "gaussian/gaussian_component.hpp"
#include "plane/vec2.hpp"

namespace diracs {

// Dyadic boxes decide, the same for all polygons in one, whatever came before. A component is left out of a box where
// its largest density is negligible against another's smallest. A box asks only the components of the one twice as
// large that contains it, so that those far away are seen once and not for every box.
class ComponentSearch {
public:
    // Components whose density, by weight, is exp(−45) = 3e-20 of another's are left out.
    static constexpr double kNegligible = 45.0;

    // Beyond so many deviations exp(−r²/2) is not a double.
    static constexpr double kReach = 39.0;

    struct Box {
        Vec2 corner = {HUGE_VAL, HUGE_VAL};
        std::vector<int> near;
    };
    using Boxes = std::vector<Box>;  // the last one of each size, largest first; one per thread

    // All components count in boxes larger than `extent`.
    ComponentSearch(const std::vector<GaussianComponent>& components, double extent) : all_(components.size()) {
        std::iota(all_.begin(), all_.end(), 0);
        std::frexp(extent, &top_);
    }

    const std::vector<int>& near(const std::vector<GaussianComponent>& components, Vec2 low, Vec2 high,
                                 Boxes& boxes) const {
        int exponent;
        std::frexp(std::max(high.x - low.x, high.y - low.y), &exponent);
        return near(components, low, std::max(exponent + 1, top_ - kLevels), boxes);
    }

private:
    static constexpr int kLevels = 40;

    std::vector<int> all_;
    int top_;

    // In the box of side 2^(exponent + 1) whose corner, a multiple of half that, is just below `low`.
    const std::vector<int>& near(const std::vector<GaussianComponent>& components, Vec2 low, int exponent,
                                 Boxes& boxes) const {
        if (exponent > top_ || all_.size() == 1) return all_;
        const double step = std::ldexp(1.0, exponent);
        const Vec2 corner = {step * std::floor(low.x / step), step * std::floor(low.y / step)};
        boxes.resize(kLevels + 1);
        Box& box = boxes[top_ - exponent];
        if (box.corner.x == corner.x && box.corner.y == corner.y) return box.near;
        const std::vector<int>& candidates = near(components, corner, exponent + 1, boxes);
        box.corner = corner;
        box.near.clear();
        const Vec2 opposite = corner + Vec2{2.0 * step, 2.0 * step};
        const auto nearest2 = [&](const GaussianComponent& c) {  // r² ≥ (projection on an axis)² / its variance
            const double dx = std::max({corner.x - c.mean.x, c.mean.x - opposite.x, 0.0});
            const double dy = std::max({corner.y - c.mean.y, c.mean.y - opposite.y, 0.0});
            return std::max(dx * dx / c.variance_x, dy * dy / c.variance_y);
        };
        double largest = -HUGE_VAL;
        for (const int k : candidates) {
            const GaussianComponent& c = components[k];
            if (nearest2(c) > kReach * kReach) continue;
            box.near.push_back(k);
            double farthest2 = 0.0;
            for (const Vec2 v : {corner, Vec2{opposite.x, corner.y}, opposite, Vec2{corner.x, opposite.y}}) {
                farthest2 = std::max(farthest2, norm2(c.whiten(v - c.mean)));
            }
            largest = std::max(largest, c.log_density - farthest2 / 2.0);
        }
        const auto negligible = [&](int k) {
            return components[k].log_density - nearest2(components[k]) / 2.0 < largest - kNegligible;
        };
        box.near.erase(std::remove_if(box.near.begin(), box.near.end(), negligible), box.near.end());
        return box.near;
    }
};

}  // namespace diracs
