#include "labs/chat/scenario.h"

#include <array>
#include <atomic>
#include <vector>

#include "common/base/hooks.h"
#include "common/memory/shared.h"
#include "common/report/report.h"
#include "labs/chat/stage.h"
#include "labs/chat/user.h"

namespace {

constexpr size_t kOutboxMax = 1000;  // More than there is to be sent.

}  // namespace

std::string two_join(ipc::Schedule& schedule) {
  const std::vector<std::string> names{"Alice", "Bob"};
  const ipc::Shared<Tally> tally;
  const ipc::Shared<std::array<std::atomic<int>, 2>> places;
  Links links(names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    schedule.add("User " + names[i], [&, i] {
      User user(names[i], links.keep(i), true);
      int last = (*places)[i] = user.join("general");
      while (last < 2) last = user.listen().number;
      ipc::point("both are in");
    });
  }
  schedule.add("Server", [&] { links.serve(names, kOutboxMax, *tally); });
  links.close();
  schedule.run();
  return fmt::format("Alice is {}, Bob is {}", (*places)[0].load(),
                     (*places)[1].load());
}
