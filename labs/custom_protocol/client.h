// What a client does in each act.
#pragma once

#include <array>

#include "common/base/unique_fd.h"

void send_the_guides_requests(const ipc::UniqueFd& stream);

// The same in Python: this process becomes python3, and does not return.
void be_python(const ipc::UniqueFd& stream);

// Asks again, as if no answer had come. The server must not sell again.
void repeat_a_purchase(const ipc::UniqueFd& stream);

// The same without waiting in between. Returns how many tablets are left, as
// each answer says.
std::array<int, 2> repeat_at_once(const ipc::UniqueFd& stream);

void damage_bodies(const ipc::UniqueFd& stream);
void damage_a_header(const ipc::UniqueFd& stream);
void announce_too_much(const ipc::UniqueFd& stream);

// Sends two requests at once, and waits only for the answer to the second one.
void ask_ahead(const ipc::UniqueFd& stream);

void die_inside_a_message(const ipc::UniqueFd& stream);
