#include "labs/custom_protocol/server.h"

#include <errno.h>

#include <algorithm>
#include <deque>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>

#include "common/base/hooks.h"
#include "common/report/report.h"
#include "labs/custom_protocol/protocol.h"

namespace {

using nlohmann::json;

constexpr size_t kRemembered = 4;

class Server {
 public:
  explicit Server(const ipc::UniqueFd& stream) : stream_(stream) {}

  void run() {
    ipc::say("Started");
    try {
      while (running_) handle(read_message(stream_));
    } catch (const std::system_error& error) {
      if (error.code().value() != EPIPE) throw;
      ipc::say("The client has gone: it reads no answer");
    }
    ipc::say("Stopped; did {} requests", done_count_);
  }

 private:
  void answer(Kind kind, uint64_t id, const char* action, const json& data) {
    // A text in it that is not UTF-8 is replaced, rather than an error.
    const json body = {{"action", action}, {"data", data}};
    send(stream_,
         {kind, id, body.dump(-1, ' ', false, json::error_handler_t::replace)});
  }

  void handle(const Read& read) {
    const auto& [status, message] = read;
    if (status == Reading::ok) return handle(message);
    // Only after these two is it known where the next message begins.
    running_ =
        status == Reading::bad_version || status == Reading::bad_checksum;
    if (status == Reading::end || status == Reading::cut) {
      ipc::say("The client has gone: {}", describe(status));  // [end]
    } else {
      ipc::say("Received nonsense - {}", describe(status));
      answer(Kind::error, message.id, describe(status), json::object());
    }
  }

  void handle(const Message& message) {
    const uint64_t id = message.id;
    const auto known =
        std::find_if(answers_.begin(), answers_.end(),
                     [id](const Message& answer) { return answer.id == id; });
    if (known != answers_.end()) {
      ipc::say("Received {} {} again", describe(message.kind), id);
      send(stream_, *known);  // [again]
      return;
    }
    // Ids grow, so we need not remember them all.
    if (id <= last_id_) return answer(Kind::error, id, "too_old", {{"id", id}});
    const json body = json::parse(message.body, nullptr, false);
    if (message.kind != Kind::request || !body.is_object() ||
        !body.contains("action") || !body["action"].is_string()) {
      ipc::say("Received nonsense - not a request");
      return answer(Kind::error, id, "not_a_request", json::object());
    }
    last_id_ = id;
    ipc::point("is answering");
    ipc::say("Received request - {}", body["action"].get<std::string>());
    const json reply = perform(body["action"], body.value("data", json()));
    ++done_count_;
    const Kind kind = reply.value("ok", false) ? Kind::response : Kind::error;
    json said = {{"action", reply["action"]}, {"data", reply["data"]}};
    answers_.push_back(
        {kind, id, said.dump(-1, ' ', false, json::error_handler_t::replace)});
    if (answers_.size() > kRemembered) answers_.pop_front();  // [bounded]
    send(stream_, answers_.back());
    if (!running_) ipc::say("Shutting down");
  }

  json perform(const std::string& action, const json& data) {
    const auto text = [&](const char* field) {
      const bool there =
          data.is_object() && data.contains(field) && data[field].is_string();
      return there ? data[field].get<std::string>() : std::string();
    };
    if (action == "get_user") {
      return look_up(users_, text("user_id"), "user");
    }
    if (action == "get_product") {
      return look_up(products_, text("product_id"), "product");
    }
    if (action == "buy_tablet") {
      answer(Kind::notification, 0, "stock_changed", {{"left", --tablets_}});
      return {
          {"ok", true}, {"action", "bought"}, {"data", {{"left", tablets_}}}};
    }
    if (action == "shutdown") {
      running_ = false;
      return {{"ok", true},
              {"action", "shutdown_acknowledged"},
              {"data", json::object()}};
    }
    return {{"action", "unknown_action"}, {"data", {{"action", action}}}};
  }

  static json look_up(const json& table, const std::string& id,
                      const std::string& what) {
    if (!table.contains(id)) {
      return {{"action", what + "_not_found"}, {"data", {{what + "_id", id}}}};
    }
    return {{"ok", true},
            {"action", what + "_data"},
            {"data", {{what, table[id]}}}};
  }

  const json users_ = {
      {"1", {{"name", "Alice"}, {"email", "alice@example.com"}}},
      {"2", {{"name", "Bob"}, {"email", "bob@example.com"}}},
      {"3", {{"name", "Charlie"}, {"email", "charlie@example.com"}}}};
  const json products_ = {{"101", {{"name", "Laptop"}, {"price", 999.99}}},
                          {"102", {{"name", "Phone"}, {"price", 499.99}}},
                          {"103", {{"name", "Tablet"}, {"price", 299.99}}}};
  int tablets_ = 5;

  const ipc::UniqueFd& stream_;
  bool running_ = true;
  int done_count_ = 0;
  uint64_t last_id_ = 0;
  std::deque<Message> answers_;
};

}  // namespace

void serve(const ipc::UniqueFd& stream) { Server(stream).run(); }
