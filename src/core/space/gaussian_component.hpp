// One component of a Gaussian mixture in space, and the coordinates in which it is standard.
#pragma once

#include <cmath>
#include <stdexcept>

#include "space/vec3.hpp"

namespace diracs::space {

// N(μ, L Lᵀ), L lower triangular.
struct GaussianComponent {
    Vec3 mean;
    double l[3][3] = {};                     // L
    double weight, log_weight, log_density;  // of the weight, and of the weight over |L|
    double determinant;                      // of L
    double stretch;                          // the norm of L⁻¹, at most
    double precision[3][3];
    Vec3 deviation;  // along the axes
    double trace;

    // Covariance (3, 3).
    GaussianComponent(Vec3 mean, const double* c, double weight) : mean(mean), weight(weight) {
        long double s[3][3] = {};
        for (int i = 0; i < 3; ++i) {
            for (int j = 0; j <= i; ++j) {
                long double sum = c[3 * i + j];
                for (int k = 0; k < j; ++k) sum -= s[i][k] * s[j][k];
                if (i == j && !(sum > 0.0L)) throw std::invalid_argument("covariances must be positive definite");
                s[i][j] = i == j ? std::sqrt(sum) : sum / s[j][j];
                l[i][j] = static_cast<double>(s[i][j]);
            }
        }
        long double inverse[3][3] = {};
        for (int i = 0; i < 3; ++i) {
            inverse[i][i] = 1.0L / s[i][i];
            for (int j = 0; j < i; ++j) {
                long double sum = 0.0L;
                for (int k = j; k < i; ++k) sum -= s[i][k] * inverse[k][j];
                inverse[i][j] = sum / s[i][i];
            }
        }
        double frobenius = 0.0;
        for (int i = 0; i < 3; ++i) {
            for (int j = 0; j < 3; ++j) {
                long double sum = 0.0L;
                for (int k = 0; k < 3; ++k) sum += inverse[k][i] * inverse[k][j];
                precision[i][j] = static_cast<double>(sum);
                frobenius += static_cast<double>(inverse[i][j] * inverse[i][j]);
            }
        }
        stretch = std::sqrt(frobenius);
        determinant = l[0][0] * l[1][1] * l[2][2];
        if (!(determinant > 0.0 && std::isfinite(stretch))) {
            throw std::invalid_argument("covariances must be positive definite");
        }
        log_weight = std::log(weight);
        log_density = log_weight - std::log(l[0][0]) - std::log(l[1][1]) - std::log(l[2][2]);
        deviation = {std::sqrt(c[0]), std::sqrt(c[4]), std::sqrt(c[8])};
        trace = c[0] + c[4] + c[8];
    }

    Vec3 whiten(Vec3 x) const {
        const double u = x.x / l[0][0], v = (x.y - l[1][0] * u) / l[1][1];
        return {u, v, (x.z - l[2][0] * u - l[2][1] * v) / l[2][2]};
    }
    Vec3 color(Vec3 u) const {
        return {l[0][0] * u.x, l[1][0] * u.x + l[1][1] * u.y, l[2][0] * u.x + l[2][1] * u.y + l[2][2] * u.z};
    }
    Sym3 color(const Sym3& m) const {  // L M Lᵀ
        const Vec3 x = color(Vec3{m.xx, m.xy, m.xz}), y = color(Vec3{m.xy, m.yy, m.yz}),
                   z = color(Vec3{m.xz, m.yz, m.zz});
        const Vec3 a = color(Vec3{x.x, y.x, z.x}), b = color(Vec3{x.y, y.y, z.y}), c = color(Vec3{x.z, y.z, z.z});
        return {a.x, b.x, c.x, b.y, c.y, c.z};
    }
    Vec3 transposed(Vec3 n) const {  // Lᵀ n
        return {l[0][0] * n.x + l[1][0] * n.y + l[2][0] * n.z, l[1][1] * n.y + l[2][1] * n.z, l[2][2] * n.z};
    }
};

}  // namespace diracs::space
