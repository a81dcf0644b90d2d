#include "model/tiny/safetensors.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>

#include "base/limits.h"

namespace baton::reference {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors are little endian");

bool read_all(int fd, uint64_t offset, void* to, size_t bytes) {
  auto* out = static_cast<uint8_t*>(to);
  while (bytes > 0) {
    const ssize_t n = pread(fd, out, bytes, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    out += n;
    offset += static_cast<uint64_t>(n);
    bytes -= static_cast<size_t>(n);
  }
  return true;
}

std::string shape_text(const std::vector<uint64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

}  // namespace

std::unique_ptr<Safetensors> Safetensors::open(const std::string& path, std::string& error) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    error = "weights " + path + ": " + std::strerror(errno);
    return nullptr;
  }
  std::unique_ptr<Safetensors> file(new Safetensors(fd));
  struct stat status {};
  uint64_t header = 0;
  if (fstat(fd, &status) != 0 || !read_all(fd, 0, &header, sizeof header) ||
      header > limits::kWeightsHeaderBytesMax ||
      sizeof header + header > static_cast<uint64_t>(status.st_size)) {
    error = "weights " + path + ": not a safetensors file";
    return nullptr;
  }
  std::string json(header, '\0'), problem;
  if (!read_all(fd, sizeof header, json.data(), json.size()) ||
      !parse_safetensors_header(json, file->tensors_, problem)) {
    error = "weights " + path + ": " + (problem.empty() ? "cannot be read" : problem);
    return nullptr;
  }
  file->data_ = sizeof header + header;
  const uint64_t bytes = static_cast<uint64_t>(status.st_size) - file->data_;
  for (const auto& [name, tensor] : file->tensors_) {
    if (tensor.to <= bytes) continue;
    error = "weights " + path + ": tensor " + name + " ends beyond the file: it was cut";
    return nullptr;
  }
  return file;
}

Safetensors::~Safetensors() { close(fd_); }

bool Safetensors::read(const std::string& name, const std::vector<uint64_t>& shape, std::vector<float>& out,
                       std::string& error) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) {
    error = "weights have no tensor " + name;
    return false;
  }
  const Tensor& tensor = found->second;
  if (tensor.dtype != "F32") {
    error = "tensor " + name + " is " + tensor.dtype + ": this engine reads F32 only, convert the weights";
    return false;
  }
  uint64_t elements = 1;
  for (const uint64_t n : shape) elements *= n;
  if (tensor.shape != shape || tensor.to - tensor.from != elements * sizeof(float)) {
    error = "tensor " + name + " has shape " + shape_text(tensor.shape) + ", the model's options need " +
            shape_text(shape);
    return false;
  }
  out.resize(elements);
  if (read_all(fd_, data_ + tensor.from, out.data(), elements * sizeof(float))) return true;
  error = "tensor " + name + " cannot be read";
  return false;
}

}  // namespace baton::reference
