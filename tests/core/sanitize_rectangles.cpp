// Masses and moments of rectangles and boxes under Gaussians, and sums over discs and balls.
#include <cmath>
#include <random>
#include <vector>

#include "covering/covering.hpp"
#include "gaussian/mixture.hpp"
#include "gaussian/rectangle_moments.hpp"
#include "gaussian/rectangles.hpp"
#include "numeric/doubled.hpp"
#include "sanitize.hpp"
#include "space/box_moments.hpp"

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

// Boxes that fill a cube: kSide along each of D axes.
template <int D>
struct Grid {
    std::size_t m = 1;
    std::vector<double> low, high;

    Grid() {
        for (int axis = 0; axis < D; ++axis) m *= kSide;
        for (std::size_t k = 0; k < m; ++k) {
            for (std::size_t axis = 0, rest = k; axis < D; ++axis, rest /= kSide) {
                low.push_back(-6.0 + 12.0 * double(rest % kSide) / double(kSide));
                high.push_back(low.back() + 12.0 / double(kSide));
            }
        }
    }
};

template <int D, int N, class Found>
void check_gains(const Covering<D>& covering, const Found& found, const std::vector<double>& points, int count,
                 double payment, bool all) {
    double above[N], about[N];
    const Pack<D, N> pack(points.data(), count);
    covering.template gains<true>(pack, above);
    covering.template gains<false>(pack, about);
    for (int i = 0; i < count; ++i) {
        double square = 0.0;
        for (std::size_t k = 0; k < found.mass.size(); ++k) {
            square += found.second[k] +
                      found.mass[k] * norm2(Point<D>::of(&found.centroid[D * k]) - Point<D>::of(&points[D * i]));
        }
        const double slack = 1e-11 * (payment + square);
        require(above[i] >= payment - square - slack && above[i] <= payment + slack, "a bound", "covering");
        if (!all) continue;  // boxes are inside balls
        require(std::fabs(above[i] - (payment - square)) <= slack, "moments", "covering");
        require(std::fabs(about[i] - (payment - square)) <= slack, "moments", "covering");
    }
}

template <int D, class Found>
void check_covering_of(const Grid<D>& grid, const Found& found) {
    double sum = 0.0;
    for (const double mass : found.mass) sum += mass;
    require(std::fabs(sum - 1.0) < 1e-4 && sum < 1.0 + 1e-12, "mass of a large cube", "boxes");
    Covering<D> covering({grid.low.data(), grid.high.data(), found.mass.data(), found.centroid.data(),
                          found.second.data(), found.peak.data(), grid.m});
    std::mt19937_64 random(1);
    std::uniform_real_distribution<double> uniform(0.0, 1.0);
    std::vector<double> allowances(grid.m), points(D * 32), radius(8);
    for (const double size : {0.0, 1.0, 1e3}) {
        double payment = 0.0;
        for (std::size_t k = 0; k < grid.m; ++k) {
            allowances[k] = size < 1e3 ? size * uniform(random) : size;
            payment += found.mass[k] * allowances[k];
        }
        covering.allow(allowances.data());
        covering.place(allowances.data());
        for (const int count : {1, 2, 8}) {
            for (double& p : points) p = 8.0 * (uniform(random) - 0.5);
            for (double& r : radius) r = 0.1 + uniform(random);
            check_gains<D, 8>(covering, found, points, count, payment, size == 1e3);
            check_gains<D, 32>(covering, found, points, 4 * count, payment, size == 1e3);
            if (size > 0.0) covering.radii(Pack<D>(points.data(), count), 20, radius.data());
            for (int i = 0; i < count; ++i) require(std::isfinite(radius[i]), "radii", "covering");
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
    const GaussianMixture mixture(means, covariances, shares, 3);
    const double place[] = {0.3, 0.4, -0.5, 0.5, 0.9, -0.2};
    const double spread[] = {0.04, 0.01, 0.0, 0.01, 0.02, 0.0, 0.0, 0.0, 1e-6,
                             1.0,  0.9,  0.3, 0.9,  1.0,  0.3, 0.3, 0.3, 1.0};
    const space::GaussianMixture solid(place, spread, shares, 2);
    const Grid<2> squares;
    const Grid<3> cubes;
    for (const int threads : {1, 3}) {
        check_covering_of(squares,
                          rectangle_moments(mixture, squares.low.data(), squares.high.data(), squares.m, threads));
        space::BoxMoments found = space::box_moments(solid, cubes.low.data(), cubes.high.data(), cubes.m, threads);
        for (double& mass : found.mass) mass /= 0.7;
        for (double& second : found.second) second /= 0.7;
        for (double& peak : found.peak) peak /= 0.7;
        check_covering_of(cubes, found);
    }
}

}  // namespace diracs
