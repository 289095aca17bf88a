// Which components of a mixture count in a part of the plane, and the sum of those that are smooth there.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "gaussian/component_columns.hpp"
#include "gaussian/component_gathering.hpp"
#include "gaussian/gaussian_component.hpp"
#include "plane/vec2.hpp"

namespace diracs {

// Dyadic squares decide, the same for all polygons whose middle is in one, whatever came before. About a square of side
// S there is a box half as large again, which holds the polygons. A component is left out of a box where its largest
// density is negligible against another's smallest, and gathered in a polynomial where it is smooth. A box asks only
// the components that remain of the one twice as large, so that those far away, or wide, are seen once and not for
// every box.
class ComponentSearch {
public:
    // Components whose density, by weight, is exp(−45) = 3e-20 of another's are left out.
    static constexpr double kNegligible = 45.0;

    // Beyond so many deviations exp(−r²/2) is not a double.
    static constexpr double kReach = 39.0;

    struct Box {
        Vec2 center = {HUGE_VAL, HUGE_VAL}, half;
        ComponentColumns rest;
        Gathered gathered;
    };

    // The last boxes of each size, largest first, four about squares side by side: borders are crossed to and fro. One
    // for each thread, and for each way, to gather or not.
    struct Boxes {
        std::vector<std::array<Box, 4>> boxes;
        Gathering gathering;
    };

    // All components count in boxes larger than `extent`.
    ComponentSearch(const std::vector<GaussianComponent>& components, double extent)
        : share_(kLeftOut / static_cast<double>(components.size())) {
        for (std::size_t k = 0; k < components.size(); ++k) {
            all_.rest.push(components[k], static_cast<int>(k));
        }
        std::frexp(extent, &top_);
    }

    // Of the density that may be left out for each component.
    double share() const { return share_; }

    const Box& find(const std::vector<GaussianComponent>& components, Vec2 low, Vec2 high, bool gather,
                    Boxes& boxes) const {
        int exponent;
        std::frexp(std::max(high.x - low.x, high.y - low.y), &exponent);
        return find(components, 0.5 * low + 0.5 * high, std::max(exponent + 1, top_ - kLevels), gather, boxes);
    }

private:
    static constexpr int kLevels = 40;

    Box all_;
    double share_;
    int top_;

    // About the square of side 2^exponent that holds the point.
    const Box& find(const std::vector<GaussianComponent>& components, Vec2 point, int exponent, bool gather,
                    Boxes& boxes) const {
        if (exponent > top_ || all_.rest.size() == 1) return all_;
        const double side = std::ldexp(1.0, exponent);
        const Vec2 square = {std::floor(point.x / side), std::floor(point.y / side)};
        const Vec2 center = {side * (square.x + 0.5), side * (square.y + 0.5)};
        const auto odd = [](double x) { return 0.5 * x != std::floor(0.5 * x); };
        boxes.boxes.resize(kLevels + 1);
        Box& box = boxes.boxes[top_ - exponent][2 * odd(square.x) + odd(square.y)];
        if (box.center.x == center.x && box.center.y == center.y) return box;
        const Box& larger = find(components, center, exponent + 1, gather, boxes);
        box.center = center;
        box.half = {0.75 * side, 0.75 * side};
        box.rest.clear();
        box.gathered.log_least = larger.gathered.log_least;
        const bool several = gather && (!larger.gathered.sum.empty() || larger.rest.size() > kFewComponents);
        if (larger.gathered.sum.empty()) {
            box.gathered.sum.clear(box.half);
        } else {
            box.gathered.sum.assign(larger.gathered.sum, center - larger.center, box.half);
        }
        Gathering& gathering = boxes.gathering;
        gathering.run(larger.rest, {center, {}, box.half}, several ? share_ : 0.0, box.gathered);
        for (const int n : gathering.rest) {
            const GaussianComponent& c = components[larger.rest.index[n]];
            const double nearest2 = this->nearest2(c, box);
            if (nearest2 > kReach * kReach) continue;
            if (c.log_density - nearest2 / 2.0 < box.gathered.log_least - kNegligible) continue;
            box.rest.push(larger.rest, n);
        }
        return box;
    }

    // At most r² on the box: (projection on an axis)² / its variance.
    static double nearest2(const GaussianComponent& c, const Box& box) {
        const double dx = std::max(std::fabs(c.mean.x - box.center.x) - box.half.x, 0.0);
        const double dy = std::max(std::fabs(c.mean.y - box.center.y) - box.half.y, 0.0);
        return std::max(dx * dx / c.variance_x, dy * dy / c.variance_y);
    }
};

}  // namespace diracs
