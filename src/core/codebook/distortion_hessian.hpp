// The Hessian of the distortion of a quantizer, and the steps of a trust region that it gives.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "numeric/interrupt.hpp"

namespace diracs {

// Moments of the density on the facets between cells i and j, about seed i.
struct FacetMoments {
    const int *i, *j;            // (f,)
    const double* displacement;  // (f, D) from seed i to seed j
    const double* mass;          // (f,)
    const double* first;         // (f, D)
    const double* second;        // (f, D, D)
    std::size_t size;
};

struct TrustRegionStep {
    std::vector<double> step;  // (n, D)
    double promised = 0.0;     // the decrease
    bool cut = false;          // by the radius
};

// Blocks H_ii of cells and H_ij of facets: each facet is stored once, and used for both sides.
template <int D>
class DistortionHessian {
    using Block = std::array<double, D * D>;

public:
    DistortionHessian(const double* mass, std::size_t n, const FacetMoments& facets)
        : mass_(mass, mass + n), own_(n), across_(facets.size), ends_(facets.size) {
        for (std::size_t k = 0; k < n; ++k) {
            own_[k] = {};
            for (int a = 0; a < D; ++a) own_[k][a * D + a] = 2.0 * mass[k];
        }
        for (std::size_t f = 0; f < facets.size; ++f) {
            const double *step = facets.displacement + D * f, *first = facets.first + D * f;
            const double* here = facets.second + D * D * f;
            double gap2 = 0.0;
            for (int a = 0; a < D; ++a) gap2 += step[a] * step[a];
            const double scale = 2.0 / std::sqrt(gap2);
            const auto i = static_cast<std::size_t>(facets.i[f]), j = static_cast<std::size_t>(facets.j[f]);
            ends_[f] = {i, j};
            for (int a = 0; a < D; ++a) {
                for (int b = 0; b < D; ++b) {
                    // ∫(x − yᵢ)(x − yⱼ)ᵀρ, and about seed j.
                    const double mixed = here[a * D + b] - first[a] * step[b];
                    const double there = mixed - step[a] * first[b] + facets.mass[f] * step[a] * step[b];
                    across_[f][a * D + b] = scale * mixed;
                    own_[i][a * D + b] -= scale * here[a * D + b];
                    own_[j][a * D + b] -= scale * there;
                }
            }
        }
    }

    std::size_t size() const { return own_.size(); }

    void multiply(const double* x, double* y) const {
        for (std::size_t k = 0; k < own_.size(); ++k) {
            for (int a = 0; a < D; ++a) {
                double sum = 0.0;
                for (int b = 0; b < D; ++b) sum += own_[k][a * D + b] * x[D * k + b];
                y[D * k + a] = sum;
            }
        }
        for (std::size_t f = 0; f < across_.size(); ++f) {
            const Block& block = across_[f];
            const std::size_t i = D * ends_[f][0], j = D * ends_[f][1];
            for (int a = 0; a < D; ++a) {
                for (int b = 0; b < D; ++b) {
                    y[i + a] += block[a * D + b] * x[j + b];
                    y[j + b] += block[a * D + b] * x[i + a];
                }
            }
        }
    }

    // By conjugate gradients (Steihaug 1983) in the metric diag(2m), until the gradient's length is this share of what it
    // was, `most` products are made, or the step has length `radius` in the metric diag(m).
    TrustRegionStep step(const double* gradient, double radius, double accuracy, int most) const {
        const std::size_t size = D * own_.size();
        TrustRegionStep result;
        std::vector<double>& step = result.step;
        step.assign(size, 0.0);
        std::vector<double> residual(gradient, gradient + size), direction(size), image(size), slope(size, 0.0);
        const double radius2 = 2.0 * radius * radius;
        double product = 0.0;
        for (std::size_t k = 0; k < size; ++k) {
            direction[k] = -residual[k] / metric(k);
            product -= residual[k] * direction[k];
        }
        const double first_product = product;
        double length2 = 0.0, mixed = 0.0, direction2 = product;  // |step|² and step·direction in the metric
        for (int done = 0; done < most; ++done) {
            poll_interrupt();
            multiply(direction.data(), image.data());
            double curvature = 0.0;
            for (std::size_t k = 0; k < size; ++k) curvature += direction[k] * image[k];
            double ahead = curvature > 1e-14 * direction2 ? product / curvature : HUGE_VAL;
            if (!(length2 + ahead * (2.0 * mixed + ahead * direction2) < radius2)) {
                // To the border: the length² of step + a·direction is radius².
                result.cut = true;
                const double left = radius2 - length2;
                ahead = left / (mixed + std::sqrt(mixed * mixed + direction2 * left));
            }
            const double last = product;
            product = 0.0;
            for (std::size_t k = 0; k < size; ++k) {
                step[k] += ahead * direction[k];
                slope[k] += ahead * image[k];
                residual[k] += ahead * image[k];
                product += residual[k] * residual[k] / metric(k);
            }
            if (result.cut || product <= accuracy * accuracy * first_product) break;
            length2 += ahead * (2.0 * mixed + ahead * direction2);
            const double again = product / last;
            mixed = again * (mixed + ahead * direction2);
            direction2 = product + again * again * direction2;
            for (std::size_t k = 0; k < size; ++k) direction[k] = again * direction[k] - residual[k] / metric(k);
        }
        for (std::size_t k = 0; k < size; ++k) result.promised -= step[k] * (gradient[k] + 0.5 * slope[k]);
        return result;
    }

private:
    std::vector<double> mass_;
    std::vector<Block> own_, across_;
    std::vector<std::array<std::size_t, 2>> ends_;

    double metric(std::size_t k) const { return 2.0 * mass_[k / D]; }
};

}  // namespace diracs
