// Gaussian mixtures on the whole plane.
//
// By the divergence theorem all moments of a component over a polygon are integrals along its edges. Whiten:
// x = μ + L u with L Lᵀ = Σ. With the outward normal n and tangent t of an edge in u, h and s the coordinates along them,
//   ∫ u φ₂ = −Σ n ∫φ₂ ds,   ∫ |L u|² φ₂ = |L|² ∫φ₂ − Σ (L n)·L(n h ∫φ₂ ds + t ∫s φ₂ ds),
// and ∫φ₂ itself is the flux of a field (gaussian_line.hpp).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <vector>

#include "density.hpp"
#include "gauss_legendre.hpp"
#include "gaussian_line.hpp"
#include "polygon.hpp"
#include "vec2.hpp"

namespace diracs {

// N(μ, L Lᵀ), L = [[l11, 0], [l21, l22]].
struct GaussianComponent {
    Vec2 mean;
    double l11, l21, l22;
    double weight, log_weight;
    double variance_x, variance_y;

    Vec2 whiten(Vec2 x) const {
        const double u = x.x / l11;
        return {u, (x.y - l21 * u) / l22};
    }
    Vec2 color(Vec2 u) const { return {l11 * u.x, l21 * u.x + l22 * u.y}; }
    double trace() const { return variance_x + variance_y; }
    double determinant() const { return l11 * l22; }  // of L
};

class GaussianMixture {
public:
    struct Scratch {
        std::vector<Vec2> whitened;              // (vertices) of the component at hand
        std::vector<EdgeCoordinate> edges;       // of the polygon
        std::vector<int> near;                   // components that count in the box
        double box[3] = {0.0, 0.0, -1.0};        // low corner and side of the box that `near` is for
        std::vector<GaussianSegment> segments;   // (near × edges)
        std::vector<LineMoments> lines;          // (edges) of one component
    };

    // means (k, 2), covariances (k, 2, 2), weights (k,) > 0.
    GaussianMixture(const double* means, const double* covariances, const double* weights, std::size_t count) {
        Vec2 low = {HUGE_VAL, HUGE_VAL}, high = {-HUGE_VAL, -HUGE_VAL};
        for (std::size_t k = 0; k < count; ++k) {
            const double xx = covariances[4 * k], xy = covariances[4 * k + 1], yy = covariances[4 * k + 3];
            GaussianComponent c;
            c.mean = {means[2 * k], means[2 * k + 1]};
            c.l11 = std::sqrt(xx);
            c.l21 = xy / c.l11;
            c.l22 = std::sqrt(yy - c.l21 * c.l21);
            if (!(c.l11 > 0.0 && c.l22 > 0.0)) throw std::invalid_argument("covariances must be positive definite");
            c.weight = weights[k];
            c.log_weight = std::log(weights[k]);
            c.variance_x = xx, c.variance_y = yy;
            components_.push_back(c);
            const Vec2 reach = {kReach * std::sqrt(xx), kReach * std::sqrt(yy)};
            low = {std::min(low.x, c.mean.x - reach.x), std::min(low.y, c.mean.y - reach.y)};
            high = {std::max(high.x, c.mean.x + reach.x), std::max(high.y, c.mean.y + reach.y)};
        }
        domain_ = {low, {high.x, low.y}, high, {low.x, high.y}};
    }

    // Lines and rays end here, where the density is below the smallest double.
    const std::vector<Vec2>& domain() const { return domain_; }
    std::size_t size() const { return components_.size(); }
    double weight(std::size_t k) const { return components_[k].weight; }

    void cell(const Polygon& polygon, Vec2 origin, int above, CellMoments& moments, LineMoments* lines,
              Scratch& scratch) const {
        moments = {};
        if (lines != nullptr) {
            for (std::size_t e = 0; e < polygon.size(); ++e) lines[e] = {};
        }
        visit(polygon, origin, lines != nullptr ? above : std::numeric_limits<int>::max(), scratch,
              [&](std::size_t k, const CellMoments& own, const std::vector<LineMoments>& along) {
                  const double weight = components_[k].weight;
                  moments.add(weight, own);
                  if (lines == nullptr) return;
                  for (std::size_t e = 0; e < polygon.size(); ++e) lines[e].add(weight, along[e]);
              });
    }

    // Calls use(k, moments, lines) for every component that counts in the polygon, each of mass one.
    template <class Use>
    void visit(const Polygon& polygon, Vec2 origin, int above, Scratch& scratch, const Use& use) const {
        const std::size_t n = polygon.size();
        scratch.edges.clear();
        for (std::size_t e = 0; e < n; ++e) scratch.edges.emplace_back(polygon[e], polygon[polygon.next(e)]);
        select(polygon, origin, scratch);
        scratch.segments.resize(scratch.near.size() * n);
        double largest = -HUGE_VAL;  // of log π_k − r²/2
        for (std::size_t c = 0; c < scratch.near.size(); ++c) {
            const GaussianComponent& component = components_[scratch.near[c]];
            GaussianSegment* segments = scratch.segments.data() + c * n;
            whiten(component, polygon, origin, scratch.whitened);
            for (std::size_t e = 0; e < n; ++e) {
                segments[e] = segment(scratch.whitened[e], scratch.whitened[polygon.next(e)]);
                largest = std::max(largest, component.log_weight - segments[e].nearest2() / 2.0);
            }
        }
        for (std::size_t c = 0; c < scratch.near.size(); ++c) {
            const GaussianComponent& component = components_[scratch.near[c]];
            const GaussianSegment* segments = scratch.segments.data() + c * n;
            double nearest2 = HUGE_VAL;
            bool inside = true;
            for (std::size_t e = 0; e < n; ++e) {
                nearest2 = std::min(nearest2, segments[e].nearest2());
                inside = inside && segments[e].h >= 0.0;
            }
            const double farthest2 = 2.0 * (component.log_weight - largest + kNegligible);
            if (!inside && nearest2 > farthest2) continue;
            const Field field = inside || nearest2 < 1.0 ? Field::regular : Field::decaying;
            whiten(component, polygon, origin, scratch.whitened);
            CellMoments own;
            const bool small = spread2(scratch.whitened) < kSmall * kSmall;
            scratch.lines.assign(n, {});
            by_edges(component, polygon, origin, segments, field, farthest2, small ? above : -2, scratch, own);
            if (small) own = by_triangles(component, polygon, origin);
            use(static_cast<std::size_t>(scratch.near[c]), own, scratch.lines);
        }
    }

private:
    // Beyond so many deviations exp(−r²/2) is not a double.
    static constexpr double kReach = 39.0;
    // Components whose largest density on a cell, by weight, is exp(−45) = 3e-20 of another's are left out.
    static constexpr double kNegligible = 45.0;
    // Below this size (whitened) edges cancel in the second moments, and the density is nearly constant.
    static constexpr double kSmall = 0.02;

    std::vector<GaussianComponent> components_;
    std::vector<Vec2> domain_;

    static void whiten(const GaussianComponent& component, const Polygon& polygon, Vec2 origin,
                       std::vector<Vec2>& whitened) {
        whitened.resize(polygon.size());
        const Vec2 offset = origin - component.mean;
        for (std::size_t v = 0; v < polygon.size(); ++v) whitened[v] = component.whiten(offset + polygon[v]);
    }

    static GaussianSegment segment(Vec2 a, Vec2 b) {
        const Vec2 d = b - a;
        const double length = norm(d);
        if (!(length > 0.0)) return {norm(a), 0.0, 0.0};
        const Vec2 t = {d.x / length, d.y / length};
        // From the end that is nearer: rounding grows with the distance.
        const Vec2 p = norm2(a) < norm2(b) ? a : b;
        return {cross(p, t), dot(a, t), dot(a, t) + length};
    }

    // Squared radius of the vertices about the first of them.
    static double spread2(const std::vector<Vec2>& vertices) {
        double result = 0.0;
        for (const Vec2 v : vertices) result = std::max(result, norm2(v - vertices[0]));
        return result;
    }

    // Sums over the edges with labels larger than `above`: all of them, above = −2, if the moments are wanted. Edges
    // beyond `farthest2` have nothing of the component but the angle that they subtend.
    static void by_edges(const GaussianComponent& component, const Polygon& polygon, Vec2 origin,
                         const GaussianSegment* segments, Field field, double farthest2, int above, Scratch& scratch,
                         CellMoments& own) {
        double mass = 0.0, spread = 0.0;
        Vec2 first;
        for (std::size_t e = 0; e < polygon.size(); ++e) {
            if (polygon.labels[e] <= above) continue;
            const GaussianSegment& segment = segments[e];
            const EdgeCoordinate& edge = scratch.edges[e];
            const double whitened_length = segment.s2 - segment.s1;
            if (!(whitened_length > 0.0 && edge.length > 0.0)) continue;
            if (segment.nearest2() > farthest2) {
                if (field == Field::regular) mass += segment.angle() * detail::kInverse2Pi;
                continue;
            }
            const double scale = whitened_length / edge.length;  // s per τ
            const double foot = segment.s1 - edge.start * scale;  // s where τ = 0
            const GaussianLine line = gaussian_line(segment, foot, field);
            mass += line.flux;
            const Vec2 a = scratch.whitened[e], b = scratch.whitened[polygon.next(e)];
            const Vec2 t = {(b.x - a.x) / whitened_length, (b.y - a.y) / whitened_length}, n = {t.y, -t.x};
            const Vec2 normal = component.color(n), tangent = component.color(t);
            first = first - line.zeroth * normal;
            const double along = line.first + foot * line.zeroth;  // ∫ s φ₂ ds
            spread -= norm2(normal) * segment.h * line.zeroth + dot(normal, tangent) * along;
            const double density = 1.0 / (component.determinant() * scale);  // φ₂ ds to ρ dℓ
            scratch.lines[e] = {density * line.zeroth, density * line.first / scale,
                                density * line.second / (scale * scale)};
        }
        own = CellMoments{mass, first, component.trace() * mass + spread}.moved(component.mean - origin);
    }

    // A small polygon as a fan of triangles about the mean of its vertices, 5 × 5 nodes in each.
    static CellMoments by_triangles(const GaussianComponent& component, const Polygon& polygon, Vec2 origin) {
        const GaussLegendre<5>& rule = gauss_legendre<5>;
        Vec2 apex;
        for (const Vec2 v : polygon.vertices) apex = apex + v;
        apex = (1.0 / static_cast<double>(polygon.size())) * apex;
        const Vec2 offset = origin + apex - component.mean;
        CellMoments sum;
        for (std::size_t e = 0; e < polygon.size(); ++e) {
            const Vec2 a = polygon[e] - apex, b = polygon[polygon.next(e)] - apex;
            const double twice = cross(a, b);
            if (!(twice > 0.0)) continue;
            for (int i = 0; i < 5; ++i) {
                const double p = (1.0 + rule.node[i]) / 2.0;
                for (int j = 0; j < 5; ++j) {
                    const double q = (1.0 + rule.node[j]) / 2.0;
                    const Vec2 x = p * (a + q * (b - a));
                    const double r2 = norm2(component.whiten(offset + x));
                    const double weight = rule.weight[i] * rule.weight[j] * twice * p * std::exp(-0.5 * r2);
                    sum.add(weight, {1.0, x, norm2(x)});
                }
            }
        }
        CellMoments result;
        result.add(detail::kInverse2Pi / (4.0 * component.determinant()), sum);
        return result.moved(apex);
    }

    // Which components count: a dyadic box around the polygon decides, the same for all polygons in it, whatever came
    // before. A component is left out where its largest density in the box is negligible against another's smallest.
    void select(const Polygon& polygon, Vec2 origin, Scratch& scratch) const {
        Vec2 low = polygon[0], high = polygon[0];
        for (const Vec2 v : polygon.vertices) {
            low = {std::min(low.x, v.x), std::min(low.y, v.y)};
            high = {std::max(high.x, v.x), std::max(high.y, v.y)};
        }
        low = origin + low, high = origin + high;
        int exponent;
        std::frexp(std::max(high.x - low.x, high.y - low.y), &exponent);
        const double step = std::ldexp(1.0, exponent + 2);
        const Vec2 corner = {step * std::floor(low.x / step), step * std::floor(low.y / step)};
        if (scratch.box[0] == corner.x && scratch.box[1] == corner.y && scratch.box[2] == step) return;
        scratch.box[0] = corner.x, scratch.box[1] = corner.y, scratch.box[2] = step;
        scratch.near.clear();
        const Vec2 opposite = corner + Vec2{2.0 * step, 2.0 * step};
        double largest = -HUGE_VAL;
        for (const GaussianComponent& c : components_) {
            double farthest2 = 0.0;
            for (const Vec2 v : {corner, Vec2{opposite.x, corner.y}, opposite, Vec2{corner.x, opposite.y}}) {
                farthest2 = std::max(farthest2, norm2(c.whiten(v - c.mean)));
            }
            largest = std::max(largest, c.log_weight - farthest2 / 2.0);
        }
        for (std::size_t k = 0; k < components_.size(); ++k) {
            const GaussianComponent& c = components_[k];
            const double dx = std::max({corner.x - c.mean.x, c.mean.x - opposite.x, 0.0});
            const double dy = std::max({corner.y - c.mean.y, c.mean.y - opposite.y, 0.0});
            // r² ≥ (projection on an axis)² / its variance.
            const double nearest2 = std::max(dx * dx / c.variance_x, dy * dy / c.variance_y);
            if (c.log_weight - nearest2 / 2.0 >= largest - kNegligible) scratch.near.push_back(static_cast<int>(k));
        }
    }
};

}  // namespace diracs
