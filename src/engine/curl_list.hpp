// Owns a list of strings in the form libcurl takes them.
#pragma once

#include <string>
#include <utility>

#include "engine/curl_check.hpp"

namespace pulsimo::engine {

class CurlList {
  public:
    CurlList() = default;
    CurlList(CurlList&& other) noexcept : list_(std::exchange(other.list_, nullptr)) {}
    CurlList& operator=(CurlList&& other) noexcept {
        std::swap(list_, other.list_);
        return *this;
    }
    ~CurlList() { curl_slist_free_all(list_); }

    void add(const std::string& line) {
        list_ = check_created(curl_slist_append(list_, line.c_str()), "curl_slist_append");
    }
    curl_slist* get() const noexcept { return list_; }

  private:
    curl_slist* list_ = nullptr;
};

}  // namespace pulsimo::engine
