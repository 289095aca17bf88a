// Moments of densities as records of diracs.cells.record.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "plane/moments.hpp"
#include "python/arrays.hpp"
#include "space/moments.hpp"

namespace diracs {

inline void check_sizes(const Points& positions, const Numbers& weights) {
    if (positions.shape(0) != weights.shape(0)) throw nanobind::value_error("positions and weights differ in length");
    if (!all_finite(positions.data(), 2 * positions.shape(0))) throw nanobind::value_error("positions must be finite");
    if (!all_finite(weights.data(), weights.shape(0))) throw nanobind::value_error("weights must be finite");
}

inline nanobind::object cells_record(Cells&& cells) {
    const std::size_t n = cells.mass.size();
    return record("Cells")(array(std::move(cells.mass)), array(std::move(cells.first), {n, 2}),
                           array(std::move(cells.second)), array(std::move(cells.sizes), {n, 2}));
}

template <class Density>
nanobind::tuple density_moments(const Density& density, const Points& positions, const Numbers& weights, bool edges,
                                bool /*second*/, int threads) {
    check_sizes(positions, weights);
    std::optional<Moments> result;
    {
        const Unlocked unlocked;
        result = moments(density, positions.data(), weights.data(), positions.shape(0), edges, threads);
    }
    Edges& between = result->edges;
    const std::size_t count = between.i.size();
    return nanobind::make_tuple(cells_record(std::move(result->cells)),
                                record("Edges")(array(std::move(between.i)), array(std::move(between.j)),
                                                array(std::move(between.displacement), {count, 2}),
                                                array(std::move(between.gap)),
                                                array(std::move(between.integrals), {count, 3})));
}

// Seeds at fixed positions, an array that must not be written while they live; nor must what the last call returned.
struct FixedSeeds {
    Points positions;
    SeedTriangulation triangulation;

    struct Last {
        nanobind::object density, cells, couplings;
        std::vector<double> weights;
        std::shared_ptr<const Neighbours> neighbours;

        KnownCouplings known() const {
            const auto numbers = [](const nanobind::object& record, const char* name) {
                return nanobind::cast<nanobind::ndarray<const double, nanobind::c_contig>>(record.attr(name)).data();
            };
            const Indices i = nanobind::cast<Indices>(couplings.attr("i")),
                          j = nanobind::cast<Indices>(couplings.attr("j"));
            return {weights.data(),
                    neighbours,
                    numbers(cells, "mass"),
                    numbers(cells, "first"),
                    numbers(cells, "second"),
                    numbers(cells, "sizes"),
                    i.data(),
                    j.data(),
                    numbers(couplings, "strength"),
                    i.size()};
        }
    };
    std::optional<Last> last;

    explicit FixedSeeds(const Points& given) : positions(given), triangulation(ordered(given)) {}

private:
    static SeedTriangulation ordered(const Points& given) {
        const Unlocked unlocked;
        return SeedTriangulation(given.data(), given.shape(0), 0);
    }
};

template <class Density>
nanobind::tuple density_couplings(nanobind::handle_t<Density> law, FixedSeeds& seeds, const Numbers& weights,
                                  int threads) {
    const auto& density = nanobind::cast<const Density&>(law);
    const std::size_t n = seeds.positions.shape(0);
    if (weights.shape(0) != n) throw nanobind::value_error("positions and weights differ in length");
    if (!all_finite(weights.data(), n)) throw nanobind::value_error("weights must be finite");
    std::optional<FixedSeeds::Last> last = std::exchange(seeds.last, std::nullopt);
    // What is of no use is let go at once: of many seeds it is gigabytes.
    if (last && !(last->density.is(law) && UnchangedCells::many(last->weights.data(), weights.data(), n))) last.reset();
    std::optional<KnownCouplings> known;
    if (last) known = last->known();
    std::shared_ptr<const Neighbours> neighbours;
    std::optional<std::pair<Cells, Couplings>> result;
    {
        const Unlocked unlocked;
        neighbours = seeds.triangulation.neighbours(weights.data(), threads);
        result = couplings(density, seeds.positions.data(), weights.data(), n, neighbours, threads,
                           known ? &*known : nullptr);
    }
    Couplings& between = result->second;
    nanobind::object cells = cells_record(std::move(result->first));
    nanobind::object found = record("Couplings")(array(std::move(between.i)), array(std::move(between.j)),
                                                 array(std::move(between.strength)));
    seeds.last = {nanobind::borrow(law), cells, found, {weights.data(), weights.data() + n}, std::move(neighbours)};
    return nanobind::make_tuple(cells, found);
}

namespace space {

using Positions = Input<double, nanobind::shape<-1, 3>>;

inline void check_sizes(const Positions& positions, const Numbers& weights) {
    if (positions.shape(0) != weights.shape(0)) throw nanobind::value_error("positions and weights differ in length");
    if (positions.shape(0) >= std::size_t{1} << 30) throw std::length_error("at most 2^30 seeds");
    if (!all_finite(positions.data(), 3 * positions.shape(0))) throw nanobind::value_error("positions must be finite");
    if (!all_finite(weights.data(), weights.shape(0))) throw nanobind::value_error("weights must be finite");
}

// Indices of pairs of n seeds.
inline Pairs pairs_of(const std::optional<std::pair<Indices, Indices>>& near, std::size_t n) {
    if (!near.has_value()) return {};
    const auto& [i, j] = *near;
    const auto known = [n](int k) { return k >= 0 && static_cast<std::size_t>(k) < n; };
    if (i.size() != j.size() || !std::all_of(i.data(), i.data() + i.size(), known) ||
        !std::all_of(j.data(), j.data() + j.size(), known)) {
        throw nanobind::value_error("near must be two arrays of as many indices of seeds");
    }
    return {i.data(), j.data(), i.size()};
}

template <class Density>
nanobind::tuple density_moments(const Density& density, const Positions& positions, const Numbers& weights, bool edges,
                                bool second, int threads, const std::optional<std::pair<Indices, Indices>>& near) {
    check_sizes(positions, weights);
    const std::size_t n = positions.shape(0);
    const Pairs pairs = pairs_of(near, n);
    Moments result;
    {
        const Unlocked unlocked;
        result = moments(density, positions.data(), weights.data(), n, edges, second, threads, pairs);
    }
    const std::size_t count = result.facet_i.size();
    const std::size_t width = second ? 10 : 4;
    std::vector<double> gap(count), integrals(width * count);
    for (std::size_t f = 0; f < count; ++f) {
        const double* step = &result.displacement[3 * f];
        gap[f] = std::hypot(step[0], step[1], step[2]);
        integrals[width * f] = result.area[f];
        std::copy_n(&result.facet_first[3 * f], 3, &integrals[width * f + 1]);
        if (second) std::copy_n(&result.facet_second[6 * f], 6, &integrals[width * f + 4]);
    }
    return nanobind::make_tuple(record("Cells")(array(std::move(result.mass)), array(std::move(result.first), {n, 3}),
                                                array(std::move(result.second)),
                                                array(std::move(result.sizes), {n, 2})),
                                record("Edges")(array(std::move(result.facet_i)), array(std::move(result.facet_j)),
                                                array(std::move(result.displacement), {count, 3}),
                                                array(std::move(gap)), array(std::move(integrals), {count, width})));
}

}  // namespace space
}  // namespace diracs
