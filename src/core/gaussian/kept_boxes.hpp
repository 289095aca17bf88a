// Boxes of the plane, and what of a mixture counts in each: found once, kept for all threads and later cells.
#pragma once

#include <array>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "gaussian/local_expansion.hpp"
#include "plane/vec2.hpp"

namespace diracs {

struct MixtureBox {
    Vec2 center, half;
    std::vector<int> rest;         // the components that count and are not gathered
    PackedExpansion sum;           // of those gathered
    double log_least = -HUGE_VAL;  // a lower bound of the whole density: the logarithm of 2πρ

    bool is(Vec2 other_center, double half_side) const {
        return center.x == other_center.x && center.y == other_center.y && half.x == half_side;
    }

    std::size_t bytes() const { return sizeof(*this) + sizeof(int) * rest.capacity() + sum.bytes(); }
};

// A table in which new boxes take the places of old ones. A box depends on nothing but its place in the plane: what is
// found here is what would be computed.
class KeptBoxes {
public:
    KeptBoxes() : groups_(kGroups) {}

    std::shared_ptr<const MixtureBox> find(Vec2 center, double half) const {
        const std::size_t place = this->place(center, half);
        const std::lock_guard<std::mutex> lock(mutexes_[place % kMutexes]);
        for (const std::shared_ptr<const MixtureBox>& box : groups_[place].boxes) {
            if (box && box->is(center, half)) return box;
        }
        return nullptr;
    }

    void keep(std::shared_ptr<const MixtureBox> box) {
        const std::size_t place = this->place(box->center, box->half.x), added = box->bytes();
        const std::lock_guard<std::mutex> lock(mutexes_[place % kMutexes]);
        Group& group = groups_[place];
        std::shared_ptr<const MixtureBox>& old = group.boxes[group.oldest];
        const std::size_t removed = old ? old->bytes() : 0;
        if (added > removed && bytes_ + (added - removed) > kMostBytes) return;
        bytes_ += added - removed;
        old = std::move(box);
        group.oldest = (group.oldest + 1) % group.boxes.size();
    }

private:
    static constexpr std::size_t kGroups = std::size_t{1} << 15, kMutexes = 64, kMostBytes = std::size_t{1} << 27;

    // Boxes that share a place.
    struct Group {
        std::array<std::shared_ptr<const MixtureBox>, 4> boxes;
        std::size_t oldest = 0;
    };

    std::vector<Group> groups_;
    std::atomic<std::size_t> bytes_{0};
    mutable std::array<std::mutex, kMutexes> mutexes_;

    static std::size_t place(Vec2 center, double half) {
        std::uint64_t hash = 0;
        for (const double x : {center.x, center.y, half}) {
            std::uint64_t bits;
            std::memcpy(&bits, &x, sizeof bits);
            hash = (hash ^ bits) * 0x9e3779b97f4a7c15u;
            hash ^= hash >> 32;
        }
        return static_cast<std::size_t>(hash % kGroups);
    }
};

}  // namespace diracs
