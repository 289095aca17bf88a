// Which components of a mixture count in a part of the plane, and the sum of those that are smooth there.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <numeric>
#include <vector>

#include "gaussian/component_columns.hpp"
#include "gaussian/component_gathering.hpp"
#include "gaussian/gaussian_component.hpp"
#include "gaussian/kept_boxes.hpp"
#include "plane/vec2.hpp"

namespace diracs {

// Dyadic squares decide, the same for all polygons whose middle is in one, whatever came before. About a square of side
// S there is a box half as large again, which holds the polygons. A component is left out of a box where its largest
// density is negligible against another's smallest, and gathered in a polynomial where it is smooth. A box asks only
// the components that remain of the one twice as large, so that those far away, or wide, are seen once and not for
// every box. Where components are gathered, boxes that are hardly larger than polygons come last, about small squares;
// all of them are kept for later calls.
class ComponentSearch {
public:
    // Beyond so many deviations exp(−r²/2) is not a double.
    static constexpr double kReach = 39.0;

    using Box = MixtureBox;

    // The last boxes of each size, largest first, four about squares side by side: borders are crossed to and fro. One
    // for each thread, and for each way, to gather or not.
    struct Boxes {
        std::vector<std::array<std::shared_ptr<const Box>, 4>> squares;
        std::shared_ptr<const Box> close;
        Gathering gathering;
        Gathered gathered;
        ComponentColumns columns;
    };

    // All components count in boxes larger than `extent`.
    ComponentSearch(const std::vector<GaussianComponent>& components, double extent)
        : share_(kLeftOut / static_cast<double>(components.size())) {
        for (std::size_t k = 0; k < components.size(); ++k) all_.push(components[k], static_cast<int>(k));
        everywhere_.rest = all_.index;
        std::frexp(extent, &top_);
        if (components.size() > kFewComponents) kept_ = std::make_unique<KeptBoxes>();
    }

    // Of the density that may be left out for each component.
    double share() const { return share_; }

    const Box& find(const std::vector<GaussianComponent>& components, Vec2 low, Vec2 high, bool gather,
                    Boxes& boxes) const {
        int exponent;
        const double size = std::frexp(std::max(high.x - low.x, high.y - low.y), &exponent);
        const Vec2 middle = 0.5 * low + 0.5 * high;
        boxes.squares.resize(kLevels + 1);
        if (!gather || !kept_ || exponent < top_ - kLevels || exponent >= top_) {
            return square(components, middle, std::max(exponent + 1, top_ - kLevels), gather, boxes);
        }
        // A quarter of the polygons' largest size; with it the box is within that of the square that holds its center.
        const double side = std::ldexp(1.0, exponent - 2);
        const double half = 0.5 * side + std::ldexp(size <= 0.75 ? 0.375 : 0.5, exponent);
        const Vec2 center = {side * (std::floor(middle.x / side) + 0.5), side * (std::floor(middle.y / side) + 0.5)};
        if (boxes.close && boxes.close->is(center, half)) return *boxes.close;
        boxes.close = kept_->find(center, half);
        if (!boxes.close) {
            boxes.close = box(components, square(components, center, exponent + 1, gather, boxes), center, half, gather,
                              true, boxes);
        }
        return *boxes.close;
    }

    // By columns, those that count in a box.
    const ComponentColumns& columns(const Box& box, Boxes& boxes) const {
        if (&box == &everywhere_) return all_;
        boxes.columns.clear();
        for (const int k : box.rest) boxes.columns.push(all_, k);
        return boxes.columns;
    }

private:
    static constexpr int kLevels = 40;

    ComponentColumns all_;
    Box everywhere_;
    double share_;
    int top_;
    std::unique_ptr<KeptBoxes> kept_;

    // About the square of side 2^exponent that holds the point.
    const Box& square(const std::vector<GaussianComponent>& components, Vec2 point, int exponent, bool gather,
                      Boxes& boxes) const {
        if (exponent > top_ || all_.size() == 1) return everywhere_;
        const double side = std::ldexp(1.0, exponent), half = 0.75 * side;
        const Vec2 square = {std::floor(point.x / side), std::floor(point.y / side)};
        const Vec2 center = {side * (square.x + 0.5), side * (square.y + 0.5)};
        const auto odd = [](double x) { return 0.5 * x != std::floor(0.5 * x); };
        std::shared_ptr<const Box>& last = boxes.squares[top_ - exponent][2 * odd(square.x) + odd(square.y)];
        if (last && last->is(center, half)) return *last;
        if (gather && kept_) {
            last = kept_->find(center, half);
            if (last) return *last;
        }
        last = box(components, this->square(components, center, exponent + 1, gather, boxes), center, half, gather,
                   false, boxes);
        return *last;
    }

    // That of given center and half side, in a larger one.
    std::shared_ptr<const Box> box(const std::vector<GaussianComponent>& components, const Box& larger, Vec2 center,
                                   double half, bool gather, bool close, Boxes& boxes) const {
        auto box = std::make_shared<Box>();
        box->center = center;
        box->half = {half, half};
        Gathered& gathered = boxes.gathered;
        gathered.log_least = larger.log_least;
        gathered.sum.assign(larger.sum, center - larger.center, box->half);
        const bool several = gather && (!larger.sum.empty() || larger.rest.size() > kFewComponents);
        Gathering& gathering = boxes.gathering;
        gathering.run(columns(larger, boxes), {center, {}, box->half}, several ? share_ : 0.0, gathered);
        box->log_least = gathered.log_least;
        if (close && !gathered.sum.empty()) {
            gathered.sum.truncate(0.5 * kLeftOut, std::exp(gathered.log_least) * detail::kInverse2Pi);
        }
        box->sum = gathered.sum.packed();
        for (const int n : gathering.rest) {
            const GaussianComponent& c = components[larger.rest[n]];
            const double nearest2 = this->nearest2(c, *box);
            if (nearest2 > kReach * kReach) continue;
            if (c.log_density - nearest2 / 2.0 < box->log_least - kNegligible) continue;
            box->rest.push_back(larger.rest[n]);
        }
        if (gather && kept_) {
            box->rest.shrink_to_fit();
            kept_->keep(box);
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
