#pragma once
// The product's version; package.json says the same (checked by test/unit/version.test.ts).
namespace baton {
inline constexpr char kVersion[] = "0.1.0";
}
