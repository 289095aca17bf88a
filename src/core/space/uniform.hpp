// Constant density on a box of space.
#pragma once

#include "space/density.hpp"

namespace diracs::space {

class UniformBox {
public:
    struct Scratch {};

    UniformBox(const Domain& domain, double density) : domain_(domain), density_(density) {}

    const Domain& domain() const { return domain_; }

    CellMoments cell(const Polyhedron& cell, Vec3 /*origin*/, const FaceList& list, FacetMoments* facets,
                     Scratch&) const {
        CellMoments moments;
        moments.add(density_, uniform_moments(cell, list, facets));
        for (std::size_t f = 0; facets != nullptr && f < list.begin.size(); ++f) {
            FacetMoments scaled;
            scaled.add(density_, facets[f]);
            facets[f] = scaled;
        }
        return moments;
    }

private:
    Domain domain_;
    double density_;
};

}  // namespace diracs::space
