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

#include "gaussian/component_search.hpp"
#include "plane/density.hpp"
#include "gaussian/gaussian_component.hpp"
#include "gaussian/gaussian_fan.hpp"
#include "gaussian/gaussian_edge.hpp"
#include "plane/half_plane.hpp"
#include "plane/polygon.hpp"
#include "plane/vec2.hpp"

namespace diracs {

class GaussianMixture {
    // An edge in the coordinates of a component.
    struct Side {
        GaussianSegment segment;
        double sign;  // −1 if it runs backwards: where lines almost coincide, the vertices on them are in any order
        Vec2 tangent;
        double scale, foot;  // s = foot + scale τ
    };

    // A component that may count in the polygon.
    struct Candidate {
        int component;
        bool small;        // is the polygon
        double log_size;   // of the polygon, see fan_rule; if small
        Vec2 center;       // of the polygon, in the component's coordinates
        double nearest2;   // at most r² on the polygon, 0 if the mean is inside
        std::size_t side;  // first of its sides; if not small
    };

    // A cell about its origin, and what all components need to know of it.
    struct Shape {
        const Polygon& polygon;
        Vec2 origin, center;                // center about the origin
        double radius, log_edge, log_area;  // radius about the center; log_edge of half the longest edge over it
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
        std::vector<Side> sides;
        std::vector<Vec2> whitened;      // (vertices) of one component
        std::vector<double> highest;     // (edges) logarithm of the largest density of a component on the edge
        std::vector<LineMoments> lines;  // (edges) of one component
        FanNodes nodes;                  // on the edges of a small polygon
        FanValues values;                // there
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
        const Shape shape = measure(polygon, origin);
        const Largest largest = collect(shape, !each, scratch);
        const auto slack = [&](const Candidate& c) { return each ? 0.0 : largest.log_density - log_density(c); };
        scratch.lines.resize(polygon.size());
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
                if (!by_edges(component, shape, candidate, reach2, above, scratch, own)) continue;
                use(k, component.weight, own, scratch.lines);
            } else if (excess >= 0.0 || counts(candidate, above, polygon, scratch)) {
                const Vec2 center = candidate.center;
                const double density = std::exp(-0.5 * norm2(center)) * detail::kInverse2Pi / component.determinant();
                add_fan(scratch.nodes, component.exponent(center), candidate.log_size, slack(candidate),
                        each ? density : component.weight * density, scratch.values);
                if (!each) continue;
                use(k, component.weight, fan_moments(shape, above, scratch), scratch.lines);
                scratch.values.clear(scratch.nodes.x.size());
            }
        }
        if (!each && largest.log_density > -HUGE_VAL) use(0, 1.0, fan_moments(shape, above, scratch), scratch.lines);
        const double left_out = std::exp(largest.estimate - kNegligible) * static_cast<double>(size() * polygon.size());
        return TermSizes{left_out, left_out * shape.radius, left_out * shape.radius * shape.radius}.moved(
            norm(shape.center));
    }

private:
    static constexpr double kReach = ComponentSearch::kReach;
    static constexpr double kNegligible = ComponentSearch::kNegligible;

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

    static Shape measure(const Polygon& polygon, Vec2 origin) {
        Vec2 center;
        for (const Vec2 v : polygon.vertices) center = center + v;
        center = (1.0 / static_cast<double>(polygon.size())) * center;
        double radius2 = 0.0, longest2 = 0.0, twice = 0.0;
        for (std::size_t e = 0; e < polygon.size(); ++e) {
            const Vec2 a = polygon[e] - center, b = polygon[polygon.next(e)] - center;
            radius2 = std::max(radius2, norm2(a));
            longest2 = std::max(longest2, norm2(b - a));
            twice += cross(a, b);
        }
        return {polygon,
                origin,
                center,
                std::sqrt(radius2),
                0.5 * std::log(0.25 * longest2 / radius2),
                std::log(std::max(twice / 2.0, 1e-300))};
    }

    // Logarithm of about what a component has in the polygon: its weight, or density times area, times exp(−r²/2).
    double estimate(const Candidate& candidate, const Shape& shape) const {
        const GaussianComponent& c = components_[candidate.component];
        return std::min(c.log_weight, c.log_density + shape.log_area - detail::kLog2Pi) - candidate.nearest2 / 2.0;
    }

    double log_density(const Candidate& candidate) const {
        return components_[candidate.component].log_density - candidate.nearest2 / 2.0;
    }

    // Finds the components near the polygon, and if wanted the sum of those that are smooth there.
    void gather(const Shape& shape, bool wanted, Scratch& scratch) const {
        Vec2 low = shape.polygon[0], high = low;
        for (const Vec2 v : shape.polygon.vertices) {
            low = {std::min(low.x, v.x), std::min(low.y, v.y)};
            high = {std::max(high.x, v.x), std::max(high.y, v.y)};
        }
        const ComponentSearch::Box& box = search_.find(components_, shape.origin + low, shape.origin + high, wanted,
                                                       wanted ? scratch.boxes : scratch.separate);
        const LocalExpansion& around = box.gathered.sum;
        Gathered& gathered = scratch.gathered;
        gathered.log_least = box.gathered.log_least;
        const Vec2 a = shape.center - low, b = high - shape.center;
        const Vec2 half = {std::max({a.x, b.x, 1e-300}), std::max({a.y, b.y, 1e-300})};
        scratch.near.clear();
        if (!wanted || (around.empty() && box.rest.size() <= kFewComponents)) {
            gathered.sum.clear(half);
            scratch.near = box.rest.index;
            return;
        }
        if (around.empty()) {
            gathered.sum.clear(half);
        } else {
            gathered.sum.assign(around, (shape.origin - box.center) + shape.center, half);
        }
        scratch.gathering.run(box.rest, {shape.origin, shape.center, half}, search_.share(), gathered);
        for (const int n : scratch.gathering.rest) scratch.near.push_back(box.rest.index[n]);
        if (!gathered.sum.empty()) {
            gathered.sum.truncate(kLeftOut, std::exp(gathered.log_least) * detail::kInverse2Pi);
        }
    }

    // Finds the candidates, their sides, and the largest density on each edge.
    Largest collect(const Shape& shape, bool gather, Scratch& scratch) const {
        const Polygon& polygon = shape.polygon;
        this->gather(shape, gather, scratch);
        scratch.candidates.clear();
        scratch.sides.clear();
        scratch.highest.assign(polygon.size(), -HUGE_VAL);
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
            candidate.side = scratch.sides.size();
            if (candidate.small) {
                candidate.log_size = std::log(radius * (r + 2.0));
                largest.log_density = std::max(largest.log_density, log_density(candidate));
            } else {
                candidate.nearest2 = add_sides(component, shape, scratch);
            }
            scratch.candidates.push_back(candidate);
            largest.estimate = std::max(largest.estimate, estimate(candidate, shape));
        }
        for (double& highest : scratch.highest) highest = std::max(highest, largest.log_density);
        return largest;
    }

    // Appends the sides of the polygon; returns r² of its nearest point, 0 if the mean is inside.
    static double add_sides(const GaussianComponent& component, const Shape& shape, Scratch& scratch) {
        const Polygon& polygon = shape.polygon;
        const Vec2 offset = shape.origin - component.mean;
        scratch.whitened.clear();
        for (const Vec2 v : polygon.vertices) scratch.whitened.push_back(component.whiten(offset + v));
        double nearest2 = HUGE_VAL;
        bool inside = true;
        for (std::size_t e = 0; e < polygon.size(); ++e) {
            const HalfPlane& half = polygon.halves[e];
            const Vec2 normal = component.transposed(half.normal);
            const double size = norm(normal);
            Side side;
            side.tangent = {-normal.y / size, normal.x / size};
            side.scale = size / (component.determinant() * norm(half.normal));
            const Vec2 foot = (half.offset / norm2(half.normal)) * half.normal;
            side.foot = dot(component.whiten(offset + foot), side.tangent);
            const double s1 = dot(scratch.whitened[e], side.tangent);
            const double s2 = dot(scratch.whitened[polygon.next(e)], side.tangent);
            side.segment = {(half.offset + dot(half.normal, offset)) / size, std::min(s1, s2), std::max(s1, s2)};
            side.sign = s1 <= s2 ? 1.0 : -1.0;
            inside = inside && side.segment.h >= 0.0;
            const double near2 = side.segment.nearest2();
            nearest2 = std::min(nearest2, near2);
            scratch.highest[e] = std::max(scratch.highest[e], component.log_density - near2 / 2.0);
            scratch.sides.push_back(side);
        }
        return inside ? 0.0 : nearest2;
    }

    // Whether the component counts on an edge whose integrals are wanted.
    bool counts(const Candidate& candidate, int above, const Polygon& polygon, const Scratch& scratch) const {
        const double own = log_density(candidate);
        for (std::size_t e = 0; e < polygon.size(); ++e) {
            if (polygon.labels[e] > above && own >= scratch.highest[e] - kNegligible) return true;
        }
        return false;
    }

    // Edges beyond `reach2` have nothing of the component but the angle that they subtend, but for their own integrals.
    // False if the component does not count.
    static bool by_edges(const GaussianComponent& component, const Shape& shape, const Candidate& candidate,
                         double reach2, int above, Scratch& scratch, CellMoments& own) {
        const Polygon& polygon = shape.polygon;
        const Side* sides = scratch.sides.data() + candidate.side;
        const auto wanted = [&](std::size_t e, double nearest2) {
            const double negligible = scratch.highest[e] - kNegligible;
            return nearest2 <= reach2 ||
                   (polygon.labels[e] > above && component.log_density - nearest2 / 2.0 >= negligible);
        };
        bool some = candidate.nearest2 <= reach2;
        double closest2 = HUGE_VAL;
        for (std::size_t e = 0; e < polygon.size(); ++e) {
            const double nearest2 = sides[e].segment.nearest2();
            closest2 = std::min(closest2, nearest2);
            some = some || wanted(e, nearest2);
        }
        if (!some) return false;
        const Field field = candidate.nearest2 == 0.0 || closest2 < 1.0 ? Field::regular : Field::decaying;
        double mass = 0.0, spread = 0.0;
        Vec2 first;
        TermSizes sizes;
        const double far = norm(component.mean - shape.origin);
        for (std::size_t e = 0; e < polygon.size(); ++e) {
            const Side& side = sides[e];
            scratch.lines[e] = {};
            const double nearest2 = side.segment.nearest2();
            const GaussianSegment& segment = side.segment;
            // Vertices, and with them the edge, are off by roundings of their distances; along its whitened normal by
            const double shift = 2.0 * (far + std::max(norm(polygon[e]), norm(polygon[polygon.next(e)]))) /
                                 (component.determinant() * side.scale);
            sizes.mass += shift * (segment.field(segment.s1, field) + segment.field(segment.s2, field));
            if (!wanted(e, nearest2)) {
                if (field == Field::regular) {
                    const double angle = side.segment.angle() * detail::kInverse2Pi;
                    mass += side.sign * angle;
                    sizes.mass += 8.0 * std::fabs(angle);
                }
                continue;
            }
            const GaussianLine line = gaussian_line(side.segment, side.foot, field);
            const double signed_zeroth = side.sign * line.zeroth;
            mass += side.sign * line.flux;
            const Vec2 normal = component.color({side.tangent.y, -side.tangent.x});
            const Vec2 tangent = component.color(side.tangent);
            first = first - signed_zeroth * normal;
            const double along = side.sign * line.first + side.foot * signed_zeroth;  // ∫ s φ₂ ds
            spread -= norm2(normal) * side.segment.h * signed_zeroth + dot(normal, tangent) * along;
            // exp(−r²/2) is right to r² roundings of itself, and on average r² exceeds the nearest by 2 at most.
            const double wide2 = 6.0 + nearest2, length = norm(normal), crossed = shift * line.zeroth;
            const double reach2 = component.trace() * wide2;
            sizes.mass += 8.0 * std::fabs(line.flux) + nearest2 * line.zeroth + crossed;
            sizes.first += wide2 * length * line.zeroth + crossed * std::sqrt(reach2);
            sizes.second +=
                crossed * reach2 +
                wide2 * length * line.zeroth * (length * std::fabs(side.segment.h) + norm(tangent) * std::sqrt(wide2));
            const double density = side.sign / (component.determinant() * side.scale);  // φ₂ ds to ρ dℓ
            scratch.lines[e] = {density * line.zeroth, density * line.first / side.scale,
                                density * line.second / (side.scale * side.scale)};
        }
        sizes.second += component.trace() * sizes.mass;
        own = CellMoments{mass, first, component.trace() * mass + spread, sizes}.moved(component.mean - shape.origin);
        return true;
    }

    // Moments, and the lines of edges with labels larger than `above`.
    static CellMoments fan_moments(const Shape& shape, int above, Scratch& scratch) {
        const Polygon& polygon = shape.polygon;
        CellMoments moments;
        for (std::size_t e = 0; e < polygon.size(); ++e) {
            const Vec2 a = polygon[e] - shape.center, b = polygon[polygon.next(e)] - shape.center;
            const Vec2 m = 0.5 * (a + b), h = 0.5 * (b - a);
            const FanIntegrals sum = integrate_fan(scratch.nodes, scratch.values, e);
            const double area = std::max(0.0, cross(m, h));  // of the triangle
            moments.add(
                area, {sum.gamma1, 2.0 * (sum.gamma2[0] * m + sum.gamma2[1] * h),
                       6.0 * (norm2(m) * sum.gamma3[0] + norm2(h) * sum.gamma3[2] + 2.0 * dot(m, h) * sum.gamma3[1])});
            if (polygon.labels[e] <= above) continue;
            const Vec2 tangent = polygon.halves[e].tangent();
            const double half = dot(h, tangent);
            const LineMoments line = {half * sum.edge[0], half * half * sum.edge[1], half * half * half * sum.edge[2]};
            scratch.lines[e] = line.moved(dot(m + shape.center, tangent));
        }
        return moments.moved(shape.center);
    }
};

}  // namespace diracs
