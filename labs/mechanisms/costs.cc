#include "labs/mechanisms/costs.h"

#include "common/report/measure.h"
#include "common/report/report.h"
#include "labs/mechanisms/experiments.h"

namespace {

constexpr int kRounds = 9;
constexpr int kMessages = 2000;

}  // namespace

void compare_costs(const std::vector<NamedMechanism>& chosen) {
  std::vector<NamedMechanism> all = chosen;
  // The first of all is the pipe, to which the others are compared.
  if (all.size() == 1) all.insert(all.begin(), mechanisms().front());
  std::vector<ipc::Way> ways;
  ways.reserve(all.size());
  for (const NamedMechanism& each : all) {
    ways.emplace_back([each] { return time_messages(each, kMessages); });
  }
  const ipc::Samples times = ipc::measure(kRounds, ways);
  for (size_t i = 0; i < all.size(); ++i) {
    // ratio() says how many times as fast the second one is as the first.
    ipc::say("{:<14} {} times a pipe", all[i].name,
             ipc::describe(ipc::ratio(times[i], times[0])));
  }
}
