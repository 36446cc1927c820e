// What the actors of the lab do. Each function makes a new behaviour, with its
// state, for one life.
#pragma once

#include "common/sync/event.h"
#include "labs/actors/actor.h"

// "deposit 10", "withdraw 10", "balance". It fails if the balance is negative.
ipc::Behaviour make_account();

// Prints a page. Sets `begun` first, and waits until `paper` is set.
ipc::Behaviour make_printer(ipc::Event& begun, const ipc::Event& paper);

// "buy": asks Seller for the price, and is asked for its budget meanwhile.
ipc::Behaviour make_buyer(const ipc::Actor& seller);
// "price": asks Buyer for its budget first, and answers without it if need be.
ipc::Behaviour make_seller(const ipc::Actor& buyer);

// How long to wait for what must come, and for what the lab knows will not.
ipc::Deadline patience();
ipc::Deadline soon();
