#pragma once
// Session messages of random values, and their comparison field by field.
#include <cstdint>
#include <random>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "session/messages.h"

namespace baton::test {

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  uint64_t operator()() { return engine_(); }
  void fill(auto& bytes) {
    for (auto& byte : bytes) byte = static_cast<uint8_t>(engine_());
  }
  std::string text(const std::string& letters, size_t length) {
    std::string text(length, ' ');
    for (char& c : text) c = letters[engine_() % letters.size()];
    return text;
  }

 private:
  std::mt19937_64 engine_;
};

// A message of this number (session::Type) as its sender may build it.
session::Message random_message(Random&, size_t type);

// Fields of an aggregate of at most five, as a tuple of references.
struct AnyField {
  template <class T>
  operator T() const;
};
template <class M>
auto fields_of(const M& m) {
  using A = AnyField;
  if constexpr (requires { M{A{}, A{}, A{}, A{}, A{}}; }) {
    const auto& [a, b, c, d, e] = m;
    return std::tie(a, b, c, d, e);
  } else if constexpr (requires { M{A{}, A{}, A{}, A{}}; }) {
    const auto& [a, b, c, d] = m;
    return std::tie(a, b, c, d);
  } else if constexpr (requires { M{A{}, A{}, A{}}; }) {
    const auto& [a, b, c] = m;
    return std::tie(a, b, c);
  } else if constexpr (requires { M{A{}, A{}}; }) {
    const auto& [a, b] = m;
    return std::tie(a, b);
  } else {
    const auto& [a] = m;
    return std::tie(a);
  }
}

template <class T>
bool equal(const T& a, const T& b) {
  if constexpr (requires { a == b; } && !requires { a.begin(); }) {
    return a == b;
  } else if constexpr (requires { a.begin(); }) {
    if (a.size() != b.size()) return false;
    for (size_t i = 0; i < a.size(); ++i) {
      if (!equal(a[i], b[i])) return false;
    }
    return true;
  } else {
    const auto x = fields_of(a), y = fields_of(b);
    return [&]<size_t... I>(std::index_sequence<I...>) {
      return (equal(std::get<I>(x), std::get<I>(y)) && ...);
    }(std::make_index_sequence<std::tuple_size_v<decltype(x)>>());
  }
}
inline bool equal(const session::Message& a, const session::Message& b) {
  if (a.index() != b.index()) return false;
  return std::visit([&]<class M>(const M& m) { return equal(m, std::get<M>(b)); }, a);
}

}  // namespace baton::test
