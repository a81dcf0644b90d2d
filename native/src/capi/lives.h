#pragma once
// The clients of this process, by the life of the service that they attached to. A service that died may have left slots half
// filled; its next life keeps them from use until this process cannot write there any more: when the last client of the earlier
// life is gone, those of the newest one say so.
#include <memory>

#include "capi/client.h"

namespace baton::capi {

void begin_life(baton_client&);
void end_life(std::unique_ptr<baton_client>);

}  // namespace baton::capi
