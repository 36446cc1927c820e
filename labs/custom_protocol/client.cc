#include "labs/custom_protocol/client.h"

#include <fcntl.h>
#include <signal.h>

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

#include "common/base/errors.h"
#include "common/base/hooks.h"
#include "common/lab/lab.h"
#include "common/process/pipe.h"
#include "common/report/report.h"
#include "labs/custom_protocol/protocol.h"

namespace {

using nlohmann::json;

constexpr double kPauseS = 0.5;

constexpr const char* kPython = R"(
import json, os, socket, struct, sys, zlib
stream = socket.socket(fileno=int(sys.argv[1])).makefile("rwb", buffering=0)
def say(text): os.write(1, f"Client: {text}\n".encode())
def request(number, action, **data):
    say(f"Sending {action} request")
    body = json.dumps({"action": action, "data": data}).encode()
    start = struct.pack(">2sBBQII", b"IP", 1, 1, number, len(body), zlib.crc32(body))
    stream.write(start + struct.pack(">I", zlib.crc32(start)) + body)
    start, (check,) = stream.read(20), struct.unpack(">I", stream.read(4))
    assert check == zlib.crc32(start)
    _, _, kind, answered, length, check = struct.unpack(">2sBBQII", start)
    body = stream.read(length)
    assert check == zlib.crc32(body) and answered == number
    answer = json.loads(body)
    data = json.dumps(answer["data"], separators=(",", ":"))
    kind = {2: "response", 3: "notification", 4: "error"}[kind]
    say(f"Received {kind} - {answer['action']}: {data}")
request(1, "get_user", user_id="2")
request(2, "get_user", user_id="99")
request(3, "get_product", product_id="101")
request(4, "get_product", product_id="103")
request(4, "get_product", product_id="103")
request(5, "invalid_action")
request(6, "shutdown")
)";

// Waits for the answer to `id`, and prints it and all that comes before it.
// Returns its body, or "" if there is none.
std::string receive_answer(const ipc::UniqueFd& stream, uint64_t id) {
  while (true) {
    const auto [status, message] = read_message(stream);
    if (status != Reading::ok) {
      ipc::say("No answer: {}", describe(status));
      return "";
    }
    const json body = json::parse(message.body);
    ipc::say("Received {} - {}: {}", describe(message.kind),
             body["action"].get<std::string>(), body["data"].dump());
    if (message.kind == Kind::notification) continue;
    if (message.id == id) return message.body;  // [id]
    ipc::say("That is the answer to {}, not to {}", message.id, id);
  }
}

// Prints and sends a request with a body of {"action": ..., "data": ...}, and
// returns the body of its answer.
std::string request(const ipc::UniqueFd& stream, uint64_t id,
                    const std::string& action, const std::string& field = "",
                    const std::string& value = "") {
  ipc::say("Sending {} request", action);
  json data = json::object();
  if (!field.empty()) data[field] = value;
  const json body = {{"action", action}, {"data", data}};
  send(stream, {Kind::request, id, body.dump()});
  std::string answer = receive_answer(stream, id);
  ipc::pause_s(kPauseS);
  return answer;
}

// Sends bytes as they are.
void send_bare(const ipc::UniqueFd& stream, std::string_view bytes) {
  ipc::write_all(stream, std::as_bytes(std::span(bytes)));
}

// Sends bytes that are not a valid request; the answer is an error.
void send_damaged(const ipc::UniqueFd& stream, uint64_t id,
                  const std::string& bytes) {
  ipc::say("Sending a damaged request");
  send_bare(stream, bytes);
  receive_answer(stream, id);
}

}  // namespace

void send_the_guides_requests(const ipc::UniqueFd& stream) {
  request(stream, 1, "get_user", "user_id", "2");
  request(stream, 2, "get_user", "user_id", "99");
  request(stream, 3, "get_product", "product_id", "101");
  request(stream, 4, "get_product", "product_id", "103");
  request(stream, 4, "get_product", "product_id", "103");  // [twice]
  request(stream, 5, "invalid_action");
  request(stream, 6, "shutdown");
}

void repeat_a_purchase(const ipc::UniqueFd& stream) {
  const std::string once = request(stream, 1, "buy_tablet");
  const std::string again = request(stream, 1, "buy_tablet");
  ipc::say("The answers are {}", once == again ? "the same" : "different");
  for (uint64_t id = 2; id < 6; ++id) {
    request(stream, id, "get_user", "user_id", std::to_string(id - 1));
  }
  request(stream, 1, "buy_tablet");  // Too long ago to be remembered.
}

std::array<int, 2> repeat_at_once(const ipc::UniqueFd& stream) {
  const json body = {{"action", "buy_tablet"}, {"data", json::object()}};
  for (int i = 0; i < 2; ++i) {
    ipc::say("Sending buy_tablet request");
    send(stream, {Kind::request, 1, body.dump()});
    ipc::point("has asked");
  }
  std::array<int, 2> left{};
  for (int& answer : left) {
    answer = json::parse(receive_answer(stream, 1))["data"]["left"];
  }
  return left;
}

void damage_bodies(const ipc::UniqueFd& stream) {
  const Message message{Kind::request, 1, R"({"action": "get_user"})"};
  std::string bytes = encode(message);
  bytes.back() ^= 1;
  send_damaged(stream, 1, bytes);
  send_damaged(stream, 1, encode(message, 2));  // A version of the future.
  send_damaged(stream, 1, encode({Kind::request, 1, "not JSON"}));
  request(stream, 1, "get_product", "product_id", "102");
}

void damage_a_header(const ipc::UniqueFd& stream) {
  std::string bytes = encode({Kind::request, 1, R"({"action": "get_user"})"});
  bytes[15] ^= 1;  // Of the length.
  send_damaged(stream, 0, bytes);
}

void announce_too_much(const ipc::UniqueFd& stream) {
  const Message message{Kind::request, 1, std::string(kMaxBody + 1, ' ')};
  send_damaged(stream, 1, encode(message).substr(0, kHeader));
}

void ask_ahead(const ipc::UniqueFd& stream) {
  ipc::say("Sending two requests");
  for (uint64_t id = 1; id <= 2; ++id) {
    const json data = {{"user_id", std::to_string(id)}};
    const json body = {{"action", "get_user"}, {"data", data}};
    send(stream, {Kind::request, id, body.dump()});
  }
  receive_answer(stream, 2);
  request(stream, 3, "shutdown");
}

void die_inside_a_message(const ipc::UniqueFd& stream) {
  request(stream, 1, "get_user", "user_id", "1");
  send_bare(stream, encode({Kind::request, 2, "half"}).substr(0, kHeader + 2));
  ::raise(SIGKILL);
}

void be_python(const ipc::UniqueFd& stream) {
  ipc::check(::fcntl(stream.get(), F_SETFD, 0), "fcntl F_SETFD");
  const std::string number = std::to_string(stream.get());
  ::execl("/usr/bin/python3", "python3", "-I", "-c", kPython, number.c_str(),
          nullptr);
  ::_exit(127);
}
