// Wrong: whatever is not a success is "offline", after 0 ms.
//
// urllib throws the same exception for a 404 as for a refused connection, and
// the guide's monitor catches it before it has taken the time.

#include <curl/curl.h>

#include <string>

#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/status_monitor/sites.h"

namespace {

void monitor(const Target& target) {
  CURL* const curl = curl_easy_init();
  curl_slist* const addresses =
      curl_slist_append(nullptr, ("::" + target.connect_to).c_str());
  curl_easy_setopt(curl, CURLOPT_CONNECT_TO, addresses);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_URL, target.url.c_str());
  curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
  const bool failed = curl_easy_perform(curl) != CURLE_OK;
  ipc::say("Status is {} (Response time: {:.3f} ms)",
           failed ? "offline" : "online", 0.0);
  curl_slist_free_all(addresses);
  curl_easy_cleanup(curl);
}

std::string lesson() {
  const Sites sites;
  for (const char* const name : {"missing.test", "refused.test"}) {
    ipc::Process process(std::string("Monitor for ") + name,
                         [&] { monitor(sites.all().at(name).target); });
    if (process.join() != 0) return "a monitor failed";
  }
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("all_offline", "A process watches each web server.");
  return lab.run(argc, argv, lesson);
}
