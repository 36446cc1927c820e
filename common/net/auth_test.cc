#include "common/net/auth.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace {

using ipc::Authenticator;
using ipc::AuthState;
using ipc::Digest;
using ipc::Protocol;

constexpr const char* kPlace = "127.0.0.1:5000";
constexpr Protocol kProtocols[] = {Protocol::ours, Protocol::python,
                                   Protocol::python_md5};

std::string hex(const std::string& bytes) {
  std::string text;
  for (const unsigned char byte : bytes) {
    text += "0123456789abcdef"[byte / 16];
    text += "0123456789abcdef"[byte % 16];
  }
  return text;
}

// Lets two sides talk until both are done, one has failed, or neither speaks.
void talk(Authenticator& listener, Authenticator& client) {
  std::string message = listener.first_message();
  for (Authenticator* next = &client; !message.empty();
       next = next == &client ? &listener : &client) {
    if (next->state() != AuthState::waiting) return;
    message = next->answer(message);
  }
}

struct Outcome {
  AuthState listener;
  AuthState client;
};

Outcome meet(Protocol listener_protocol, const std::string& listener_key,
             Protocol client_protocol, const std::string& client_key,
             const std::string& client_place = kPlace) {
  auto listener =
      Authenticator::listener(listener_protocol, listener_key, kPlace);
  auto client =
      Authenticator::client(client_protocol, client_key, client_place);
  talk(listener, client);
  return {listener.state(), client.state()};
}

TEST(Hmac, GivesTheValuesOfTheStandards) {
  // RFC 4231, test case 2, and RFC 2202, test case 2.
  const std::string text = "what do ya want for nothing?";
  EXPECT_EQ(hex(ipc::hmac(Digest::sha256, "Jefe", text)),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hex(ipc::hmac(Digest::md5, "Jefe", text)),
            "750c783e6ab0b503eaa86e310a5db738");
  // RFC 4231, test case 6: a key that is longer than a block.
  EXPECT_EQ(
      hex(ipc::hmac(Digest::sha256, std::string(131, '\xaa'),
                    "Test Using Larger Than Block-Size Key - Hash Key First")),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Secrets, AreEqualOnlyIfAllBytesAre) {
  EXPECT_TRUE(ipc::equal_secrets("", ""));
  EXPECT_TRUE(ipc::equal_secrets("abc", "abc"));
  EXPECT_FALSE(ipc::equal_secrets("abc", "abd"));
  EXPECT_FALSE(ipc::equal_secrets("abc", "ab"));
  EXPECT_FALSE(ipc::equal_secrets("", "a"));
}

TEST(Auth, TwoSidesWithTheSameKeySucceed) {
  for (const Protocol protocol : kProtocols) {
    const Outcome outcome = meet(protocol, "key", protocol, "key");
    EXPECT_EQ(outcome.listener, AuthState::done);
    EXPECT_EQ(outcome.client, AuthState::done);
  }
}

TEST(Auth, TwoSidesWithDifferentKeysFail) {
  for (const Protocol protocol : kProtocols) {
    for (const std::string other : {"other", "key2", "ke", "Key"}) {
      const Outcome outcome = meet(protocol, "key", protocol, other);
      EXPECT_EQ(outcome.listener, AuthState::failed);
      EXPECT_EQ(outcome.client, AuthState::failed);
    }
  }
}

TEST(Auth, TwoSidesWithDifferentProtocolsFail) {
  for (const Protocol theirs : {Protocol::python, Protocol::python_md5}) {
    EXPECT_EQ(meet(theirs, "key", Protocol::ours, "key").client,
              AuthState::failed);
    EXPECT_EQ(meet(Protocol::ours, "key", theirs, "key").client,
              AuthState::failed);
  }
}

// An adversary without the key stands between the two, as the listener that the
// client was lured to, and forwards every message as it is.
TEST(Auth, ARelayIsRefusedByOurProtocolAndAcceptedByPythons) {
  const char* const lured_to = "127.0.0.1:6666";
  const Outcome ours =
      meet(Protocol::ours, "key", Protocol::ours, "key", lured_to);
  EXPECT_EQ(ours.listener, AuthState::failed);
  EXPECT_EQ(ours.client, AuthState::failed);
  const Outcome theirs =
      meet(Protocol::python, "key", Protocol::python, "key", lured_to);
  EXPECT_EQ(theirs.listener, AuthState::done)
      << "the attack that labs/authentication shows";
}

TEST(Auth, AnAnswerIsOfNoUseASecondTime) {
  for (const Protocol protocol : kProtocols) {
    auto first = Authenticator::listener(protocol, "key", kPlace);
    auto client = Authenticator::client(protocol, "key", kPlace);
    const std::string recorded = client.answer(first.first_message());
    (void)first.answer(recorded);
    ASSERT_NE(first.state(), AuthState::failed);
    auto second = Authenticator::listener(protocol, "key", kPlace);
    (void)second.answer(recorded);
    EXPECT_EQ(second.state(), AuthState::failed);
  }
}

TEST(Auth, AMessageSentBackToItsSenderIsRefused) {
  for (const Protocol protocol : kProtocols) {
    auto listener = Authenticator::listener(protocol, "key", kPlace);
    (void)listener.answer(listener.first_message());
    EXPECT_EQ(listener.state(), AuthState::failed);
  }
  // Its own nonce and MAC, sent back to the client as the listener's.
  auto client = Authenticator::client(Protocol::ours, "key", kPlace);
  const std::string said = client.answer(
      Authenticator::listener(Protocol::ours, "key", kPlace).first_message());
  (void)client.answer(said.substr(32));
  EXPECT_EQ(client.state(), AuthState::failed);
}

TEST(Auth, APartOfAnAnswerIsRefused) {
  for (const Protocol protocol : kProtocols) {
    for (size_t size = 0;; ++size) {
      auto listener = Authenticator::listener(protocol, "key", kPlace);
      auto client = Authenticator::client(protocol, "key", kPlace);
      const std::string whole = client.answer(listener.first_message());
      if (size == whole.size()) break;
      (void)listener.answer(whole.substr(0, size));
      EXPECT_EQ(listener.state(), AuthState::failed) << size;
    }
  }
}

TEST(Auth, Md5IsAcceptedOnlyWhereItIsAllowed) {
  const std::string old_challenge = "#CHALLENGE#" + std::string(20, 'n');
  auto client = Authenticator::client(Protocol::python, "key", kPlace);
  EXPECT_EQ(client.answer(old_challenge), "")
      << "it signs nonces that an attacker has chosen";
  EXPECT_EQ(client.state(), AuthState::failed);
  auto lenient = Authenticator::client(Protocol::python_md5, "key", kPlace);
  EXPECT_EQ(lenient.answer(old_challenge).size(), 16U);

  for (const char* const mark : {"{md5}", "{sha1}", "{sha384}", "{}", "{"}) {
    auto asked = Authenticator::client(Protocol::python_md5, "key", kPlace);
    EXPECT_EQ(asked.answer("#CHALLENGE#" + (mark + std::string(40, 'n'))), "");
    EXPECT_EQ(asked.state(), AuthState::failed) << mark;
  }

  auto listener = Authenticator::listener(Protocol::python, "key", kPlace);
  const std::string challenge = listener.first_message().substr(11);
  EXPECT_EQ(listener.answer(ipc::hmac(Digest::md5, "key", challenge)),
            "#FAILURE#");
}

// R22: whatever a stranger sends, it never gets to `done`.
TEST(Auth, RandomMessagesAreNeverLetIn) {
  std::mt19937 random(20'261'122);
  const std::vector<std::string> words = {
      "#CHALLENGE#", "#WELCOME#", "#FAILURE#",    "{sha256}",
      "{md5}",       "{",         "#IPC-LABS-1#", std::string(32, '\0')};
  const auto nonsense = [&] {
    std::string text;
    for (unsigned parts = random() % 4; parts > 0; --parts) {
      if (random() % 2 == 0) {
        text += words[random() % words.size()];
      } else {
        for (unsigned size = random() % 65; size > 0; --size) {
          text += static_cast<char>(random());
        }
      }
    }
    return text.substr(0, Authenticator::kMaxBytes);
  };
  for (int trial = 0; trial < 30'000; ++trial) {
    const Protocol protocol = kProtocols[trial % 3];
    auto us = trial % 2 == 0 ? Authenticator::listener(protocol, "key", kPlace)
                             : Authenticator::client(protocol, "key", kPlace);
    for (int i = 0; i < 5 && us.state() == AuthState::waiting; ++i) {
      const std::string reply = us.answer(nonsense());
      EXPECT_LE(reply.size(), size_t{Authenticator::kMaxBytes});
    }
    ASSERT_NE(us.state(), AuthState::done);
  }
}

}  // namespace
