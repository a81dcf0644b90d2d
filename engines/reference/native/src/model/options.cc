#include "base/limits.h"
#include "model/model.h"
#include "model/tiny/kernel.h"

namespace baton::reference {
namespace {

std::string bounded(const char* name, uint64_t value, uint64_t greatest) {
  if (value >= 1 && value <= greatest) return "";
  return std::string(name) + " = " + std::to_string(value) + ": must be 1 to " + std::to_string(greatest);
}

std::string tiny_refusal(const ModelOptions& options) {
  for (const auto& problem : {bounded("queryHeads", options.query_heads, limits::kHeadsMax),
                              bounded("hidden", options.hidden, limits::kWidthMax),
                              bounded("ffn", options.ffn, limits::kWidthMax)}) {
    if (!problem.empty()) return problem;
  }
  if (options.dtype != "f32") return "dtype = " + options.dtype + ": tiny keeps its KV as f32";
  if (options.query_heads % options.heads != 0) return "queryHeads must be a multiple of heads";
  if (options.head_dim % kPanel != 0) {
    return "headDim = " + std::to_string(options.head_dim) + ": tiny needs a multiple of " +
           std::to_string(kPanel);
  }
  if (!(options.rope_theta > 1)) return "ropeTheta must be greater than 1";
  return "";
}

std::string synthetic_refusal(const ModelOptions& options) {
  if (options.dtype != "f32" && options.dtype != "bf16")
    return "dtype = " + options.dtype + ": must be f32 or bf16";
  if (options.head_dim % 4 != 0)
    return "headDim = " + std::to_string(options.head_dim) + ": must be a multiple of 4";
  if (options.vocab <= '~')
    return "vocab = " + std::to_string(options.vocab) + ": must hold the bytes up to 126";
  const double longest =
      options.compute_us_per_layer + options.compute_us_per_layer_token * limits::kStepTokensMax;
  if (!(options.compute_us_per_layer >= 0 && options.compute_us_per_layer_token >= 0 &&
        options.delay_ms >= 0)) {
    return "computeUsPerLayer, computeUsPerLayerToken and delayMs must not be negative";
  }
  if (!(longest <= limits::kWaitUsMax && options.delay_ms * 1000 <= limits::kWaitUsMax)) {
    return "a layer would take more than " + std::to_string(static_cast<int>(limits::kWaitUsMax / 1e6)) +
           " s";
  }
  return "";
}

}  // namespace

std::string refusal(const ModelOptions& options) {
  for (const auto& problem : {bounded("layers", options.layers, limits::kLayersMax),
                              bounded("heads", options.heads, limits::kHeadsMax),
                              bounded("headDim", options.head_dim, limits::kHeadDimMax),
                              bounded("vocab", options.vocab, limits::kVocabMax),
                              bounded("pages", options.pages, limits::kPagesMax),
                              bounded("pageTokens", options.page_tokens, limits::kPageTokensMax),
                              bounded("threads", options.threads, limits::kThreadsMax)}) {
    if (!problem.empty()) return problem;
  }
  const PageShape shape = page_shape(options);
  const uint64_t token_bytes =
      uint64_t{shape.elements} * shape.element_bytes * kPlanes * shape.heads * shape.layers;
  if (token_bytes > limits::kPageBytesMax / shape.pages / shape.page_tokens) {
    return "pages = " + std::to_string(options.pages) + ": they would take more than " +
           std::to_string(limits::kPageBytesMax >> 30) + " GiB";
  }
  if (options.kind == "tiny") return tiny_refusal(options);
  if (options.kind == "synthetic") return synthetic_refusal(options);
  return "kind = " + options.kind + ": must be tiny or synthetic";
}

PageShape page_shape(const ModelOptions& options) {
  return {.layers = options.layers,
          .heads = options.heads,
          .elements = options.head_dim,
          .element_bytes = options.dtype == "bf16" ? 2u : 4u,
          .pages = options.pages,
          .page_tokens = options.page_tokens};
}

}  // namespace baton::reference
