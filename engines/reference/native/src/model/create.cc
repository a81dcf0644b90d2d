#include "model/model.h"
#include "model/synthetic/forward.h"
#include "model/tiny/forward.h"
#include "model/tiny/safetensors.h"

namespace baton::reference {
namespace {

class FileTensors : public Tensors {
 public:
  explicit FileTensors(std::unique_ptr<Safetensors> file) : file_(std::move(file)) {}
  bool read(const std::string& name, uint64_t rows, uint64_t columns, std::vector<float>& out,
            std::string& error) override {
    const bool vector = rows == 1 && name.ends_with("norm.weight");
    return file_->read(name, vector ? std::vector<uint64_t>{columns} : std::vector<uint64_t>{rows, columns},
                       out, error);
  }

 private:
  std::unique_ptr<Safetensors> file_;
};

}  // namespace

std::unique_ptr<Model> make_model(const ModelOptions& options, Pages& pages, Pool& pool, std::string& error) {
  error = refusal(options);
  if (!error.empty()) return nullptr;
  if (options.kind == "synthetic") return std::make_unique<SyntheticModel>(options, pages, pool);
  std::unique_ptr<Tensors> tensors = std::make_unique<RandomTensors>(options.seed);
  if (!options.weights.empty()) {
    auto file = Safetensors::open(options.weights, error);
    if (!file) return nullptr;
    tensors = std::make_unique<FileTensors>(std::move(file));
  }
  Weights weights;
  if (!load_weights(options, *tensors, weights, error)) return nullptr;
  return std::make_unique<TinyModel>(options, std::move(weights), pages, pool);
}

}  // namespace baton::reference
