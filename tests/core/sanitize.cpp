// Exercises the core under the address and undefined-behaviour sanitizers: `make sanitize`. Exact signs, and moments of
// cells of every density; the files beside this one have the rest.
#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

#include "gaussian/component_moments.hpp"
#include "pixels/image.hpp"
#include "gaussian/mixture.hpp"
#include "plane/moments.hpp"
#include "plane/uniform.hpp"
#include "sanitize.hpp"

namespace {

using namespace diracs;

// Signs of expansions against 128-bit integers.
void check_expansions(std::mt19937_64& random) {
    __extension__ using Wide = __int128;
    for (int trial = 0; trial < 20000; ++trial) {
        std::int64_t v[4];
        double d[4];
        for (std::int64_t& k : v) k = static_cast<std::int64_t>(random() >> 12) + 1;
        if (trial % 2) {  // almost or exactly singular
            v[3] = v[1] >> 20;
            v[2] = v[0] >> 20;
            if (trial % 4 == 1) v[0] = v[2] << 20, v[1] = v[3] << 20;
        }
        for (int k = 0; k < 4; ++k) d[k] = static_cast<double>(v[k]);
        const Wide exact = Wide(v[0]) * v[3] - Wide(v[1]) * v[2];
        const int sign = (exact_product(d[0], d[3]) - exact_product(d[1], d[2])).sign();
        require(sign == (exact > 0) - (exact < 0), "sign of a determinant", "expansions");
    }
}

void check_moments(const std::vector<double>& positions, const std::vector<double>& weights, const char* input) {
    const std::size_t n = weights.size();
    const UniformPolygon uniform({{0.1, 0.0}, {0.9, 0.1}, {1.0, 0.8}, {0.5, 1.0}, {0.0, 0.6}}, 2.0);
    std::vector<double> values(37 * 23);
    for (std::size_t k = 0; k < values.size(); ++k) values[k] = k % 7 == 0 ? 0.0 : std::exp(-0.05 * double(k));
    const Image image(values.data(), 37, 23, 0.0, 0.0, 1.0, 1.0);
    const double means[] = {0.3, 0.4, 0.5, 0.5, 0.9, -0.2};
    const double covariances[] = {0.04, 0.01, 0.01, 0.02, 1e-14, 0.0, 0.0, 1e-14, 1.0, 0.999999, 0.999999, 1.0};
    const double shares[] = {0.5, 0.2, 0.3};
    const GaussianMixture mixture(means, covariances, shares, 3);
    double expected = 0.0;
    for (const double v : values) expected += v / double(values.size());
    double area = 0.0;
    for (std::size_t k = 0; k < 5; ++k) area += cross(uniform.domain()[k], uniform.domain()[(k + 1) % 5]);
    for (const int threads : {1, 3}) {
        const auto mass = [&](const auto& density) {
            double sum = 0.0;
            for (const double m : moments(density, positions.data(), weights.data(), n, true, threads).cells.mass)
                sum += m;
            return sum;
        };
        component_moments(mixture, positions.data(), weights.data(), n, threads);
        require(std::fabs(mass(uniform) - area) < 1e-12, "mass of the polygon", input);
        require(std::fabs(mass(image) - expected) < 1e-12, "mass of the image", input);
        require(std::fabs(mass(mixture) - 1.0) < 1e-12, "mass of the mixture", input);
    }
}

}  // namespace

int main() {
    std::mt19937_64 random(1);
    std::uniform_real_distribution<double> uniform(0.0, 1.0);
    check_expansions(random);
    check_neighbours();
    check_boxes();
    check_laplacian();
    check_rectangles();
    check_space();
    check_meshes();
    check_updates();
    for (const std::size_t n : {1, 2, 3, 4, 10, 100, 3000}) {
        std::vector<double> spread(2 * n), lattice(2 * n), line(2 * n), cluster(2 * n), far(2 * n), copies(2 * n);
        std::vector<double> zero(n, 0.0), light(n), heavy(n);
        for (std::size_t k = 0; k < 2 * n; ++k) {
            spread[k] = uniform(random);
            lattice[k] = double(random() % 20) / 20.0;
            line[k] = k % 2 ? 2.0 * line[k - 1] : uniform(random);
            cluster[k] = 0.5 + std::pow(10.0, -15.0 * uniform(random));
            far[k] = 1e5 * (uniform(random) - 0.5);
            copies[k] = spread[k % 10];
        }
        for (std::size_t i = 0; i < n; ++i) {
            light[i] = 1e-3 * uniform(random);
            heavy[i] = 1e3 * uniform(random);
        }
        for (const auto* weights : {&zero, &light, &heavy}) {
            check_moments(spread, *weights, "spread");
            check_moments(lattice, *weights, "lattice");
            check_moments(line, *weights, "line");
            check_moments(cluster, *weights, "cluster");
            check_moments(far, *weights, "far");
            check_moments(copies, *weights, "copies");
        }
        for (const double scale : {1e-300, 1e-150, 1e150, 1e300}) {
            std::vector<double> scaled(spread);
            for (double& x : scaled) x *= scale;
            moments(UniformPolygon({{0, 0}, {1, 0}, {0, 1}}, 1.0), scaled.data(), light.data(), n, true, 2);
        }
    }
    std::puts("The sanitizers found nothing.");
}
