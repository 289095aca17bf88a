// Damped Newton's method on the semi-discrete dual (J. Kitagawa, Q. Mérigot & B. Thibert 2019) in the plane, with exact steps:
// for problems so small that one thread solves one of them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "numeric/interrupt.hpp"
#include "transport/balanced_parts.hpp"
#include "transport/planar_problem.hpp"
#include "transport/revival.hpp"

namespace diracs {

template <class Density>
class Newton {
public:
    struct Solution {
        Weighted at;
        int iterations;
    };

    explicit Newton(PlanarProblem<Density>& problem) : problem_(problem), target_(problem.target) {}

    // From weights with few empty cells to right masses; nothing if steps become short before, or too many.
    std::optional<Solution> operator()(Weighted at, double tolerance) {
        const double least = *std::min_element(target_.begin(), target_.end());
        int in_a_row = 0;
        for (int step = 0; step <= kSteps; ++step) {
            poll_interrupt();
            if (is_right(at, tolerance, least)) return Solution{std::move(at), step};
            if (step == 0) {
                std::size_t left = problem_.size();
                for (std::size_t count; !problem_.few(count = problem_.empty(at).size()) && count < left;) {
                    left = count;
                    revive(problem_, at);
                }
                if (!problem_.few(problem_.empty(at).size())) return std::nullopt;
            }
            const double length = advance(at);
            if (!(length > 0.0)) return std::nullopt;
            in_a_row = length < kShort ? in_a_row + 1 : 0;
            if (in_a_row > kPatience) return std::nullopt;
        }
        return std::nullopt;
    }

private:
    static constexpr int kSteps = 60, kPatience = 4;
    static constexpr double kShortest = 1e-2, kShort = 0.25;
    static constexpr double kRounding = 4e-15;  // errors of masses that sum to one

    PlanarProblem<Density>& problem_;
    const std::vector<double>& target_;

    // max |m − ν| ≤ tolerance·min ν; if rounding of masses of order one forbids that, |m − ν| ≤ tolerance·ν.
    bool is_right(const Weighted& at, double tolerance, double least) const {
        double most = 0.0;
        for (std::size_t i = 0; i < target_.size(); ++i) {
            const double gap = std::abs(at.mass(i) - target_[i]);
            if (!(gap <= tolerance * target_[i])) return false;
            most = std::max(most, gap);
        }
        return most <= std::max(tolerance * least, kRounding);
    }

    // One damped step: its length, zero if there is none. The residual d m^{1−1/d} (ν^{1/d} − m^{1/d}) comes first: small cells
    // are like simplices, whose volumes are powers of what their weights are above the least that leaves a cell. If that step
    // is cut, cells that grow get m·log(ν/m), with which they grow by smaller factors, and those that shrink ν − m, with which
    // none of these vanishes.
    double advance(Weighted& at) {
        const std::size_t n = target_.size();
        std::vector<double> roots(n), cautious(n), missing(n);
        double widest = 0.0;
        for (std::size_t i = 0; i < n; ++i) {
            const double mass = at.mass(i);
            const bool alive = !problem_.is_empty(at, i);
            const double ratio = alive ? std::log(target_[i] / mass) : 0.0;
            widest = std::max(widest, std::abs(ratio));
            roots[i] = 2.0 * std::sqrt(mass) * (std::sqrt(target_[i]) - std::sqrt(mass));
            cautious[i] = target_[i] > mass ? mass * ratio : target_[i] - mass;
            missing[i] = alive ? target_[i] - mass : 0.0;
        }
        const BalancedParts parts(n, at.edges);
        const double accuracy = std::max(std::min(1e-5, 0.1 * widest), 1e-12);
        std::optional<Weighted> best;
        double length = search(at, direction(at, parts, std::move(roots), missing, accuracy), kShortest, best);
        if (length < kShort) {
            const double more = search(at, direction(at, parts, std::move(cautious), missing, accuracy),
                                       best ? length : kShortest, best);
            if (more > 0.0) length = more;
        }
        if (best) at = std::move(*best);
        return length;
    }

    // Each part takes from the others what it lacks, and within a part what grows is taken from all in proportion.
    std::vector<double> direction(const Weighted& at, const BalancedParts& parts, std::vector<double> rhs,
                                  const std::vector<double>& missing, double accuracy) const {
        const std::size_t n = target_.size();
        const std::vector<double> lacking = parts.sums([&](std::size_t i) { return missing[i] - rhs[i]; });
        const std::vector<double> held = parts.sums([&](std::size_t i) { return at.mass(i); });
        double sum = 0.0, total = 0.0;
        for (std::size_t i = 0; i < n; ++i) {
            const int part = parts.label(i);
            if (held[part] > 0.0) rhs[i] += at.mass(i) * (lacking[part] / held[part]);
            sum += rhs[i];
            total += at.mass(i);
        }
        for (std::size_t i = 0; i < n; ++i) rhs[i] -= at.mass(i) * (sum / total);
        return parts.solve(problem_.seeds, std::move(rhs), accuracy, problem_.threads);
    }

    // The longest of the steps 1, ½, ¼, … above `shortest` that empties few cells and, these revived, lowers the residual
    // enough; zero, and `found` as it was, if there is none.
    double search(const Weighted& at, const std::vector<double>& direction, double shortest,
                  std::optional<Weighted>& found) {
        const double before = hellinger(at, target_);
        for (double length = 1.0; length > shortest; length *= 0.5) {
            std::vector<double> end(at.weights);
            for (std::size_t i = 0; i < end.size(); ++i) end[i] += length * direction[i];
            if (!std::all_of(end.begin(), end.end(), [](double w) { return std::isfinite(w); })) return 0.0;
            Weighted trial = problem_.moments(std::move(end));
            if (!problem_.few(problem_.empty(trial).size())) continue;
            revive(problem_, trial);
            if (hellinger(trial, target_) <= (1.0 - 0.25 * length) * before) {
                found = std::move(trial);
                return length;
            }
        }
        return 0.0;
    }
};

}  // namespace diracs
