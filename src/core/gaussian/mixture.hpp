// Gaussian mixtures on the whole plane.
//
// By the divergence theorem all moments of a component over a polygon are integrals along its edges. Whiten,
// x = μ + L u with L Lᵀ = Σ. With outward normal n and tangent t of an edge in u, h and s the coordinates along them,
//   ∫ u φ₂ = −Σ n ∫φ₂ ds,   ∫ |L u|² φ₂ = |L|² ∫φ₂ − Σ (L n)·L(n h ∫φ₂ ds + t ∫s φ₂ ds),
// and ∫φ₂ itself is the flux of a field (gaussian_edge.hpp). For small polygons, on which the density varies little,
// these are differences of larger terms; they are cut into a fan of triangles (gaussian_fan.hpp).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "gaussian/component_edges.hpp"
#include "gaussian/component_search.hpp"
#include "plane/density.hpp"
#include "gaussian/gaussian_component.hpp"
#include "gaussian/gaussian_fan.hpp"
#include "plane/polygon.hpp"
#include "plane/vec2.hpp"

namespace diracs {

class GaussianMixture {
    // A component that may count in the polygon.
    struct Candidate {
        int component;
        bool small;        // is the polygon
        double log_size;   // of the polygon, see fan_rule; if small
        Vec2 center;       // of the polygon, in the component's coordinates
        double nearest2;   // at most r² on the polygon, 0 if the mean is inside
        std::size_t side;  // first of its sides; if not small
    };

    // Over all components in the polygon; the density over those for which it is small and the density nearly constant.
    struct Largest {
        double estimate = -HUGE_VAL, log_density = -HUGE_VAL;
    };

public:
    struct Scratch {
        ComponentSearch::Boxes boxes, separate;  // with and without gathering
        Gathering gathering;                     // in the polygon
        Gathered gathered;
        std::vector<int> near;  // the components that are not gathered
        std::vector<double> fan_x, fan_y;
        std::vector<Candidate> candidates;
        EdgeScratch edges;
        FanNodes nodes;    // on the edges of a small polygon
        FanValues values;  // there
    };

    // means (k, 2), covariances (k, 2, 2), weights (k,) > 0.
    GaussianMixture(const double* means, const double* covariances, const double* weights, std::size_t count)
        : components_(components(means, covariances, weights, count)),
          domain_(domain(components_)),
          search_(components_, std::max(domain_[2].x - domain_[0].x, domain_[2].y - domain_[0].y)) {}

    // Lines and rays end here, where the density is below the smallest double.
    const std::vector<Vec2>& domain() const { return domain_; }
    std::size_t size() const { return components_.size(); }
    const GaussianComponent& component(std::size_t k) const { return components_[k]; }

    void cell(const Polygon& polygon, Vec2 origin, int above, CellMoments& moments, LineMoments* lines,
              Scratch& scratch) const {
        moments = {};
        if (lines != nullptr) std::fill(lines, lines + polygon.size(), LineMoments());
        const TermSizes skipped =
            visit(polygon, origin, lines != nullptr ? above : std::numeric_limits<int>::max(), false, scratch,
                  [&](std::size_t, double weight, const CellMoments& own, const std::vector<LineMoments>& along) {
                      moments.add(weight, own);
                      if (lines == nullptr) return;
                      for (std::size_t e = 0; e < polygon.size(); ++e) {
                          if (polygon.labels[e] > above) lines[e].add(weight, along[e]);
                      }
                  });
        moments.sizes.add(1.0 / std::numeric_limits<double>::epsilon(), skipped);
    }

    // Calls use(k, weight, moments, lines) for every component that counts in the polygon, moments and lines for mass
    // one. If not `each`, the components for which the polygon is small come together, with weight one. Returns what
    // all that is left out, components and fluxes, has at most in the polygon.
    template <class Use>
    TermSizes visit(const Polygon& polygon, Vec2 origin, int above, bool each, Scratch& scratch, const Use& use) const {
        const PolygonShape shape = polygon_shape(polygon, origin);
        const Largest largest = collect(shape, !each, scratch);
        const auto slack = [&](const Candidate& c) { return each ? 0.0 : largest.log_density - log_density(c); };
        scratch.edges.lines.resize(polygon.size());
        if (largest.log_density > -HUGE_VAL) {
            // N nodes are exact for a polynomial of degree 2N − 1, here times squares.
            int count = (scratch.gathered.sum.degree() + 4) / 2;
            for (const Candidate& c : scratch.candidates) {
                if (c.small) count = std::max(count, fan_nodes(c.log_size, shape.log_edge, slack(c)));
            }
            place_fan(count, polygon, shape.center, scratch.nodes);
            scratch.values.clear(scratch.nodes.x.size());
            if (!scratch.gathered.sum.empty()) {
                scratch.gathered.sum.add_to(scratch.nodes, scratch.fan_x, scratch.fan_y, scratch.values);
            }
        }
        for (const Candidate& candidate : scratch.candidates) {
            const GaussianComponent& component = components_[candidate.component];
            const auto k = static_cast<std::size_t>(candidate.component);
            const double excess = estimate(candidate, shape) - largest.estimate + kNegligible;
            if (!candidate.small) {
                CellMoments own;
                const double reach2 = candidate.nearest2 + 2.0 * excess;
                if (!by_edges(component, shape, candidate.side, candidate.nearest2, reach2, above, scratch.edges, own))
                    continue;
                use(k, component.weight, own, scratch.edges.lines);
            } else if (excess >= 0.0 || counts(candidate, above, polygon, scratch)) {
                const Vec2 center = candidate.center;
                const double density = std::exp(-0.5 * norm2(center)) * detail::kInverse2Pi / component.determinant();
                add_fan(scratch.nodes, component.exponent(center), candidate.log_size, slack(candidate),
                        each ? density : component.weight * density, scratch.values);
                if (!each) continue;
                use(k, component.weight,
                    fan_moments(polygon, shape.center, above, scratch.nodes, scratch.values, scratch.edges.lines),
                    scratch.edges.lines);
                scratch.values.clear(scratch.nodes.x.size());
            }
        }
        if (!each && largest.log_density > -HUGE_VAL)
            use(0, 1.0, fan_moments(polygon, shape.center, above, scratch.nodes, scratch.values, scratch.edges.lines),
                scratch.edges.lines);
        const double left_out = std::exp(largest.estimate - kNegligible) * static_cast<double>(size() * polygon.size());
        return TermSizes{left_out, left_out * shape.radius, left_out * shape.radius * shape.radius}.moved(
            norm(shape.center));
    }

private:
    static constexpr double kReach = ComponentSearch::kReach;

    std::vector<GaussianComponent> components_;
    std::vector<Vec2> domain_;
    ComponentSearch search_;

    static std::vector<GaussianComponent> components(const double* means, const double* covariances,
                                                     const double* weights, std::size_t count) {
        std::vector<GaussianComponent> result;
        result.reserve(count);
        for (std::size_t k = 0; k < count; ++k) {
            const double* c = covariances + 4 * k;
            result.emplace_back(Vec2{means[2 * k], means[2 * k + 1]}, c[0], c[1], c[3], weights[k]);
        }
        return result;
    }

    static std::vector<Vec2> domain(const std::vector<GaussianComponent>& components) {
        Vec2 low = {HUGE_VAL, HUGE_VAL}, high = {-HUGE_VAL, -HUGE_VAL};
        for (const GaussianComponent& c : components) {
            const Vec2 reach = {kReach * std::sqrt(c.variance_x), kReach * std::sqrt(c.variance_y)};
            low = {std::min(low.x, c.mean.x - reach.x), std::min(low.y, c.mean.y - reach.y)};
            high = {std::max(high.x, c.mean.x + reach.x), std::max(high.y, c.mean.y + reach.y)};
        }
        return {low, {high.x, low.y}, high, {low.x, high.y}};
    }

    // Logarithm of about what a component has in the polygon: its weight, or density times area, times exp(−r²/2).
    double estimate(const Candidate& candidate, const PolygonShape& shape) const {
        const GaussianComponent& c = components_[candidate.component];
        return std::min(c.log_weight, c.log_density + shape.log_area - detail::kLog2Pi) - candidate.nearest2 / 2.0;
    }

    double log_density(const Candidate& candidate) const {
        return components_[candidate.component].log_density - candidate.nearest2 / 2.0;
    }

    // Finds the components near the polygon, and if wanted the sum of those that are smooth there.
    void gather(const PolygonShape& shape, bool wanted, Scratch& scratch) const {
        Vec2 low = shape.polygon[0], high = low;
        for (const Vec2 v : shape.polygon.vertices) {
            low = {std::min(low.x, v.x), std::min(low.y, v.y)};
            high = {std::max(high.x, v.x), std::max(high.y, v.y)};
        }
        ComponentSearch::Boxes& boxes = wanted ? scratch.boxes : scratch.separate;
        const MixtureBox& box = search_.find(components_, shape.origin + low, shape.origin + high, wanted, boxes);
        const PackedExpansion& around = box.sum;
        Gathered& gathered = scratch.gathered;
        gathered.log_least = box.log_least;
        const Vec2 a = shape.center - low, b = high - shape.center;
        const Vec2 half = {std::max({a.x, b.x, 1e-300}), std::max({a.y, b.y, 1e-300})};
        scratch.near.clear();
        if (!wanted || (around.empty() && box.rest.size() <= kFewComponents)) {
            gathered.sum.clear(half);
            scratch.near = box.rest;
            return;
        }
        gathered.sum.assign(around, (shape.origin - box.center) + shape.center, half);
        if (box.rest.size() > kFewComponents) {
            scratch.gathering.run(search_.columns(box, boxes), {shape.origin, shape.center, half}, search_.share(),
                                  gathered);
            for (const int n : scratch.gathering.rest) scratch.near.push_back(box.rest[n]);
        } else {
            scratch.near = box.rest;
        }
        if (!gathered.sum.empty()) {
            gathered.sum.truncate(0.5 * kLeftOut, std::exp(gathered.log_least) * detail::kInverse2Pi);
        }
    }

    // Finds the candidates, their sides, and the largest density on each edge.
    Largest collect(const PolygonShape& shape, bool gather, Scratch& scratch) const {
        const Polygon& polygon = shape.polygon;
        this->gather(shape, gather, scratch);
        scratch.candidates.clear();
        scratch.edges.sides.clear();
        scratch.edges.highest.assign(polygon.size(), -HUGE_VAL);
        const auto center = [&](const GaussianComponent& c) { return c.whiten(shape.origin - c.mean + shape.center); };
        double least = scratch.gathered.log_least;  // logarithm of a density that there is everywhere in the polygon
        for (const int k : scratch.near) {
            const GaussianComponent& component = components_[k];
            const double r = norm(center(component)) + shape.radius * component.stretch;
            least = std::max(least, component.log_density - 0.5 * r * r);
        }
        Largest largest;
        if (!scratch.gathered.sum.empty()) {
            largest = {least + shape.log_area - detail::kLog2Pi, least};
        }
        for (const int k : scratch.near) {
            const GaussianComponent& component = components_[k];
            Candidate candidate;
            candidate.component = k;
            candidate.center = center(component);
            const double r = norm(candidate.center), radius = shape.radius * component.stretch;
            candidate.nearest2 = std::max(0.0, r - radius) * std::max(0.0, r - radius);
            if (candidate.nearest2 > kReach * kReach || log_density(candidate) < least - kNegligible) continue;
            candidate.small = radius * (r + 2.0) <= kFanReach;
            candidate.side = scratch.edges.sides.size();
            if (candidate.small) {
                candidate.log_size = std::log(radius * (r + 2.0));
                largest.log_density = std::max(largest.log_density, log_density(candidate));
            } else {
                candidate.nearest2 = add_sides(component, shape, scratch.edges);
            }
            scratch.candidates.push_back(candidate);
            largest.estimate = std::max(largest.estimate, estimate(candidate, shape));
        }
        for (double& highest : scratch.edges.highest) highest = std::max(highest, largest.log_density);
        return largest;
    }

    // Whether the component counts on an edge whose integrals are wanted.
    bool counts(const Candidate& candidate, int above, const Polygon& polygon, const Scratch& scratch) const {
        const double own = log_density(candidate);
        for (std::size_t e = 0; e < polygon.size(); ++e) {
            if (polygon.labels[e] > above && own >= scratch.edges.highest[e] - kNegligible) return true;
        }
        return false;
    }
};

}  // namespace diracs
