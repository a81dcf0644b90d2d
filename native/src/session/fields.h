#pragma once
// Primitives of the session's bodies. Writer and Reader have the same verbs, so each message lists its fields
// once and the two directions cannot drift apart. A Reader that ran out of bytes or met a forbidden value
// answers zeros from then on and reports `ok() == false`.
#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace baton::session {

static_assert(std::endian::native == std::endian::little, "the wire is little endian and is read in place");

template <class T, class U>
concept Is = std::same_as<std::remove_const_t<T>, U>;

template <class T>
concept Number = std::integral<std::remove_const_t<T>> || std::is_enum_v<std::remove_const_t<T>>;

class Writer {
 public:
  explicit Writer(std::vector<uint8_t>& out) : out_(out) {}

  template <Number... T>
  void numbers(const T&... values) {
    (raw(&values, sizeof values), ...);
  }
  template <size_t N>
  void bytes(const std::array<uint8_t, N>& value) {
    raw(value.data(), N);
  }
  void flag(bool value) { numbers(static_cast<uint8_t>(value)); }
  void text(const std::string& value, size_t max) {
    const auto length = static_cast<uint16_t>(std::min(value.size(), max));
    numbers(length);
    raw(value.data(), length);
  }
  template <class T, class Each>
  void list(const std::vector<T>& values, size_t /*max*/, size_t element_bytes, Each each) {
    numbers(static_cast<uint32_t>(values.size()));
    out_.reserve(out_.size() + values.size() * element_bytes);
    for (const T& value : values) each(value);
  }
  void check(bool) {}

 private:
  void raw(const void* from, size_t n) {
    const auto* bytes = static_cast<const uint8_t*>(from);
    out_.insert(out_.end(), bytes, bytes + n);
  }

  std::vector<uint8_t>& out_;
};

class Reader {
 public:
  explicit Reader(std::span<const uint8_t> in) : in_(in) {}

  bool ok() const { return ok_; }
  bool finished() const { return ok_ && in_.empty(); }

  template <Number... T>
  void numbers(T&... values) {
    (raw(&values, sizeof values), ...);
  }
  template <size_t N>
  void bytes(std::array<uint8_t, N>& value) {
    raw(value.data(), N);
  }
  void flag(bool& value) {
    uint8_t byte = 0;
    numbers(byte);
    check(byte <= 1);
    value = byte == 1;
  }
  void text(std::string& value, size_t max) {
    uint16_t length = 0;
    numbers(length);
    check(length <= max && length <= in_.size());
    if (!ok_) return;
    value.assign(reinterpret_cast<const char*>(in_.data()), length);
    in_ = in_.subspan(length);
  }
  // Memory is taken only for elements whose bytes are there.
  template <class T, class Each>
  void list(std::vector<T>& values, size_t max, size_t element_bytes, Each each) {
    uint32_t count = 0;
    numbers(count);
    check(count <= max && count <= in_.size() / element_bytes);
    if (!ok_) return;
    values.resize(count);
    for (T& value : values) each(value);
  }
  void check(bool holds) { ok_ = ok_ && holds; }

 private:
  void raw(void* to, size_t n) {
    check(n <= in_.size());
    if (!ok_) {
      std::memset(to, 0, n);
      return;
    }
    std::memcpy(to, in_.data(), n);
    in_ = in_.subspan(n);
  }

  std::span<const uint8_t> in_;
  bool ok_ = true;
};

}  // namespace baton::session
