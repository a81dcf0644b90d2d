// The little JSON that a safetensors header is: objects of strings, and of tensors (dtype, shape,
// data_offsets).
#include <cctype>
#include <limits>

#include "base/limits.h"
#include "model/tiny/safetensors.h"

namespace baton::reference {
namespace {

class Reader {
 public:
  explicit Reader(const std::string& text) : text_(text) {}

  bool ended() {
    skip();
    return at_ == text_.size();
  }
  bool take(char c) {
    skip();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool string(std::string& out) {
    if (!take('"')) return false;
    out.clear();
    while (at_ < text_.size() && text_[at_] != '"') {
      // Names of tensors need no escapes; one that has some is kept as written and will not be asked for.
      if (text_[at_] == '\\') out += text_[at_++];
      if (at_ == text_.size()) return false;
      out += text_[at_++];
    }
    return at_++ < text_.size();
  }
  bool number(uint64_t& out) {
    skip();
    const size_t first = at_;
    out = 0;
    for (; at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])) != 0; ++at_) {
      const auto digit = static_cast<uint64_t>(text_[at_] - '0');
      if (out > (std::numeric_limits<uint64_t>::max() - digit) / 10) return false;
      out = out * 10 + digit;
    }
    return at_ > first;
  }
  bool numbers(std::vector<uint64_t>& out) {
    out.clear();
    if (!take('[')) return false;
    if (take(']')) return true;
    do {
      if (!number(out.emplace_back())) return false;
    } while (take(',') && out.size() < 16);
    return take(']');
  }
  // {"key": value, …}: `value` reads one value.
  template <class Value>
  bool object(Value value) {
    if (!take('{')) return false;
    if (take('}')) return true;
    std::string key;
    do {
      if (!string(key) || !take(':') || !value(key)) return false;
    } while (take(','));
    return take('}');
  }

 private:
  void skip() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
  }

  const std::string& text_;
  size_t at_ = 0;
};

bool read_tensor(Reader& reader, Safetensors::Tensor& tensor) {
  std::vector<uint64_t> offsets;
  const bool read = reader.object([&](const std::string& key) {
    if (key == "dtype") return reader.string(tensor.dtype);
    if (key == "shape") return reader.numbers(tensor.shape);
    return key == "data_offsets" && reader.numbers(offsets);
  });
  if (!read || tensor.dtype.empty() || offsets.size() != 2 || offsets[0] > offsets[1]) return false;
  tensor.from = offsets[0];
  tensor.to = offsets[1];
  return true;
}

}  // namespace

bool parse_safetensors_header(const std::string& json, std::map<std::string, Safetensors::Tensor>& out,
                              std::string& error) {
  Reader reader(json);
  std::string doing = "its header";
  const bool read = reader.object([&](const std::string& name) {
    doing = "its entry " + name.substr(0, 128);
    if (name == "__metadata__") {
      std::string value;
      return reader.object([&](const std::string&) { return reader.string(value); });
    }
    Safetensors::Tensor tensor;
    if (!read_tensor(reader, tensor)) return false;
    return out.size() < limits::kWeightsTensorsMax && out.emplace(name, std::move(tensor)).second;
  });
  if (read && reader.ended()) return true;
  error = doing + " is not what safetensors describes";
  return false;
}

}  // namespace baton::reference
