// Power cells in space and on tori, of uniform laws, volumes and mixtures.
#include <cmath>
#include <random>
#include <vector>

#include "sanitize.hpp"
#include "space/component_moments.hpp"
#include "space/image.hpp"
#include "space/mixture.hpp"
#include "space/moments.hpp"
#include "space/uniform.hpp"

namespace diracs {
namespace {

// Power cells in space: positions (n, 3) from coordinates of the plane and more of their kind.
void check_cells(const std::vector<double>& positions, const std::vector<double>& weights, const char* input) {
    const std::size_t n = weights.size();
    std::vector<double> values(5 * 4 * 11);
    for (std::size_t k = 0; k < values.size(); ++k) values[k] = k % 7 == 0 ? 0.0 : std::exp(-0.2 * double(k));
    double expected = 0.0;
    for (const double v : values) expected += v / double(values.size());
    const double means[] = {0.3, 0.4, 0.5, 0.5, 0.9, -0.2};
    const double covariances[] = {0.04, 0.01, 0.0, 0.01, 0.02, 0.005, 0.0, 0.005, 0.5, 1e-6, 0, 0, 0, 1e-6, 0, 0, 0, 1};
    const double shares[] = {0.5, 0.5};
    const space::GaussianMixture mixture(means, covariances, shares, 2);
    for (const bool periodic : {false, true}) {
        const space::Domain cube{{0, 0, 0}, {1, 1, 1}, {periodic, false, periodic}};
        const int shape[] = {5, 4, 11};
        const space::Image image(values.data(), shape, cube);
        for (const int threads : {1, 3}) {
            const auto mass = [&](const auto& density) {
                double sum = 0.0;
                for (const double m :
                     space::moments(density, positions.data(), weights.data(), n, true, true, threads).mass) {
                    sum += m;
                }
                return sum;
            };
            require(std::fabs(mass(space::UniformBox(cube, 2.0)) - 2.0) < 1e-12, "volume of the cube", input);
            const auto known = space::moments(image, positions.data(), weights.data(), n, true, false, threads);
            const space::Pairs pairs{known.facet_i.data(), known.facet_j.data(), known.facet_i.size()};
            double again = 0.0;
            for (const double m :
                 space::moments(image, positions.data(), weights.data(), n, true, false, threads, pairs).mass) {
                again += m;
            }
            require(std::fabs(again - expected) < 1e-12, "mass with known neighbours", input);
            require(std::fabs(mass(image) - expected) < 1e-12, "mass of the volume", input);
        }
    }
    double total = 0.0;
    for (const double m : space::moments(mixture, positions.data(), weights.data(), n, true, true, 2).mass) total += m;
    require(std::fabs(total - 1.0) < 1e-11, "mass of the mixture in space", input);
    space::component_moments(mixture, positions.data(), weights.data(), n, 2);
}

}  // namespace

void check_space() {
    std::mt19937_64 random(2);
    std::uniform_real_distribution<double> uniform(0.0, 1.0);
    for (const std::size_t n : {1, 2, 3, 4, 5, 10, 300}) {
        std::vector<double> spread(3 * n), lattice(3 * n), line(3 * n), sphere(3 * n), cluster(3 * n), far(3 * n);
        std::vector<double> copies(3 * n), zero(n, 0.0), light(n), heavy(n);
        for (std::size_t k = 0; k < 3 * n; ++k) {
            spread[k] = uniform(random);
            lattice[k] = double(random() % 8) / 8.0;
            line[k] = k % 3 ? 2.0 * line[k - 1] : uniform(random);
            cluster[k] = 0.5 + std::pow(10.0, -12.0 * uniform(random));
            far[k] = 1e4 * (uniform(random) - 0.5);
            copies[k] = spread[k % 12];
        }
        for (std::size_t i = 0; i < n; ++i) {
            light[i] = 1e-3 * uniform(random);
            heavy[i] = 1e3 * uniform(random);
            double square = 0.0;
            for (int a = 0; a < 3; ++a) square += (spread[3 * i + a] - 0.5) * (spread[3 * i + a] - 0.5);
            for (int a = 0; a < 3; ++a) sphere[3 * i + a] = 0.5 + 0.3 * (spread[3 * i + a] - 0.5) / std::sqrt(square);
        }
        for (const auto* weights : {&zero, &light, &heavy}) {
            check_cells(spread, *weights, "spread in space");
            check_cells(lattice, *weights, "lattice in space");
            check_cells(line, *weights, "line in space");
            check_cells(sphere, *weights, "sphere");
            check_cells(cluster, *weights, "cluster in space");
            check_cells(far, *weights, "far in space");
            check_cells(copies, *weights, "copies in space");
        }
        for (const double scale : {1e-300, 1e-150, 1e150, 1e300}) {
            std::vector<double> scaled(spread);
            for (double& x : scaled) x *= scale;
            const space::Domain cube{{0, 0, 0}, {1, 1, 1}, {true, false, false}};
            space::moments(space::UniformBox(cube, 1.0), scaled.data(), light.data(), n, true, true, 2);
        }
    }
}

}  // namespace diracs
