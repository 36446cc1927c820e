// One client, as the server sees it, and what it wants.
#pragma once

#include "common/channel/connection.h"

struct Peer {
  ipc::Connection connection;
  int number;
};

enum class Wish { stay, leave, shut_down };

// Takes the message that has come, if one has, and answers it. Never waits for
// the peer: an answer that it does not read is kept and sent later. Whatever is
// wrong with the peer ends its own connection and nothing else.
Wish serve(Peer& peer);
