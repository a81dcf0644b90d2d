#pragma once
// Reads float32 tensors of a safetensors file: u64 length of a JSON header, the header
// {"name": {"dtype": "F32", "shape": [..], "data_offsets": [from, to]}, ..}, then the data. A file is never
// trusted.
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace baton::reference {

class Safetensors {
 public:
  // Null and `error` when the file is not one.
  static std::unique_ptr<Safetensors> open(const std::string& path, std::string& error);
  ~Safetensors();
  Safetensors(const Safetensors&) = delete;
  Safetensors& operator=(const Safetensors&) = delete;

  // False and `error` when there is no such tensor or it has another type or shape.
  bool read(const std::string& name, const std::vector<uint64_t>& shape, std::vector<float>& out,
            std::string& error) const;

  struct Tensor {
    std::string dtype;
    std::vector<uint64_t> shape;
    uint64_t from = 0, to = 0;  // bytes of the data
  };

 private:
  explicit Safetensors(int fd) : fd_(fd) {}

  int fd_;
  uint64_t data_ = 0;  // where the data starts in the file
  std::map<std::string, Tensor> tensors_;
};

// The header's JSON. False and `error` when it is malformed.
bool parse_safetensors_header(const std::string& json, std::map<std::string, Safetensors::Tensor>& out,
                              std::string& error);

}  // namespace baton::reference
