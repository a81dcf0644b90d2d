#pragma once
// Every bound of the reference engine's native part, with its unit.
#include <cstddef>
#include <cstdint>

namespace baton::reference::limits {
inline constexpr uint32_t kLayersMax = 512;
inline constexpr uint32_t kHeadsMax = 256;                   // query heads, KV heads
inline constexpr uint32_t kHeadDimMax = 1024;                // elements
inline constexpr uint32_t kWidthMax = 65536;                 // hidden, ffn: elements
inline constexpr uint32_t kVocabMax = 1u << 20;              // tokens
inline constexpr uint32_t kPagesMax = 1u << 20;              // pages of one engine
inline constexpr uint32_t kPageTokensMax = 1024;             // tokens of one page
inline constexpr uint64_t kPageBytesMax = 1ull << 40;        // all pages of all layers, bytes
inline constexpr uint32_t kThreadsMax = 64;                  // of the math
inline constexpr uint32_t kSequencesMax = 4096;              // of one step
inline constexpr uint32_t kSequenceTokensMax = 1u << 20;     // of one sequence
inline constexpr uint32_t kStepTokensMax = 1u << 17;         // computed in one step
inline constexpr uint32_t kGathersMax = 16384;               // chunks gathered in one step
inline constexpr uint64_t kAnnounceBytes = 4u << 20;         // gathered of a layer, then they are announced
inline constexpr uint32_t kLoadSlotsMax = 16384;             // chunks of one load
inline constexpr uint32_t kLoadsMax = 4096;                  // loads that wait or run
inline constexpr double kWaitUsMax = 60e6;                   // modelled compute of one layer, microseconds
inline constexpr size_t kWeightsHeaderBytesMax = 16u << 20;  // JSON of a safetensors file
inline constexpr uint32_t kWeightsTensorsMax = 65536;        // tensors of a safetensors file
}  // namespace baton::reference::limits
