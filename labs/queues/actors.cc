#include "labs/queues/actors.h"

#include <signal.h>

#include <map>
#include <sstream>
#include <vector>

#include "common/base/hooks.h"
#include "common/lab/lab.h"
#include "common/report/report.h"

namespace {

// The kind of a message has a byte of its own: no item's text makes it an end.
constexpr char kItem = 'i';
constexpr char kDone = 'd';

std::string message(char kind, unsigned producer, const std::string& text) {
  return std::string{kind, static_cast<char>(producer)} + text;  // [message]
}

}  // namespace

void produce(ipc::Queue& queue, unsigned id, const Task& task) {
  std::mt19937 random = ipc::random_source(id + 1);
  for (int i = 0; i < task.item_count; ++i) {  // [loop]
    const std::string item = task.name + " - Item " + std::to_string(i);
    ipc::say("added: {}", item);  // Said before it can be received.
    ipc::ensure(queue.put(message(kItem, id, item)));
    ipc::point("has put");
    ipc::pause_s(ipc::random_unit(random));
  }
  if (task.dies) ::raise(SIGKILL);
  ipc::say("finished");
  ipc::ensure(queue.put(message(kDone, id, "")));  // [done]
}

std::string consume(ipc::Queue& queue, size_t count) {
  std::mt19937 random = ipc::random_source(0);
  std::string got;
  std::vector<bool> done(count);
  while (const auto item = queue.get()) {  // [get]
    if (item->at(0) == kDone) {
      const auto producer = static_cast<unsigned char>(item->at(1));
      ipc::say("Producer {} is done", producer);
      done.at(producer) = true;
    } else {
      ipc::say("Got {}", item->substr(2));
      got += item->substr(2) + "\n";
      ipc::pause_s(2 * ipc::random_unit(random));
    }
  }
  for (size_t id = 0; id < count; ++id) {
    if (!done[id]) ipc::say("Producer {} has ended and was not done", id);
  }
  ipc::say("All producers are done, exiting");
  return got;
}

std::string by_producer(const std::string& items) {
  constexpr std::string_view kBetween = " - Item ";
  std::map<std::string, std::string> numbers;
  std::istringstream lines(items);
  for (std::string line; std::getline(lines, line);) {
    const size_t place = line.find(kBetween);
    if (place != line.rfind(kBetween)) return "two items in one line";
    std::string& of_it = numbers[line.substr(0, place)];
    of_it += ' ';
    of_it += line.substr(place + kBetween.size());
  }
  std::string text;
  for (const auto& [name, of_it] : numbers) {
    if (!text.empty()) text += "; ";
    text += name;
    text += ':';
    text += of_it;
  }
  return text;
}
