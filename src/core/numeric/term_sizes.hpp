// Sizes of the terms of moments that are differences.
#pragma once

namespace diracs {

// Of moments that are differences, what a relative error of 1 in each of their terms would add up to; zero where all
// terms are positive. A unit of rounding times a small number of operations makes it a bound on the moments' errors.
struct TermSizes {
    double mass = 0.0, first = 0.0, second = 0.0;

    void add(double weight, const TermSizes& other) {
        mass += weight * other.mass;
        first += weight * other.first;
        second += weight * other.second;
    }

    TermSizes moved(double distance) const {
        return {mass, first + distance * mass, second + 2.0 * distance * first + distance * distance * mass};
    }
};

}  // namespace diracs
