// Proves that both sides of a connection know the same key, without sending it.
//
//   ipc::Authenticator us = ipc::Authenticator::listener(protocol, key, place);
//   send(us.first_message());                    // If it is not empty.
//   while (us.state() == AuthState::waiting) {
//     send(us.answer(receive()));                // Likewise.
//   }
//
// It only computes: sockets and deadlines are the business of Listener and
// connect(). Every message comes from a stranger and may be anything.
//
// A nonce is random and used once. A MAC is a hash of a text and the key, which
// only a process that knows the key can compute.
//
// Protocol::ours     listener -> "#IPC-LABS-1#" nonce L (32 bytes)
//                    client   -> nonce C (32 bytes), MAC of a client
//                    listener -> MAC of a listener, or "#FAILURE#"
//   Each MAC is HMAC-SHA-256 over version, role, both nonces, and the address
//   of the listener as each side sees it in its own socket. So a MAC from one
//   connection is useless in any other, and in the other direction. A listener
//   in the middle that forwards all messages has the wrong address. For the
//   same reason the handshake fails through a translated address (NAT).
// Protocol::python   that of Python's multiprocessing.connection since 3.12:
//                    listener -> "#CHALLENGE#{sha256}" nonce
//                    client   -> "{sha256}" MAC over "{sha256}" nonce
//                    listener -> "#WELCOME#" or "#FAILURE#"
//                    and the same again with the roles exchanged.
//   The MAC covers neither role nor address. So an attacker to whom a client
//   connects can forward the challenge of a true listener to that client, and
//   the answer back, and is let in without the key.
// Protocol::python_md5  the same, but HMAC-MD5 is accepted as well: Python up
//                    to 3.11 has nothing else.
//
// None of these hides or protects the messages that follow; TLS does.
//
// Errors: std::system_error if there are no random bytes; std::runtime_error if
//         OpenSSL does not know the hash (MD5 where FIPS is in force).
// See:    HMAC(3ssl), RFC 2104; the comments of Python 3.12 and later in its
//         multiprocessing/connection.py.
#pragma once

#include <string>
#include <string_view>

namespace ipc {

enum class Protocol { ours, python, python_md5 };

enum class AuthState {
  waiting,  // For a message of the peer.
  done,     // The peer knows the key, and knows that we know it.
  failed,
};

enum class Digest { sha256, md5 };

// The HMAC of a text, as bytes: 32 with SHA-256, 16 with MD5.
std::string hmac(Digest digest, std::string_view key, std::string_view text);

// Compares in a time that depends only on the sizes, so that the time does not
// reveal how much of a guess was right.
bool equal_secrets(std::string_view left, std::string_view right);

class Authenticator {
 public:
  // No message of a handshake may be longer; Python has the same limit.
  static constexpr int kMaxBytes = 256;

  // `listener_address` is that of the connected socket: getsockname(2) here,
  // getpeername(2) on the client's side.
  static Authenticator listener(Protocol protocol, std::string key,
                                std::string listener_address);
  static Authenticator client(Protocol protocol, std::string key,
                              std::string listener_address);

  // What is to be sent before anything is received: the listener begins, and
  // for a client this is empty.
  [[nodiscard]] const std::string& first_message() const { return first_; }

  // Takes a message, and returns what is to be sent now, "" if nothing. Even
  // after a failure there may be a message to send. Requires: state() is
  // waiting.
  [[nodiscard]] std::string answer(std::string_view message);

  [[nodiscard]] AuthState state() const { return state_; }

  // Why it has failed; reveals nothing about the key.
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  enum class Step { challenge, answer, verdict, client_nonce, listener_mac };

  Authenticator(Protocol protocol, std::string key, std::string address);

  std::string fail(std::string problem, std::string last_message = {});
  std::string make_challenge();
  std::string take_challenge(std::string_view message);
  std::string take_answer(std::string_view message);
  std::string take_verdict(std::string_view message);
  std::string take_client_nonce(std::string_view message);
  std::string take_listener_nonce(std::string_view message);
  std::string take_listener_mac(std::string_view message);
  [[nodiscard]] std::string our_mac(std::string_view role) const;

  Protocol protocol_;
  std::string key_;
  std::string address_;
  bool is_listener_ = false;
  Step step_ = Step::challenge;
  AuthState state_ = AuthState::waiting;
  std::string first_;
  std::string problem_;
  std::string challenge_;       // What we have sent, without its mark.
  std::string listener_nonce_;  // Of our own protocol.
  std::string client_nonce_;
};

}  // namespace ipc
