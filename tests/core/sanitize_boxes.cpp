// Boxes of mixtures that go to points: what arrives is the law, the same on any number of threads.
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "merging/box_refinement.hpp"
#include "sanitize.hpp"

namespace diracs {

void check_boxes() {
    std::mt19937_64 random(5);
    std::normal_distribution<double> normal;
    for (const std::size_t d : {1, 3, 9}) {
        const std::size_t k = 2, n = 13;
        std::vector<double> means(k * d), axes(k * d * d), deviations(k * d), points(n * d);
        for (double& x : means) x = normal(random);
        for (double& x : points) x = normal(random);
        for (double& x : deviations) x = std::fabs(normal(random));
        deviations[0] = 0.0;
        for (std::size_t i = 0; i < k; ++i) {
            for (std::size_t j = 0; j < d; ++j) axes[(i * d + j) * d + j] = 1.0;
        }
        const std::vector<double> weights = {0.25, 0.75};
        const BoxedMixture law{d, means.data(), axes.data(), deviations.data(), weights.data()};
        const std::vector<int> component = {0, 1, 1};
        std::vector<double> low(3 * d, -39.0), high(3 * d, 39.0);
        high[d] = low[2 * d] = 0.3;
        std::vector<double> before;
        for (const int threads : {1, 3}) {
            const SentBoxes sent =
                send_boxes(law, component.data(), low.data(), high.data(), 3, points.data(), n, 1e-5, threads);
            double mass = 0.0, first = 0.0, mean = 0.0;
            for (std::size_t i = 0; i < n; ++i) {
                mass += sent.mass[i].high;
                first += sent.first[i * d] + sent.mass[i].high * points[i * d];
            }
            for (std::size_t i = 0; i < k; ++i) mean += weights[i] * means[i * d];
            require(std::fabs(mass - 1.0) < 1e-13, "masses", "boxes");
            require(std::fabs(first - mean) < 1e-12, "first moments", "boxes");
            require(before.empty() || before == sent.cost, "threads", "boxes");
            before = sent.cost;
        }
        const SentBoxes coarse = send_boxes(law, component.data(), low.data(), high.data(), 3, points.data(), n,
                                            std::numeric_limits<double>::infinity(), 1);
        require(coarse.count == 3, "boxes that are not cut", "boxes");
    }
}

}  // namespace diracs
