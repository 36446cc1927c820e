#include "channel.h"

#include <fmt/format.h>
#include <sys/time.h>

// Since 0.12 the headers are in a folder, and the old ones print a warning.
#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/framing.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#endif

#include <new>
#include <stdexcept>
#include <vector>

namespace {

constexpr amqp_channel_t kChannel = 1;
constexpr int kFrameBytesMax = 1 << 17;
constexpr timeval kConnectLimit = {5, 0};

[[noreturn]] void fail(const char* what, std::string_view why) {
  throw std::runtime_error(fmt::format("{}: {}", what, why));
}

std::string text(amqp_bytes_t bytes) {
  return {static_cast<const char*>(bytes.bytes), bytes.len};
}

amqp_bytes_t bytes(std::string_view text) {
  // The library's functions lack const, but they do not change this text.
  return {text.size(), const_cast<char*>(text.data())};
}

void check_status(int status, const char* what) {
  if (status != AMQP_STATUS_OK) fail(what, amqp_error_string2(status));
}

// What the broker says when it closes a channel or a connection.
std::string reason(const amqp_method_t& method) {
  if (method.id == AMQP_CHANNEL_CLOSE_METHOD) {
    return text(static_cast<amqp_channel_close_t*>(method.decoded)->reply_text);
  }
  if (method.id == AMQP_CONNECTION_CLOSE_METHOD) {
    return text(
        static_cast<amqp_connection_close_t*>(method.decoded)->reply_text);
  }
  return fmt::format("unexpected method {:#x}", method.id);
}

void check_reply(const amqp_rpc_reply_t& reply, const char* what) {
  if (reply.reply_type == AMQP_RESPONSE_NORMAL) return;
  if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION) {
    fail(what, reason(reply.reply));
  }
  fail(what, amqp_error_string2(reply.library_error));
}

amqp_table_entry_t entry(const char* key, int value) {
  amqp_table_entry_t entry{};
  entry.key = amqp_cstring_bytes(key);
  entry.value.kind = AMQP_FIELD_KIND_I32;
  entry.value.value.i32 = value;
  return entry;
}

amqp_table_entry_t entry(const char* key, std::string_view value) {
  amqp_table_entry_t entry{};
  entry.key = amqp_cstring_bytes(key);
  entry.value.kind = AMQP_FIELD_KIND_UTF8;
  entry.value.value.bytes = bytes(value);
  return entry;
}

// Logs in as a client that wants to be told when a queue that it consumes from
// is deleted: without this RabbitMQ says nothing, and the client waits forever.
amqp_rpc_reply_t log_in(amqp_connection_state_t connection,
                        const amqp_connection_info& info) {
  amqp_table_entry_t notify{};
  notify.key = amqp_cstring_bytes("consumer_cancel_notify");
  notify.value.kind = AMQP_FIELD_KIND_BOOLEAN;
  notify.value.value.boolean = 1;
  amqp_table_entry_t capabilities{};
  capabilities.key = amqp_cstring_bytes("capabilities");
  capabilities.value.kind = AMQP_FIELD_KIND_TABLE;
  capabilities.value.value.table = {1, &notify};
  const amqp_table_t properties = {1, &capabilities};
  const char* const vhost = *info.vhost == '\0' ? "/" : info.vhost;
  return amqp_login_with_properties(connection, vhost, 0, kFrameBytesMax,
                                    /*heartbeat=*/0, &properties,
                                    AMQP_SASL_METHOD_PLAIN, info.user,
                                    info.password);
}

std::string property(amqp_connection_state_t connection, std::string_view key) {
  const amqp_table_t* const table = amqp_get_server_properties(connection);
  for (int i = 0; i < table->num_entries; ++i) {
    const amqp_table_entry_t& entry = table->entries[i];
    if (text(entry.key) == key) return text(entry.value.value.bytes);
  }
  return "?";
}

void open_socket(amqp_connection_state_t connection,
                 const amqp_connection_info& info) {
  amqp_socket_t* const socket = amqp_tcp_socket_new(connection);
  if (socket == nullptr) throw std::bad_alloc();
  check_status(
      amqp_socket_open_noblock(socket, info.host, info.port, &kConnectLimit),
      "connect to the broker");
}

}  // namespace

Channel::Channel(const std::string& url)
    : owned_(amqp_new_connection(), &amqp_destroy_connection),
      connection_(owned_.get()) {
  if (connection_ == nullptr) throw std::bad_alloc();
  amqp_connection_info info;
  std::string pieces = url;  // The library cuts it up.
  check_status(amqp_parse_url(pieces.data(), &info), "URL of the broker");
  if (info.ssl != 0) fail("URL of the broker", "TLS is not supported");
  open_socket(connection_, info);
  check_reply(log_in(connection_, info), "log in to the broker");
  amqp_channel_open(connection_, kChannel);
  check("open a channel");
  amqp_confirm_select(connection_, kChannel);
  check("ask for confirms");
}

Channel::~Channel() { amqp_connection_close(connection_, AMQP_REPLY_SUCCESS); }

void Channel::check(const char* what) const {
  check_reply(amqp_get_rpc_reply(connection_), what);
}

std::string Channel::broker() const {
  return property(connection_, "product") + " " +
         property(connection_, "version");
}

void Channel::declare(const std::string& queue, int delivery_limit,
                      const std::string& dead_letters) {
  // Only this type of queue counts deliveries.
  std::vector entries = {entry("x-queue-type", "quorum"),
                         entry("x-expires", 60'000)};
  if (delivery_limit > 0) {
    // How often it may be given out again after its first delivery.
    entries.push_back(entry("x-delivery-limit", delivery_limit - 1));
    // The exchange "" gives a message to the queue whose name is its key.
    entries.push_back(entry("x-dead-letter-exchange", ""));
    entries.push_back(entry("x-dead-letter-routing-key", dead_letters));
  }
  const amqp_table_t arguments = {static_cast<int>(entries.size()),
                                  entries.data()};
  amqp_queue_declare(connection_, kChannel, bytes(queue), /*passive=*/0,
                     /*durable=*/1, /*exclusive=*/0, /*auto_delete=*/0,
                     arguments);
  check("declare a queue");
}

void Channel::remove(const std::string& queue) {
  amqp_queue_delete(connection_, kChannel, bytes(queue), /*if_unused=*/0,
                    /*if_empty=*/0);
  check("delete a queue");
}

Channel::Counts Channel::counts(const std::string& queue) {
  const amqp_queue_declare_ok_t* const found =
      amqp_queue_declare(connection_, kChannel, bytes(queue), /*passive=*/1, 0,
                         0, 0, amqp_empty_table);
  check("look at a queue");
  return {found->message_count, found->consumer_count};
}

void Channel::publish(const std::string& queue, std::string_view body) {
  amqp_basic_properties_t properties{};
  properties._flags = AMQP_BASIC_DELIVERY_MODE_FLAG;
  properties.delivery_mode = AMQP_DELIVERY_PERSISTENT;
  check_status(amqp_basic_publish(connection_, kChannel, amqp_empty_bytes,
                                  bytes(queue), /*mandatory=*/1,
                                  /*immediate=*/0, &properties, bytes(body)),
               "publish");
  amqp_frame_t frame{};
  check_status(amqp_simple_wait_frame(connection_, &frame), "publish");
  const bool confirmed = frame.frame_type == AMQP_FRAME_METHOD &&
                         frame.payload.method.id == AMQP_BASIC_ACK_METHOD;
  if (!confirmed) fail("publish", "the broker does not take the message");
  amqp_maybe_release_buffers(connection_);
}

void Channel::consume(const std::string& queue, uint16_t prefetch,
                      bool automatic) {
  if (prefetch > 0) {
    amqp_basic_qos(connection_, kChannel, 0, prefetch, 0);
    check("set the prefetch count");
  }
  amqp_basic_consume(connection_, kChannel, bytes(queue), amqp_empty_bytes,
                     /*no_local=*/0, automatic ? 1 : 0, /*exclusive=*/0,
                     amqp_empty_table);
  check("consume");
}

std::optional<Delivery> Channel::next() {
  amqp_maybe_release_buffers(connection_);
  amqp_envelope_t envelope{};
  const amqp_rpc_reply_t reply =
      amqp_consume_message(connection_, &envelope, nullptr, 0);
  if (reply.reply_type == AMQP_RESPONSE_NORMAL) {
    Delivery delivery{text(envelope.routing_key), text(envelope.message.body),
                      envelope.delivery_tag, envelope.redelivered != 0};
    amqp_destroy_envelope(&envelope);
    return delivery;
  }
  if (reply.reply_type != AMQP_RESPONSE_LIBRARY_EXCEPTION ||
      reply.library_error != AMQP_STATUS_UNEXPECTED_STATE) {
    check_reply(reply, "receive");
  }
  // Something came that is not a message.
  amqp_frame_t frame{};
  check_status(amqp_simple_wait_frame(connection_, &frame), "receive");
  if (frame.frame_type != AMQP_FRAME_METHOD) fail("receive", "a stray frame");
  if (frame.payload.method.id != AMQP_BASIC_CANCEL_METHOD) {
    fail("receive", reason(frame.payload.method));
  }
  return std::nullopt;
}

void Channel::acknowledge(const Delivery& delivery) {
  check_status(amqp_basic_ack(connection_, kChannel, delivery.tag,
                              /*multiple=*/0),
               "acknowledge");
}

void require_client() {}
