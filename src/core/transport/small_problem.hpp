// A small transport problem from an image of the plane to Diracs, from positions to all that is asked of a plan.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "numeric/spatial_order.hpp"
#include "pixels/image.hpp"
#include "transport/coarse_image.hpp"
#include "transport/entropic_start.hpp"
#include "transport/newton.hpp"

namespace diracs {

// An image of mass one, on a box of longest side one about the origin.
struct UnitImage {
    Image image;
    CoarseImage coarse;

    UnitImage(const double* values, int nx, int ny, double x0, double y0, double x1, double y1)
        : image(values, nx, ny, x0, y0, x1, y1), coarse(values, nx, ny, x0, y0, x1, y1) {}
};

// Where results of one problem go; of the n Diracs all that it has.
struct SmallPlan {
    double* mass;     // (n,)
    double* first;    // (n, 2): ∫(x − yᵢ)ρ
    double* second;   // (n,): ∫|x − yᵢ|²ρ
    double* weights;  // (n,), Σ νᵢ wᵢ = 0
    double distance = 0.0, error = 0.0;
    int iterations = 0;
};

namespace detail {

// The seeds without repetitions, along a curve, so that neighbours are near in memory, and the mass on each.
struct Spots {
    std::vector<double> seeds, target;
    std::vector<int> place;

    Spots(const double* positions, const double* masses, std::size_t n) : place(n) {
        std::vector<int> order(n);
        std::iota(order.begin(), order.end(), 0);
        hilbert_sort<2>([positions](int i, int a) { return positions[2 * static_cast<std::size_t>(i) + a]; },
                        order.data(), order.data() + n);
        for (const int i : order) {
            const double* const y = positions + 2 * static_cast<std::size_t>(i);
            if (seeds.empty() || y[0] != seeds[seeds.size() - 2] || y[1] != seeds.back()) {
                seeds.insert(seeds.end(), {y[0], y[1]});
                target.push_back(0.0);
            }
            place[i] = static_cast<int>(target.size()) - 1;
        }
        double total = 0.0;
        for (std::size_t i = 0; i < n; ++i) target[place[i]] += masses[i];
        for (const double mass : target) total += mass;
        for (double& mass : target) mass /= total;
    }

    // Whether the seeds are spread over more than a line: the least variance is no rounding of the other.
    bool are_planar() const {
        const std::size_t n = target.size();
        Vec2 mean;
        double xx = 0.0, xy = 0.0, yy = 0.0;
        for (std::size_t i = 0; i < n; ++i)
            mean = mean + (1.0 / static_cast<double>(n)) * Vec2{seeds[2 * i], seeds[2 * i + 1]};
        for (std::size_t i = 0; i < n; ++i) {
            const Vec2 d = Vec2{seeds[2 * i], seeds[2 * i + 1]} - mean;
            xx += d.x * d.x, xy += d.x * d.y, yy += d.y * d.y;
        }
        return n > 2 && xx * yy - xy * xy > kFlat * (xx + yy) * (xx + yy);
    }

private:
    static constexpr double kFlat = 1e-12;
};

// Root of the mean square of log(m/ν), with empty cells for very small ones.
inline double spread(const Weighted& at, const std::vector<double>& target) {
    double squares = 0.0;
    for (std::size_t i = 0; i < target.size(); ++i) {
        const double value = std::log(std::max(at.mass(i), 1e-9 * target[i]) / target[i]);
        squares += value * value;
    }
    return std::sqrt(squares / static_cast<double>(target.size()));
}

inline double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

// From the entropic weights, or Voronoi's where Newton's residual is smaller with these.
inline std::optional<Newton<Image>::Solution> solve_from_start(const UnitImage& law, PlanarProblem<Image>& problem,
                                                               double tolerance) {
    // Cells of random seeds under the uniform law have m/ν with logarithms of mean square 0.58².
    constexpr double kFair = 0.62;
    std::vector<double> weights;
    if (!EntropicStart(law.coarse)(problem.seeds, problem.target, weights)) return std::nullopt;
    const double level = median(weights);
    for (double& w : weights) w -= level;
    Weighted start = problem.moments(std::move(weights));
    if (spread(start, problem.target) >= kFair) {
        Weighted voronoi = problem.moments(std::vector<double>(problem.size(), 0.0));
        if (hellinger(voronoi, problem.target) < hellinger(start, problem.target)) start = std::move(voronoi);
    }
    return Newton<Image>(problem)(std::move(start), tolerance);
}

}  // namespace detail

// Solves for Diracs at positions (n, 2), some maybe on one spot, with positive masses (n,) of any sum, so that every target
// mass is met within `tolerance` of the least. False for what asks for more than a start and a few steps, and what is no
// problem: seeds on a line or far away, masses of zero, densities that are to be blurred first.
inline bool solve_small(const UnitImage& law, const double* positions, const double* masses, std::size_t n,
                        double tolerance, int threads, SmallPlan& plan) {
    constexpr double kFarthest = 1e6;
    const auto is_near = [](double x) { return std::abs(x) < kFarthest; };
    const auto is_positive = [](double x) { return x > 0.0 && std::isfinite(x); };
    if (!std::all_of(positions, positions + 2 * n, is_near) || !std::all_of(masses, masses + n, is_positive))
        return false;
    const detail::Spots spots(positions, masses, n);
    const std::vector<double>& target = spots.target;
    if (!spots.are_planar() || !std::all_of(target.begin(), target.end(), is_positive)) return false;
    PlanarProblem<Image> problem(law.image, spots.seeds, target, threads);
    const auto found = detail::solve_from_start(law, problem, tolerance);
    if (!found) return false;

    const Weighted& at = found->at;
    const double level = detail::median(at.weights);
    double dual = 0.0, gauge = 0.0;
    plan.iterations = found->iterations;
    plan.distance = plan.error = 0.0;
    for (std::size_t k = 0; k < target.size(); ++k) {
        plan.distance += at.cells.second[k];
        plan.error = std::max(plan.error, std::abs(at.mass(k) - target[k]) / target[k]);
        dual += (at.weights[k] - level) * (target[k] - at.mass(k));
        gauge += target[k] * at.weights[k];
    }
    // The dual's value: what error is left in the masses counts there by its square only.
    constexpr double kRounding = 1e-5;
    if (plan.error < kRounding) plan.distance += dual;
    std::vector<double> sums(target.size(), 0.0);
    for (std::size_t i = 0; i < n; ++i) sums[spots.place[i]] += masses[i];
    for (std::size_t i = 0; i < n; ++i) {
        const auto k = static_cast<std::size_t>(spots.place[i]);
        const double share = masses[i] / sums[k];
        plan.mass[i] = share * at.mass(k);
        for (int a = 0; a < 2; ++a) plan.first[2 * i + a] = share * at.cells.first[2 * k + a];
        plan.second[i] = share * at.cells.second[k];
        plan.weights[i] = at.weights[k] - gauge;
    }
    return true;
}

}  // namespace diracs
