#include "labs/status_monitor/forged.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <memory>
#include <stdexcept>
#include <string_view>

#include "common/base/errors.h"

namespace {

using Key = std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)>;
using Certificate = std::unique_ptr<X509, void (*)(X509*)>;

Key make_key() { return {EVP_EC_gen("P-256"), EVP_PKEY_free}; }

// A certificate for `key`, signed with that same key, as anyone could make it.
Certificate certify(EVP_PKEY* key, const char* who) {
  Certificate certificate(X509_new(), X509_free);
  X509* const x509 = certificate.get();
  const std::unique_ptr<X509_NAME, void (*)(X509_NAME*)> name(X509_NAME_new(),
                                                              X509_NAME_free);
  X509_NAME_add_entry_by_txt(name.get(), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(who), -1,
                             -1, 0);
  X509_set_subject_name(x509, name.get());
  X509_set_issuer_name(x509, name.get());
  X509_gmtime_adj(X509_getm_notBefore(x509), 0);
  X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
  X509_set_pubkey(x509, key);
  if (X509_sign(x509, key, EVP_sha256()) == 0) {
    throw std::runtime_error("X509_sign");
  }
  return certificate;
}

}  // namespace

std::string make_authority() {
  const Key key = make_key();
  const std::unique_ptr<BIO, int (*)(BIO*)> text(BIO_new(BIO_s_mem()),
                                                 BIO_free);
  PEM_write_bio_X509(text.get(), certify(key.get(), "authority.test").get());
  char* begin = nullptr;
  const long size = BIO_get_mem_data(text.get(), &begin);
  return {begin, static_cast<size_t>(size)};
}

void serve_forged(const ipc::UniqueFd& listener) {
  const Key key = make_key();
  const Certificate certificate = certify(key.get(), "forged.test");
  const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(
      SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  SSL_CTX_use_certificate(context.get(), certificate.get());
  SSL_CTX_use_PrivateKey(context.get(), key.get());
  while (true) {
    const ipc::UniqueFd peer(ipc::check(
        ipc::retry([&] { return ::accept(listener.get(), nullptr, nullptr); }),
        "accept"));
    const std::unique_ptr<SSL, void (*)(SSL*)> tls(SSL_new(context.get()),
                                                   SSL_free);
    SSL_set_fd(tls.get(), peer.get());
    if (SSL_accept(tls.get()) != 1) continue;  // It does not trust us.
    constexpr std::string_view kReply =
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    SSL_write(tls.get(), kReply.data(), static_cast<int>(kReply.size()));
    SSL_shutdown(tls.get());
  }
}
