// Exact arithmetic on sums of doubles that do not overlap (J. R. Shewchuk, "Adaptive precision floating-point
// arithmetic and fast robust geometric predicates", Discrete & Computational Geometry 18, 1997). Exact while nothing
// over- or underflows, which the callers ensure by scaling.
#pragma once

namespace diracs {

// a + b = sum + tail exactly (Knuth).
inline void two_sum(double a, double b, double& sum, double& tail) {
    sum = a + b;
    const double b_part = sum - a;
    const double a_part = sum - b_part;
    tail = (a - a_part) + (b - b_part);
}

// a + b = sum + tail exactly, for |a| >= |b| (Dekker).
inline void fast_two_sum(double a, double b, double& sum, double& tail) {
    sum = a + b;
    tail = b - (sum - a);
}

// a = high + low with 26 bits in each (Veltkamp).
inline void split(double a, double& high, double& low) {
    const double c = 134217729.0 * a;  // 2^27 + 1
    high = c - (c - a);
    low = a - high;
}

// a * b = product + tail exactly (Dekker).
inline void two_product(double a, double b, double& product, double& tail) {
    product = a * b;
    double a_high, a_low, b_high, b_low;
    split(a, a_high, a_low);
    split(b, b_high, b_low);
    tail = a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low);
}

// A sum of at most N doubles by increasing magnitude, without zeros. Size 0 is zero.
template <int N>
struct Expansion {
    double term[N];
    int size = 0;

    void append(double t) {
        if (t != 0.0) term[size++] = t;
    }

    // The largest term decides: the others together are smaller.
    int sign() const { return size == 0 ? 0 : (term[size - 1] > 0.0 ? 1 : -1); }

    double estimate() const {
        double total = 0.0;
        for (int k = 0; k < size; ++k) total += term[k];
        return total;
    }
};

inline Expansion<1> exact_value(double a) { return {{a}, a != 0.0 ? 1 : 0}; }

inline Expansion<2> exact_sum(double a, double b) {
    Expansion<2> e;
    double sum, tail;
    two_sum(a, b, sum, tail);
    e.append(tail);
    e.append(sum);
    return e;
}

inline Expansion<2> exact_difference(double a, double b) { return exact_sum(a, -b); }

inline Expansion<2> exact_product(double a, double b) {
    Expansion<2> e;
    double product, tail;
    two_product(a, b, product, tail);
    e.append(tail);
    e.append(product);
    return e;
}

// Shewchuk's fast-expansion-sum: merge by magnitude, then carry upwards.
template <int M, int N>
Expansion<M + N> operator+(const Expansion<M>& a, const Expansion<N>& b) {
    Expansion<M + N> e;
    double carry = 0.0, tail;
    for (int i = 0, j = 0; i < a.size || j < b.size;) {
        const bool from_a =
            j == b.size || (i < a.size && (b.term[j] > a.term[i]) == (b.term[j] > -a.term[i]));  // |a_i| < |b_j|
        two_sum(carry, from_a ? a.term[i++] : b.term[j++], carry, tail);
        e.append(tail);
    }
    e.append(carry);
    return e;
}

template <int N>
Expansion<N> operator-(const Expansion<N>& a) {
    Expansion<N> e;
    e.size = a.size;
    for (int k = 0; k < a.size; ++k) e.term[k] = -a.term[k];
    return e;
}

template <int M, int N>
Expansion<M + N> operator-(const Expansion<M>& a, const Expansion<N>& b) {
    return a + (-b);
}

// Shewchuk's scale-expansion.
template <int N>
Expansion<2 * N> operator*(const Expansion<N>& a, double s) {
    Expansion<2 * N> e;
    if (a.size == 0) return e;
    double carry, tail;
    two_product(a.term[0], s, carry, tail);
    e.append(tail);
    for (int k = 1; k < a.size; ++k) {
        double product, low, sum;
        two_product(a.term[k], s, product, low);
        two_sum(carry, low, sum, tail);
        e.append(tail);
        fast_two_sum(product, sum, carry, tail);
        e.append(tail);
    }
    e.append(carry);
    return e;
}

// The product of two expansions, term by term of the second.
template <int M, int N>
Expansion<2 * M * N> operator*(const Expansion<M>& a, const Expansion<N>& b) {
    Expansion<2 * M * N> e;
    for (int k = 0; k < b.size; ++k) {
        const auto sum = e + a * b.term[k];
        e.size = sum.size;
        for (int i = 0; i < sum.size; ++i) e.term[i] = sum.term[i];
    }
    return e;
}

}  // namespace diracs
