#include "labs/custom_manager/refusals.h"

#include "common/report/report.h"

ipc::Proxy find_counter(const ipc::ManagerAddress& server) {  // [find]
  const ipc::ManagerClient manager(server);
  const auto root = manager.root();
  return root.open<ipc::Proxy>(*root.get("counter"));
}

void expect_refusal(const std::string& what,
                    const std::function<void()>& attempt) {
  try {
    attempt();
    ipc::say("{}: accepted", what);
  } catch (const ipc::UnknownMethod& error) {
    ipc::say("{}: UnknownMethod: {}", what, error.what());
  } catch (const ipc::BadCall& error) {
    ipc::say("{}: BadCall: {}", what, error.what());
  } catch (const ipc::ManagerGone& error) {
    ipc::say("{}: ManagerGone: {}", what, error.what());
  }
}

void try_what_is_refused(const ipc::ManagerAddress& server) {
  const ipc::Proxy counter = find_counter(server);
  expect_refusal("reset", [&] { (void)counter.call("reset"); });
  expect_refusal("value_", [&] { (void)counter.call("value_"); });
  expect_refusal("increment by 5",
                 [&] { (void)counter.call("increment", {5}); });
  expect_refusal("another key", [&] {
    (void)ipc::ManagerClient({server.address, "guessed"}).root();
  });
}
