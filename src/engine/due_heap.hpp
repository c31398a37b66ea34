// A binary min-heap of things that are due at some time, for timers and for the schedule.
//
// Every item knows its own place in the heap, so cancelling and moving are exact: nothing is deleted lazily, and an
// endpoint that is changed a million times still has one entry. The heap does not own its items; an item must be
// erased before it dies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace pulsimo::engine {

// What an item of a DueHeap derives from.
class DueItem {
  public:
    std::int64_t due_us() const noexcept { return due_us_; }
    bool queued() const noexcept { return place_ != kNowhere; }

  private:
    template <class Item>
    friend class DueHeap;
    static constexpr std::size_t kNowhere = SIZE_MAX;

    std::int64_t due_us_ = 0;
    std::size_t place_ = kNowhere;
};

template <class Item>
class DueHeap {
  public:
    bool empty() const noexcept { return items_.empty(); }
    std::size_t size() const noexcept { return items_.size(); }
    Item* first() const noexcept { return items_.empty() ? nullptr : items_.front(); }

    // Queues the item, or moves it when it is queued already.
    void set(Item& item, std::int64_t due_us) {
        if (!item.queued()) {
            items_.push_back(&item);
            base(item).place_ = items_.size() - 1;
        }
        base(item).due_us_ = due_us;
        settle(base(item).place_);
    }

    void erase(Item& item) noexcept {
        if (!item.queued()) return;
        const std::size_t place = base(item).place_;
        base(item).place_ = DueItem::kNowhere;
        Item* last = items_.back();
        items_.pop_back();
        if (last == &item) return;
        put(place, last);
        settle(place);
    }

  private:
    static DueItem& base(Item& item) noexcept { return item; }

    void put(std::size_t place, Item* item) noexcept {
        items_[place] = item;
        base(*item).place_ = place;
    }

    void settle(std::size_t place) noexcept { sink(rise(place)); }

    std::size_t rise(std::size_t place) noexcept {
        Item* item = items_[place];
        while (place > 0) {
            const std::size_t parent = (place - 1) / 2;
            if (items_[parent]->due_us() <= item->due_us()) break;
            put(place, items_[parent]);
            place = parent;
        }
        put(place, item);
        return place;
    }

    void sink(std::size_t place) noexcept {
        Item* item = items_[place];
        for (std::size_t child; (child = 2 * place + 1) < items_.size(); place = child) {
            if (child + 1 < items_.size() && items_[child + 1]->due_us() < items_[child]->due_us()) ++child;
            if (item->due_us() <= items_[child]->due_us()) break;
            put(place, items_[child]);
        }
        put(place, item);
    }

    std::vector<Item*> items_;
};

}  // namespace pulsimo::engine
