// Points of D dimensions.
#pragma once

namespace diracs {

template <int D>
struct Point {
    double at[D] = {};

    static Point of(const double* x) {
        Point result;
        for (int k = 0; k < D; ++k) result.at[k] = x[k];
        return result;
    }
    double operator[](int axis) const { return at[axis]; }
    double& operator[](int axis) { return at[axis]; }
};

template <int D>
Point<D> operator+(Point<D> a, const Point<D>& b) {
    for (int k = 0; k < D; ++k) a[k] += b[k];
    return a;
}

template <int D>
Point<D> operator-(Point<D> a, const Point<D>& b) {
    for (int k = 0; k < D; ++k) a[k] -= b[k];
    return a;
}

template <int D>
Point<D> operator*(double s, Point<D> a) {
    for (int k = 0; k < D; ++k) a[k] *= s;
    return a;
}

template <int D>
double dot(const Point<D>& a, const Point<D>& b) {
    double sum = a[0] * b[0];
    for (int k = 1; k < D; ++k) sum += a[k] * b[k];
    return sum;
}

template <int D>
double norm2(const Point<D>& a) {
    return dot(a, a);
}

}  // namespace diracs
