// The twelve types that each Manager has; their proxies are in managed.h.
#pragma once

#include "common/manager/types.h"

namespace ipc::hosted {

// dict, list, Namespace, Queue, Value, Array.
void add_data_types(ManagedTypes& types);

// Lock, RLock, Condition, Semaphore, BoundedSemaphore, Event.
void add_sync_types(ManagedTypes& types);

}  // namespace ipc::hosted
