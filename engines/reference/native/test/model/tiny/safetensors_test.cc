#include "model/tiny/safetensors.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>

#include "support/models.h"

using namespace baton::reference;
using namespace baton::reference::test;

namespace {

class TemporaryFile {
 public:
  TemporaryFile() : fd_(mkstemp(path_)) { REQUIRE(fd_ >= 0); }
  ~TemporaryFile() {
    close(fd_);
    unlink(path_);
  }
  std::string path() const { return path_; }
  void write(const std::string& bytes) {
    REQUIRE(ftruncate(fd_, 0) == 0);
    REQUIRE(pwrite(fd_, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  }

 private:
  char path_[40] = "/tmp/baton-safetensors-test-XXXXXX";
  int fd_;
};

std::string file_of(const std::string& header, const std::string& data) {
  const uint64_t length = header.size();
  std::string out(8, '\0');
  std::memcpy(out.data(), &length, 8);
  return out + header + data;
}

std::string refusal_of(const std::string& bytes) {
  TemporaryFile file;
  file.write(bytes);
  std::string error;
  CHECK(Safetensors::open(file.path(), error) == nullptr);
  return error;
}

// Writes every tensor that a model asks for, as RandomTensors makes them.
class Recorder : public Tensors {
 public:
  explicit Recorder(uint64_t seed) : random_(seed) {}
  bool read(const std::string& name, uint64_t rows, uint64_t columns, std::vector<float>& out,
            std::string& error) override {
    random_.read(name, rows, columns, out, error);
    const std::string shape = name.ends_with("norm.weight") ? "" : std::to_string(rows) + ", ";
    const size_t from = data.size();
    data.append(reinterpret_cast<const char*>(out.data()), out.size() * sizeof(float));
    header += (header.empty() ? "{" : ", ") + std::string("\"") + name +
              "\": {\"dtype\": \"F32\", \"shape\": [" + shape + std::to_string(columns) +
              "], \"data_offsets\": [" + std::to_string(from) + ", " + std::to_string(data.size()) + "]}";
    return true;
  }
  std::string header, data;

 private:
  RandomTensors random_;
};

}  // namespace

TEST_CASE("a model read from a file computes what the same weights compute without one") {
  ModelOptions options = tiny_options();
  Recorder recorder(options.seed);
  Weights weights;
  std::string error;
  REQUIRE(load_weights(options, recorder, weights, error));
  TemporaryFile file;
  file.write(file_of(recorder.header + ", \"__metadata__\": {\"format\": \"pt\"}}", recorder.data));

  const auto logits = [&](const std::string& path) {
    options.weights = path;
    Rig rig(options);
    PagePicker picker(options.pages, 1);
    const std::vector<Sequence> batch = {whole(rig, picker, random_tokens(20, 1))};  // logits() reads it
    rig.step(batch);
    const auto all = dynamic_cast<TinyModel&>(*rig.model).logits(0);
    return std::vector<float>(all.begin(), all.end());
  };
  CHECK(logits(file.path()) == logits(""));

  options.weights = file.path();
  options.ffn += 16;
  Pages pages(page_shape(options));
  Pool pool(1);
  CHECK(make_model(options, pages, pool, error) == nullptr);
  CHECK(error ==
        "tensor model.layers.0.mlp.gate_proj.weight has shape [96, 64], the model's options need [112, 64]");
}

TEST_CASE("a file that is none is refused with what is wrong") {
  std::string error;
  CHECK(Safetensors::open("/nonexistent/weights", error) == nullptr);
  CHECK(error == "weights /nonexistent/weights: No such file or directory");
  CHECK(refusal_of("").find("not a safetensors file") != std::string::npos);
  CHECK(refusal_of(std::string(8, '\xff')).find("not a safetensors file") != std::string::npos);
  const std::string entry = R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}})";
  CHECK(refusal_of(file_of(entry, "1234567")).find("tensor a ends beyond the file") != std::string::npos);
  for (size_t cut = 0; cut < entry.size(); ++cut) {
    CHECK(refusal_of(file_of(entry.substr(0, cut), "12345678")).find("is not what safetensors describes") !=
          std::string::npos);
  }
}

TEST_CASE("a header with anything unknown in it is refused") {
  for (
      const char* header : {
          R"([])",
          R"({"a": 1})",
          R"({"a": {}})",
          R"({"a": {"dtype": "F32", "shape": [2]}})",
          R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}})",
          R"({"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}})",
          R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 99999999999999999999]}})",
          R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], "more": 1}})",
          R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}} {})",
          R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}})",
      }) {
    std::map<std::string, Safetensors::Tensor> tensors;
    std::string error;
    CAPTURE(header);
    CHECK_FALSE(parse_safetensors_header(header, tensors, error));
    CHECK_FALSE(error.empty());
  }
}

TEST_CASE("a tensor of another type, shape or name is refused by name") {
  TemporaryFile file;
  file.write(file_of(R"({"a": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]},
                         "b": {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]},
                         "c": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}})",
                     std::string("\0\0\x80\x3f\0\0\0\x40", 8)));
  std::string error;
  const auto tensors = Safetensors::open(file.path(), error);
  REQUIRE(tensors != nullptr);
  std::vector<float> values;
  CHECK(tensors->read("b", {1, 2}, values, error));
  CHECK(values == std::vector<float>{1, 2});
  CHECK_FALSE(tensors->read("a", {2}, values, error));
  CHECK(error == "tensor a is BF16: this engine reads F32 only, convert the weights");
  CHECK_FALSE(tensors->read("b", {2}, values, error));
  CHECK(error == "tensor b has shape [1, 2], the model's options need [2]");
  CHECK_FALSE(tensors->read("c", {2}, values, error));
  CHECK_FALSE(tensors->read("d", {2}, values, error));
  CHECK(error == "weights have no tensor d");
}
