// serialization_errors: what cannot be sent as it is, who notices, and when.
//
//   Main --bytes--> Receiver      a message is bytes, and nothing but bytes
//
// Watch for: the column of act 1 that no compiler can fill in; the four bytes
// of act 2 that no code has written; the reasons of act 3; and in act 4 that
// the number of a descriptor is not the descriptor.
// Try: in parcel.cc, delete [length] and what belongs to it; --letter=Q.

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include "common/base/errors.h"
#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/process/pipe.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/serialization_errors/parcel.h"
#include "labs/serialization_errors/passing.h"

namespace {

using ipc::Connection;

constexpr int kNumber = 100;           // Of a descriptor.
constexpr size_t kLabelLengthAt = 13;  // In the bytes of version 2.

std::string letter = "s";

// Has bytes 4 to 7 that belong to no field.
struct Reading {
  int32_t number;
  double value;
};
struct Name {
  const char* text;
};

// What may be copied byte by byte, and whether equal values have equal bytes:
// the compiler knows both. The rest only people can know.
template <typename Type>
void describe(const char* name, const char* elsewhere) {
  const bool copies = std::is_trivially_copyable_v<Type>;
  const bool whole = std::has_unique_object_representations_v<Type>;
  ipc::say("{:22} | {:5} | {:5} | {}", name, copies, whole, elsewhere);
}

std::string ask_the_compiler() {
  ipc::say("{:22} | {:5} | {:5} | means something elsewhere", "type", "bytes",
           "whole");
  describe<int32_t>("int32_t", "yes");
  describe<Reading>("Reading", "yes");
  describe<std::string>("std::string", "no, its text is not in it");
  describe<Name>("Name, with a pointer", "no, and no compiler says so");
  const auto twice = [factor = 2](int x) { return factor * x; };
  describe<decltype(twice)>("a lambda", "no, its code is not in it");
  return "";
}

// Plays `receive` in a process of its own, and `send` in this one.
std::string play(const std::function<void(Connection&)>& send,
                 const std::function<void(Connection&)>& receive) {
  ipc::ConnectionPair ends = ipc::make_connections();
  ipc::Process receiver("Receiver", [&] {
    ends.first.close();
    receive(ends.second);
  });
  ends.second.close();
  send(ends.first);
  ends.first.close();
  return receiver.join() == 0 ? "" : "the receiver failed";
}

std::string send_memory() {
  const auto send = [](Connection& receiver) {
    Reading reading;
    std::memset(&reading, letter[0], sizeof reading);  // What was there before.
    reading.number = 7;
    reading.value = 0.5;
    std::string bytes(sizeof reading, '\0');
    std::memcpy(bytes.data(), &reading, sizeof reading);  // [memory]
    ipc::ensure(receiver.send(bytes));
    ipc::ensure(receiver.send(encode({7, 0.5, ""}, kOldVersion)));
  };
  return play(send, [](Connection& sender) {
    const auto memory = sender.receive();
    ipc::say("{} bytes; bytes 4 to 7 were never set, and say '{}'",
             memory->size(), memory->substr(4, 4));
    const auto fields = sender.receive();
    ipc::say("{} bytes: a version and fields, no more", fields->size());
  });
}

std::string send_versions() {
  const Parcel parcel{7, 0.5, "fragile"};
  const std::string fresh = encode(parcel, kNewVersion);
  std::string lie = fresh;
  lie.replace(kLabelLengthAt, 4, "\xff\xff\xff\xff");
  const std::pair<const char*, std::string> messages[] = {
      {"version 1", encode(parcel, kOldVersion)},
      {"version 2", fresh},
      {"cut short", fresh.substr(0, 9)},
      {"a wrong length", lie},
      {"one byte more", fresh + "!"},
      {"an impossible value", encode({7, -1, ""}, kNewVersion)},
      {"no bytes at all", ""}};
  const auto send = [&](Connection& receiver) {
    for (const auto& [what, bytes] : messages) {
      ipc::ensure(receiver.send(what));
      ipc::ensure(receiver.send(bytes));
    }
  };
  return play(send, [](Connection& sender) {
    while (const auto what = sender.receive()) {
      const auto bytes = sender.receive();
      for (const uint8_t newest : {kOldVersion, kNewVersion}) {
        const auto [parcel, problem] = decode(*bytes, newest);
        ipc::say("{}, for a reader of version {}: {}", *what, newest,
                 problem.empty()
                     ? fmt::format("parcel {}, {} kg, '{}'", parcel.number,
                                   parcel.weight_kg, parcel.label)
                     : "refused: " + problem);
      }
    }
  });
}

std::string send_descriptors() {
  const auto send = [](Connection& receiver) {
    const ipc::Pipe pipe = ipc::make_pipe();
    ipc::write_all(pipe.writer, std::as_bytes(std::span("hello", 5)));
    // Small numbers are taken in every process; this one is not.
    const ipc::UniqueFd reader(
        ipc::check(::fcntl(pipe.reader.get(), F_DUPFD_CLOEXEC, kNumber),
                   "fcntl F_DUPFD_CLOEXEC"));
    ipc::ensure(receiver.send(std::to_string(reader.get())));
    send_descriptor(receiver.fd(), reader);
  };
  return play(send, [](Connection& sender) {
    const int number = std::stoi(*sender.receive());
    char text[5] = {};
    if (::read(number, text, sizeof text) == -1) {
      ipc::say("Number {} as it came: {}", number, std::strerror(errno));
    }
    const ipc::UniqueFd mine = receive_descriptor(sender.fd());
    if (!ipc::read_exact(mine, std::as_writable_bytes(std::span(text)))) return;
    ipc::say("A descriptor that came: '{}'", std::string(text, sizeof text));
  });
}

std::string send_functions() {
  const auto send = [](Connection& receiver) {
    for (const char* name : {"twice", "square", "erase"})
      ipc::ensure(receiver.send(name));
  };
  return play(send, [](Connection& sender) {
    const std::map<std::string, std::function<int(int)>> functions = {
        {"square", [](int x) { return x * x; }},
        {"twice", [](int x) { return 2 * x; }},
    };  // [table]
    while (const auto name = sender.receive()) {
      const auto found = functions.find(*name);
      ipc::say("{} of 7: {}", *name,
               found == functions.end() ? "refused: not in the table"
                                        : std::to_string(found->second(7)));
    }
  });
}

std::string lesson() {
  const struct {
    const char* title;
    std::string (*play)();
  } acts[] = {{"what does the compiler know?", ask_the_compiler},
              {"a struct as it lies in memory", send_memory},
              {"another version, and damaged bytes", send_versions},
              {"a descriptor", send_descriptors},
              {"a function", send_functions}};
  int number = 0;
  for (const auto& act : acts) {
    ipc::say("Act {}: {}", ++number, act.title);
    if (auto problem = act.play(); !problem.empty()) return problem;
  }
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("serialization_errors", "What cannot be sent as it is.");
  const auto is_one = [](const std::string& text) {
    return text.size() == 1 ? "" : "one letter";
  };
  lab.option("--letter", letter, is_one, "what was in the memory before");
  return lab.run(argc, argv, lesson);
}
