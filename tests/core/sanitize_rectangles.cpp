// Masses and moments of rectangles under Gaussians, and sums over discs.
#include <cmath>
#include <random>
#include <vector>

#include "gaussian/mixture.hpp"
#include "gaussian/rectangle_moments.hpp"
#include "gaussian/rectangles.hpp"
#include "numeric/doubled.hpp"
#include "plane/covering.hpp"
#include "sanitize.hpp"

namespace diracs {
namespace {

constexpr std::size_t kSide = 12;

void check_masses() {
    const std::vector<double> a = {-30.0, -1.0, 0.0, 0.0, 2.0, 30.0}, b = {-30.0, 0.5, 30.0};
    const double correlations[] = {0.0, 0.7, -0.999}, panels[] = {0.5, 0.3, 0.02};
    std::vector<double> every_a, every_b, out(3 * 5 * 2);
    for (int k = 0; k < 3; ++k) {
        every_a.insert(every_a.end(), a.begin(), a.end());
        every_b.insert(every_b.end(), b.begin(), b.end());
    }
    for (const int threads : {1, 3}) {
        rectangle_masses(every_a.data(), 5, every_b.data(), 2, correlations, panels, 3, threads, out.data());
        for (int k = 0; k < 3; ++k) {
            double sum = 0.0, left = 0.0;
            for (int c = 0; c < 10; ++c) sum += out[10 * k + c];
            for (int r = 0; r < 5; ++r) left += out[10 * k + 2 * r];
            require(std::fabs(sum - 1.0) < 1e-12, "mass of the plane", "rectangle masses");
            require(std::fabs(left - 0.5 * std::erfc(-0.5 * std::sqrt(0.5))) < 1e-12, "a margin", "rectangle masses");
        }
    }
}

void check_doubled_masses() {
    const std::size_t count = 37, n = 1203, groups = 3;
    std::vector<double> x(count * n), share(count), lower(count);
    std::vector<int> group(count);
    for (std::size_t k = 0; k < count; ++k) {
        share[k] = k % 5 == 0 ? 0.0 : 1.0 / double(k);
        group[k] = int(k % groups);
        for (std::size_t i = 0; i < n; ++i) x[k * n + i] = std::exp(-0.01 * double((k + i) % 700));
    }
    for (const int threads : {1, 3}) {
        std::vector<double> high(groups * n), low(groups * n);
        doubled_masses(x.data(), count, n, share.data(), lower.data(), group.data(), threads, high.data(), low.data());
        const Doubled all = doubled_sum(high.data(), high.size()), rest = doubled_sum(low.data(), low.size());
        const Doubled wanted = doubled_sum(share.data(), count);
        require(std::fabs((all.high - wanted.high) + (all.low - wanted.low) + rest.high) < 1e-28, "sum of the masses",
                "doubled masses");
    }
}

void check_covering_of(const GaussianMixture& mixture) {
    const std::size_t m = kSide * kSide;
    std::vector<double> low(2 * m), high(2 * m);
    for (std::size_t k = 0; k < m; ++k) {
        const std::size_t place[2] = {k / kSide, k % kSide};
        for (int axis = 0; axis < 2; ++axis) {
            low[2 * k + axis] = -6.0 + 12.0 * double(place[axis]) / double(kSide);
            high[2 * k + axis] = low[2 * k + axis] + 12.0 / double(kSide);
        }
    }
    for (const int threads : {1, 3}) {
        const RectangleMoments found = rectangle_moments(mixture, low.data(), high.data(), m, threads);
        double sum = 0.0;
        for (const double mass : found.mass) sum += mass;
        require(std::fabs(sum - 1.0) < 1e-4 && sum < 1.0 + 1e-12, "mass of a large square", "rectangles");
        Covering covering({low.data(), high.data(), found.mass.data(), found.centroid.data(), found.second.data(),
                           found.peak.data(), m});
        std::mt19937_64 random(1);
        std::uniform_real_distribution<double> uniform(0.0, 1.0);
        std::vector<double> allowances(m), points(2 * Pack::kMost), radius(Pack::kMost);
        double above[Pack::kMost], about[Pack::kMost], reached[Pack::kMost];
        for (const double size : {0.0, 1.0, 1e3}) {
            double payment = 0.0;
            for (std::size_t k = 0; k < m; ++k) {
                allowances[k] = size < 1e3 ? size * uniform(random) : size;
                payment += found.mass[k] * allowances[k];
            }
            covering.allow(allowances.data());
            covering.place(allowances.data());
            for (const int count : {1, 2, int(Pack::kMost)}) {
                for (double& p : points) p = 8.0 * (uniform(random) - 0.5);
                for (double& r : radius) r = 0.1 + uniform(random);
                const Pack pack(points.data(), count);
                covering.gains<true>(pack, above);
                covering.gains<false>(pack, about);
                covering.reaches(pack, {0.1, 0.2}, reached);
                if (size > 0.0) covering.radii(pack, 20, radius.data());
                for (int i = 0; i < count; ++i) {
                    double square = 0.0;
                    for (std::size_t k = 0; k < m; ++k) {
                        const double x = found.centroid[2 * k] - pack.x[i], y = found.centroid[2 * k + 1] - pack.y[i];
                        square += found.second[k] + found.mass[k] * (x * x + y * y);
                    }
                    const double slack = 1e-11 * (payment + square);
                    require(above[i] >= payment - square - slack && above[i] <= payment + slack, "a bound", "covering");
                    if (size < 1e3) continue;  // all rectangles are inside all discs
                    require(std::fabs(above[i] - (payment - square)) <= slack, "moments", "covering");
                    require(std::fabs(about[i] - (payment - square)) <= slack, "moments", "covering");
                }
                for (int i = 0; i < count; ++i) {
                    require(reached[i] >= 0.0 && reached[i] <= sum * (1.0 + 1e-9), "mass that is reached", "covering");
                    require(std::isfinite(radius[i]), "radii", "covering");
                }
            }
        }
    }
}

}  // namespace

void check_rectangles() {
    check_masses();
    check_doubled_masses();
    const double means[] = {0.3, 0.4, -0.5, 0.5, 0.9, -0.2};
    const double covariances[] = {0.04, 0.01, 0.01, 0.02, 1e-14, 0.0, 0.0, 1e-14, 1.0, 0.9, 0.9, 1.0};
    const double shares[] = {0.5, 0.2, 0.3};
    check_covering_of(GaussianMixture(means, covariances, shares, 3));
}

}  // namespace diracs
