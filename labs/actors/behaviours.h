// What the actors of the lab do. Each function makes a new behaviour, with its
// state, for one life.
#pragma once

#include "common/sync/event.h"
#include "labs/actors/actor.h"

// "deposit 10", "withdraw 10", "balance". It breaks if it owes something.
ipc::Behaviour make_account();

// Prints a page; before the first it waits until the paper is there.
ipc::Behaviour make_printer(ipc::Event& begun, const ipc::Event& paper);

// "buy": asks the other for the price, and is asked for its budget meanwhile.
ipc::Behaviour make_buyer(const ipc::Actor& seller);
// "price": asks the other for its budget first, and does without if it must.
ipc::Behaviour make_seller(const ipc::Actor& buyer);

// The longest wait for what must come, and for what the lab knows will not.
ipc::Deadline patience();
ipc::Deadline soon();
