#include "base/types.h"

#include "base/limits.h"

namespace baton {

std::string Geometry::text() const {
  std::string sizes;
  for (uint32_t p = 0; p < planes; ++p) sizes += (p ? "+" : "") + std::to_string(plane_bytes[p]);
  return std::to_string(layers) + " layers of " + std::to_string(heads) + " heads of " + sizes + " bytes a token in chunks of " +
         std::to_string(chunk_tokens) + " tokens";
}

const char* Geometry::refusal() const {
  if (layers == 0 || layers > limits::kLayersMax) return "layers must be 1 to 1024";
  if (heads == 0 || heads > limits::kHeadsMax) return "heads must be 1 to 1024";
  if (stripes() > limits::kStripesMax) return "layers times heads must be at most 65536";
  if (planes == 0 || planes > BATON_PLANES_MAX) return "planes must be 1 to 4";
  for (uint32_t p = 0; p < BATON_PLANES_MAX; ++p) {
    if (p < planes && (plane_bytes[p] == 0 || plane_bytes[p] > limits::kPlaneBytesMax)) {
      return "bytes of a plane must be 1 to 65536";
    }
    // Equality of geometries is compared field by field.
    if (p >= planes && plane_bytes[p] != 0) return "bytes of a plane that is not there must be 0";
  }
  if (chunk_tokens == 0 || chunk_tokens > limits::kChunkTokensMax) return "chunk tokens must be 1 to 4096";
  return nullptr;
}

}  // namespace baton
