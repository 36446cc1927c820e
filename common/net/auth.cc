#include "common/net/auth.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <stdexcept>
#include <utility>

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/random.h"

namespace ipc {
namespace {

constexpr std::string_view kChallenge = "#CHALLENGE#";
constexpr std::string_view kWelcome = "#WELCOME#";
constexpr std::string_view kFailure = "#FAILURE#";
constexpr std::string_view kSha256 = "{sha256}";
constexpr size_t kPythonNonce = 40;  // As many as Python sends since 3.12,
constexpr size_t kOldNonce = 20;     // and before, without "{sha256}".

constexpr std::string_view kGreeting = "#IPC-LABS-1#";
constexpr size_t kNonce = 32;
constexpr size_t kMac = 32;

std::string random_bytes(size_t size) {
  std::string bytes(size, '\0');
  fill_random(bytes.data(), bytes.size());
  return bytes;
}

// Appends a field with its size in front, so that no two lists of fields give
// the same text.
void append_field(std::string& text, std::string_view field) {
  text += std::to_string(field.size());
  text += ':';
  text += field;
}

}  // namespace

std::string hmac(Digest digest, std::string_view key, std::string_view text) {
  const EVP_MD* const hash =
      digest == Digest::sha256 ? ::EVP_sha256() : ::EVP_md5();
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned size = 0;
  // An empty string_view may have no address, which OpenSSL would refuse.
  const void* const key_data = key.empty() ? "" : key.data();
  if (::HMAC(hash, key_data, static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(text.data()), text.size(),
             mac.data(), &size) == nullptr) {
    throw std::runtime_error("HMAC: OpenSSL does not provide the hash");
  }
  return {reinterpret_cast<const char*>(mac.data()), size};
}

bool equal_secrets(std::string_view left, std::string_view right) {
  return left.size() == right.size() &&
         ::CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

Authenticator::Authenticator(Protocol protocol, std::string key,
                             std::string address)
    : protocol_(protocol), key_(std::move(key)), address_(std::move(address)) {
  IPC_CHECK(!key_.empty());
}

Authenticator Authenticator::listener(Protocol protocol, std::string key,
                                      std::string listener_address) {
  Authenticator us(protocol, std::move(key), std::move(listener_address));
  us.is_listener_ = true;
  if (protocol == Protocol::ours) {
    us.listener_nonce_ = random_bytes(kNonce);
    us.first_ = std::string(kGreeting) + us.listener_nonce_;
    us.step_ = Step::client_nonce;
  } else {
    us.first_ = us.make_challenge();
  }
  return us;
}

Authenticator Authenticator::client(Protocol protocol, std::string key,
                                    std::string listener_address) {
  return {protocol, std::move(key), std::move(listener_address)};
}

std::string Authenticator::answer(std::string_view message) {
  IPC_CHECK(state_ == AuthState::waiting);
  switch (step_) {
    case Step::challenge:
      return protocol_ == Protocol::ours ? take_listener_nonce(message)
                                         : take_challenge(message);
    case Step::answer:
      return take_answer(message);
    case Step::verdict:
      return take_verdict(message);
    case Step::client_nonce:
      return take_client_nonce(message);
    case Step::listener_mac:
      return take_listener_mac(message);
  }
  return fail("no such step");
}

std::string Authenticator::fail(std::string problem, std::string last_message) {
  state_ = AuthState::failed;
  problem_ = std::move(problem);
  return last_message;
}

// Python's protocol. The listener challenges first, then the client does.

std::string Authenticator::make_challenge() {
  // A peer before 3.12 takes the mark of the hash for a part of the nonce.
  challenge_ = std::string(kSha256) + random_bytes(kPythonNonce);
  step_ = Step::answer;
  return std::string(kChallenge) + challenge_;
}

std::string Authenticator::take_challenge(std::string_view message) {
  if (!message.starts_with(kChallenge))
    return fail("the peer has sent no challenge");
  message.remove_prefix(kChallenge.size());
  step_ = Step::verdict;
  if (message.starts_with(kSha256) && message.size() > kOldNonce) {
    return std::string(kSha256) + hmac(Digest::sha256, key_, message);
  }
  if (message.size() == kOldNonce && protocol_ == Protocol::python_md5) {
    return hmac(Digest::md5, key_, message);
  }
  return fail("the peer asks for a hash other than SHA-256");
}

std::string Authenticator::take_answer(std::string_view message) {
  const bool with_sha256 = message.starts_with(kSha256);
  if (!with_sha256 && protocol_ != Protocol::python_md5) {
    return fail("the answer is not made with SHA-256", std::string(kFailure));
  }
  const std::string expected =
      with_sha256
          ? std::string(kSha256) + hmac(Digest::sha256, key_, challenge_)
          : hmac(Digest::md5, key_, challenge_);
  if (!equal_secrets(message, expected)) {
    return fail("the peer has another key", std::string(kFailure));
  }
  if (is_listener_) {
    step_ = Step::challenge;
  } else {
    state_ = AuthState::done;
  }
  return std::string(kWelcome);
}

std::string Authenticator::take_verdict(std::string_view message) {
  if (message != kWelcome) return fail("the peer refuses our key");
  if (!is_listener_) return make_challenge();
  state_ = AuthState::done;
  return {};
}

// Our own protocol.

std::string Authenticator::our_mac(std::string_view role) const {
  std::string text;
  for (const std::string_view field :
       {kGreeting, role, std::string_view(listener_nonce_),
        std::string_view(client_nonce_), std::string_view(address_)}) {
    append_field(text, field);
  }
  return hmac(Digest::sha256, key_, text);
}

std::string Authenticator::take_listener_nonce(std::string_view message) {
  if (!message.starts_with(kGreeting) ||
      message.size() != kGreeting.size() + kNonce) {
    return fail("the peer speaks another protocol");
  }
  listener_nonce_ = message.substr(kGreeting.size());
  client_nonce_ = random_bytes(kNonce);
  step_ = Step::listener_mac;
  return client_nonce_ + our_mac("client");
}

std::string Authenticator::take_client_nonce(std::string_view message) {
  if (message.size() != kNonce + kMac) {
    return fail("the peer speaks another protocol", std::string(kFailure));
  }
  client_nonce_ = message.substr(0, kNonce);
  if (!equal_secrets(message.substr(kNonce), our_mac("client"))) {
    return fail("the peer has another key or came by another address",
                std::string(kFailure));
  }
  state_ = AuthState::done;
  return our_mac("listener");
}

std::string Authenticator::take_listener_mac(std::string_view message) {
  if (message == kFailure) return fail("the peer refuses our key");
  if (!equal_secrets(message, our_mac("listener"))) {
    return fail("the peer has another key or another address");
  }
  state_ = AuthState::done;
  return {};
}

}  // namespace ipc
