// Sums of Gaussian components as a polynomial on a box.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "gaussian/component_taylor.hpp"
#include "gaussian/gaussian_fan.hpp"
#include "plane/vec2.hpp"

namespace diracs {

// The terms of a polynomial, by rows, without zeros between them.
struct PackedExpansion {
    int degree = -1;
    Vec2 half;
    std::vector<double> terms;

    bool empty() const { return degree < 0; }
    std::size_t bytes() const { return sizeof(double) * terms.capacity(); }
};

class LocalExpansion {
public:
    bool empty() const { return degree_ < 0; }
    int degree() const { return degree_; }

    void clear(Vec2 half) {
        degree_ = -1;
        half_ = half;
    }

    // Sums of the lanes of coefficients.
    void add(const double* sums, int degree) {
        if (empty()) terms_.fill(0.0);
        degree_ = std::max(degree_, degree);
        for (int j = 0; j <= degree; ++j) {
            for (int i = 0; i <= degree - j; ++i) {
                const double* lane = sums + detail::kLanes * ((detail::kDegree + 1) * j + i);
                double sum = lane[0];
                for (int l = 1; l < detail::kLanes; ++l) sum += lane[l];
                terms_[detail::kRow * j + i] += sum;
            }
        }
    }

    PackedExpansion packed() const {
        PackedExpansion result{degree_, half_, {}};
        result.terms.reserve((degree_ + 1) * (degree_ + 2) / 2);
        for (int j = 0; j <= degree_; ++j) {
            const double* row = terms_.data() + detail::kRow * j;
            result.terms.insert(result.terms.end(), row, row + (degree_ - j + 1));
        }
        return result;
    }

    // That of a smaller box with its center `offset` away.
    void assign(const PackedExpansion& other, Vec2 offset, Vec2 half) {
        clear(half);
        if (other.empty()) return;
        degree_ = other.degree;
        terms_.fill(0.0);
        const double* terms = other.terms.data();
        for (int j = 0; j <= degree_; terms += degree_ - j + 1, ++j) {
            std::copy(terms, terms + (degree_ - j + 1), terms_.data() + detail::kRow * j);
        }
        const Vec2 old = other.half;
        detail::shift_rows(terms_.data(), degree_, offset.y / old.y);
        transpose();
        detail::shift_rows(terms_.data(), degree_, offset.x / old.x);
        transpose();
        const double scale_x = half.x / old.x, scale_y = half.y / old.y;
        double of_y = 1.0;
        for (int j = 0; j <= degree_; ++j, of_y *= scale_y) {
            double scale = of_y;
            for (int i = 0; i <= degree_ - j; ++i, scale *= scale_x) terms_[detail::kRow * j + i] *= scale;
        }
    }

    // Leaves out the highest degrees, as long as they are at most `share` of the sum everywhere on the box; at least
    // `least` of which is known. Returns what the polynomial is nowhere below, known or by its terms.
    double truncate(double share, double least) {
        std::array<double, detail::kDegree + 1> sizes{};
        for (int j = 0; j <= degree_; ++j) {
            for (int i = 0; i <= degree_ - j; ++i) sizes[i + j] += std::fabs(terms_[detail::kRow * j + i]);
        }
        double rest = 0.0;
        for (int m = degree_; m > 0; --m) rest += sizes[m];
        least = std::max(least, terms_[0] - rest);
        for (double left_out = sizes[std::max(degree_, 0)]; degree_ > 0 && left_out <= share * least;) {
            --degree_;
            left_out += sizes[degree_];
        }
        return least;
    }

    // Values on the edges of a fan about the center; its points in units of the half sides, (x, y).
    void add_to(const FanNodes& nodes, std::vector<double>& x, std::vector<double>& y, FanValues& values) const {
        x.resize(nodes.x.size()), y.resize(nodes.x.size());
        for (std::size_t n = 0; n < x.size(); ++n) x[n] = nodes.x[n] / half_.x, y[n] = nodes.y[n] / half_.y;
        detail::add_rays(terms_.data(), degree_, x.data(), y.data(), x.size(), values.edge.data(), values.gamma1.data(),
                         values.gamma2.data(), values.gamma3.data());
    }

private:
    int degree_ = -1;
    Vec2 half_;
    std::array<double, detail::kTerms> terms_;

    void transpose() {
        for (int j = 0; 2 * j <= degree_; ++j) {
            for (int i = j + 1; i <= degree_ - j; ++i)
                std::swap(terms_[detail::kRow * j + i], terms_[detail::kRow * i + j]);
        }
    }
};

}  // namespace diracs
