// Gaussian mixtures on the whole of space.
//
// Large cells by integrals along their edges (gaussian_facets.hpp), small ones by pyramids (gaussian_cone.hpp). Whiten,
// x = μ + L u with L Lᵀ = Σ. With outward normals n of the facets, h their distances, A_f = ∫φ₃ and M_f = ∫(u − h n)φ₃ there,
//   ∫ u φ₃ = −Σ n A_f,   ∫ u uᵀ φ₃ = I ∫φ₃ − Σ n ⊗ (h n A_f + M_f).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "space/density.hpp"
#include "space/gaussian_component.hpp"
#include "space/gaussian_cone.hpp"
#include "space/gaussian_facets.hpp"

namespace diracs::space {

class GaussianMixture {
    // A component that may count in the cell.
    struct Candidate {
        int component;
        bool small;       // is the cell
        double log_size;  // see cone_rule; if small
        Vec3 center;      // of the cell, in the component's coordinates
        double estimate;  // logarithm of what the component has in the cell, about
    };

public:
    struct Scratch {
        std::vector<Candidate> candidates;
        std::vector<int> slot;  // of each face in the list
        std::vector<FacetMoments> on;
        GaussianPolyhedron whitened;
        ConeNodes nodes;
        ConeValues values;
    };

    // means (k, 3), covariances (k, 3, 3), weights (k,) > 0.
    GaussianMixture(const double* means, const double* covariances, const double* weights, std::size_t count) {
        components_.reserve(count);
        Vec3 low = {HUGE_VAL, HUGE_VAL, HUGE_VAL}, high = -1.0 * low;
        for (std::size_t k = 0; k < count; ++k) {
            const Vec3 mean = {means[3 * k], means[3 * k + 1], means[3 * k + 2]};
            components_.emplace_back(mean, covariances + 9 * k, weights[k]);
            const Vec3 reach = kReach * components_.back().deviation;
            for (int axis = 0; axis < 3; ++axis) {
                low[axis] = std::min(low[axis], mean[axis] - reach[axis]);
                high[axis] = std::max(high[axis], mean[axis] + reach[axis]);
            }
        }
        domain_ = {low, high, {false, false, false}};
    }

    // It ends where the density is below the smallest double.
    const Domain& domain() const { return domain_; }
    std::size_t size() const { return components_.size(); }
    const GaussianComponent& component(std::size_t k) const { return components_[k]; }

    CellMoments cell(const Polyhedron& cell, Vec3 origin, const FaceList& list, FacetMoments* facets,
                     Scratch& scratch) const {
        CellMoments sum;
        for (std::size_t f = 0; facets != nullptr && f < list.begin.size(); ++f) facets[f] = {};
        visit(cell, origin, list, false, facets != nullptr, scratch,
              [&](std::size_t, double weight, const CellMoments& own, const std::vector<FacetMoments>& on) {
                  sum.add(weight, own);
                  for (std::size_t f = 0; facets != nullptr && f < list.begin.size(); ++f) facets[f].add(weight, on[f]);
              });
        return sum;
    }

    // Calls use(k, weight, moments, facets) for every component that counts in the cell, for mass one. If not `each`, the
    // components for which the cell is small come together, with weight one.
    template <class Use>
    void visit(const Polyhedron& cell, Vec3 origin, const FaceList& list, bool each, bool facets, Scratch& scratch,
               const Use& use) const {
        const Vec3 center = middle(cell);
        const double largest_estimate = collect(cell, origin, center, scratch);
        scratch.on.resize(list.begin.size());
        double log_size = -HUGE_VAL;
        for (const Candidate& c : scratch.candidates) {
            if (c.small && c.estimate >= largest_estimate - kNegligible) log_size = std::max(log_size, c.log_size);
        }
        const bool cone = log_size > -HUGE_VAL;
        if (cone) {
            scratch.nodes.place(cell, list, center, std::exp(log_size) / radius(cell, center));
            scratch.values.clear(scratch.nodes.x.size());
        }
        for (const Candidate& c : scratch.candidates) {
            if (c.estimate < largest_estimate - kNegligible) continue;
            const GaussianComponent& component = components_[c.component];
            const auto k = static_cast<std::size_t>(c.component);
            if (!c.small) {
                use(k, component.weight, by_edges(component, cell, origin, list, scratch), scratch.on);
                continue;
            }
            if (!cone) continue;  // all of the cell is one point
            const double density = std::exp(-0.5 * norm2(c.center)) * detail::kNormal3 / component.determinant;
            const Vec3 x = origin - component.mean + center;
            const auto& p = component.precision;
            const Vec3 slope = {p[0][0] * x.x + p[0][1] * x.y + p[0][2] * x.z,
                                p[1][0] * x.x + p[1][1] * x.y + p[1][2] * x.z,
                                p[2][0] * x.x + p[2][1] * x.y + p[2][2] * x.z};
            add_cone(scratch.nodes, {slope, p}, c.log_size, each ? density : component.weight * density,
                     scratch.values);
            if (!each) continue;
            use(k, component.weight, by_cone(center, facets, scratch), scratch.on);
            scratch.values.clear(scratch.nodes.x.size());
        }
        if (!each && cone) use(0, 1.0, by_cone(center, facets, scratch), scratch.on);
    }

private:
    static constexpr double kReach = 39.0;       // exp(−r²/2) is not a double beyond
    static constexpr double kNegligible = 50.0;  // exp(−50) = 2e-22

    std::vector<GaussianComponent> components_;
    Domain domain_;

    static double radius(const Polyhedron& cell, Vec3 center) { return std::sqrt(farthest2(cell.vertices(), center)); }

    double collect(const Polyhedron& cell, Vec3 origin, Vec3 center, Scratch& scratch) const {
        const double reach = radius(cell, center), log_volume = 3.0 * std::log(reach + 1e-300);
        scratch.candidates.clear();
        double largest_estimate = -HUGE_VAL;
        for (std::size_t k = 0; k < components_.size(); ++k) {
            const GaussianComponent& component = components_[k];
            Candidate candidate;
            candidate.component = static_cast<int>(k);
            candidate.center = component.whiten(origin - component.mean + center);
            const double r = norm(candidate.center), size = reach * component.stretch;
            candidate.small = size * (r + 2.0) <= kConeReach;
            double nearest = std::max(0.0, r - size);
            if (!candidate.small) {
                // The mean is at least as far away as it is beyond the plane of any face.
                for (const int left : cell.left) {
                    const HalfSpace& half = cell.faces[left].half;
                    const double beyond = half.excess(component.mean - origin);
                    if (beyond > 0.0) nearest = std::max(nearest, beyond / norm(component.transposed(half.normal)));
                }
            }
            candidate.log_size = std::log(size * (r + 2.0));
            candidate.estimate =
                std::min(component.log_weight, component.log_density + log_volume) - 0.5 * nearest * nearest;
            if (nearest > kReach) continue;
            largest_estimate = std::max(largest_estimate, candidate.estimate);
            scratch.candidates.push_back(candidate);
        }
        return largest_estimate;
    }

    static CellMoments by_cone(Vec3 center, bool facets, Scratch& scratch) {
        const CellMoments moments = integrate_cone(scratch.nodes, scratch.values, facets ? scratch.on.data() : nullptr);
        if (facets) {
            for (FacetMoments& facet : scratch.on) facet = facet.moved(center);
        }
        return moments.moved(center);
    }

    static CellMoments by_edges(const GaussianComponent& component, const Polyhedron& cell, Vec3 origin,
                                const FaceList& list, Scratch& scratch) {
        GaussianPolyhedron& own = scratch.whitened;
        const Vec3 offset = origin - component.mean;
        own.u.resize(cell.size());
        for (std::size_t v = 0; v < cell.size(); ++v) own.u[v] = component.whiten(offset + cell.vertex(v));
        own.planes.resize(list.begin.size());
        scratch.slot.resize(cell.faces.size());
        for (std::size_t f = 0; f < list.begin.size(); ++f) {
            const int face = cell.left[list.begin[f]];
            scratch.slot[face] = static_cast<int>(f);
            const HalfSpace& half = cell.faces[face].half;
            const Vec3 normal = component.transposed(half.normal);
            const double size = norm(normal);
            own.planes[f].normal = (1.0 / size) * normal;
            own.planes[f].h = (half.offset + dot(half.normal, offset)) / size;
        }
        own.measure(cell, scratch.slot);
        own.integrate(cell, scratch.slot);
        double spread = 0.0, reach = 0.0;
        for (std::size_t v = 0; v < cell.size(); ++v) reach = std::max(reach, norm2(cell.vertex(v)));
        // Vertices are off by roundings of their distances, here along normals.
        const double shift =
            2.0 * (norm(offset) + std::min(std::sqrt(reach), kReach * std::sqrt(component.trace))) * component.stretch;
        TermSizes sizes{own.mass_size(shift, cell.left.size() / 2)};
        for (std::size_t f = 0; f < list.begin.size(); ++f) {
            const GaussianPolyhedron::Plane& plane = own.planes[f];
            const HalfSpace& half = cell.faces[cell.left[list.begin[f]]].half;
            const Vec3 moment = (plane.h * plane.area) * plane.normal + plane.lever;  // ∫ u φ₃ over the facet
            const Vec3 normal = component.color(plane.normal);
            spread -= dot(normal, component.color(moment));
            // exp(−r²/2) is right to r² roundings of itself, and on average r² exceeds the nearest by 3 at most.
            const double near2 = plane.h2 + (plane.holds_foot ? 0.0 : plane.nearest2);
            const double wide2 = 6.0 + std::min(near2, detail::kNowhere2), length = norm(normal);
            const double crossed = shift * plane.area, reach2 = component.trace * wide2;
            sizes.first += wide2 * length * plane.area_size + crossed * std::sqrt(reach2);
            sizes.second += crossed * reach2 + wide2 * length *
                                                   (length * std::fabs(plane.h) * plane.area_size +
                                                    std::sqrt(component.trace) * plane.rim);
            const double density = norm(half.normal) / norm(component.transposed(half.normal));  // φ₃ dA_u to ρ dA
            const Vec3 foot = plane.h * plane.normal;
            const Sym3 second = plane.spread + product(foot, plane.lever) + plane.area * square(foot);
            scratch.on[f] =
                FacetMoments{density * plane.area, density * component.color(moment), density * component.color(second)}
                    .moved(-1.0 * offset);
        }
        sizes.second += component.trace * sizes.mass;
        const CellMoments about_mean = {std::max(own.mass, 0.0), component.color(own.first),
                                        component.trace * own.mass + spread, sizes};
        return about_mean.moved(-1.0 * offset);
    }
};

}  // namespace diracs::space
