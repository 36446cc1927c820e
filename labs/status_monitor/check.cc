#include "labs/status_monitor/check.h"

#include <curl/curl.h>
#include <errno.h>
#include <fmt/format.h>

#include <memory>
#include <stdexcept>

#include "common/base/clock.h"

namespace {

size_t discard(char* /*bytes*/, size_t size, size_t count, void* /*user*/) {
  return size * count;
}

// Ignores http_proxy, and the authorities that are installed here.
void trust_only(const Target& target, CURL* curl) {
  curl_blob authority{};
  // libcurl does not change it, and it outlives the transfer.
  authority.data = const_cast<char*>(target.own_authority.data());
  authority.len = target.own_authority.size();
  curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &authority);
  curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
}

// There was an answer: its code decides, not whether libcurl is content.
Answer judge_code(long code, double response_s, const Target& target) {
  if (code < 300) {  // [code]
    if (response_s <= target.slow_after_s) return {"online", response_s};
    return {"slow", response_s, "it answers, but late"};
  }
  const char* const word = code < 400 ? "moved" : "error";
  return {fmt::format("{}-{}", word, code), response_s,
          fmt::format("HTTP Status: {}", code)};
}

// There was no answer. The words are ours, because those of libcurl change.
Answer judge_failure(CURLcode result, CURL* curl, double response_s) {
  double lookup_s = 0;
  curl_easy_getinfo(curl, CURLINFO_NAMELOOKUP_TIME, &lookup_s);
  long error = 0;
  curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &error);
  if (result == CURLE_COULDNT_RESOLVE_HOST ||
      (result == CURLE_OPERATION_TIMEDOUT && lookup_s == 0)) {
    return {"unresolvable", response_s, "its name has no address"};
  }
  if (result == CURLE_COULDNT_CONNECT && error == ECONNREFUSED) {
    return {"refused", response_s, "no process listens there"};
  }
  switch (result) {
    case CURLE_OPERATION_TIMEDOUT:
      return {"timeout", response_s, "no answer in time"};
    case CURLE_PEER_FAILED_VERIFICATION:
      return {"untrusted", response_s, "its certificate proves nothing"};
    default:
      return {"failed", response_s, curl_easy_strerror(result)};
  }
}

}  // namespace

Answer check(const Target& target) {
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(),
                                                    curl_easy_cleanup);
  if (!curl) throw std::runtime_error("curl_easy_init");
  const std::unique_ptr<curl_slist, void (*)(curl_slist*)> addresses(
      curl_slist_append(nullptr, ("::" + target.connect_to).c_str()),
      curl_slist_free_all);
  if (!target.connect_to.empty()) {
    curl_easy_setopt(curl.get(), CURLOPT_CONNECT_TO, addresses.get());
  }
  if (!target.own_authority.empty()) trust_only(target, curl.get());
  curl_easy_setopt(curl.get(), CURLOPT_URL, target.url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_USERAGENT, "Server Monitor");
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS,  // [limit]
                   static_cast<long>(target.limit_s * 1000));
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, discard);
  const int64_t begin_ns = ipc::now_ns();
  const CURLcode result = curl_easy_perform(curl.get());
  const double response_s = static_cast<double>(ipc::now_ns() - begin_ns) / 1e9;
  if (result != CURLE_OK) return judge_failure(result, curl.get(), response_s);
  long code = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &code);
  return judge_code(code, response_s, target);
}
