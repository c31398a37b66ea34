// What the certificate of a server says, and why it is refused, in words.
//
// The certificate is looked at while OpenSSL verifies it, in place of OpenSSL's own call of the verifier: there it can
// be seen also when it is refused and the connection ends. The name is checked in the same place, so that the text can
// tell which names the certificate is for; libcurl checks it once more afterwards.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/freer.hpp"

namespace pulsimo::engine {

struct CertificateFacts {
    static constexpr std::size_t kMostNames = 20;

    // Texts are as the certificate has them, times in seconds since 1970; 0: it does not tell.
    std::string subject, issuer;
    std::vector<std::string> names;  // hosts and addresses that it is for, the first kMostNames
    std::int64_t not_before_s = 0;
    std::int64_t not_after_s = 0;
    std::string error;  // why it was refused; empty: it was not
};

class TlsInspection {
  public:
    // Empty until a certificate was seen.
    std::int64_t expires_at_s() const noexcept;
    std::string issuer() const;  // safe, and cut as a result wants it

    // Why the certificate was refused; empty: it was not.
    const std::string& refusal() const noexcept { return refusal_; }

    // All of it; nothing until a certificate was seen.
    std::optional<CertificateFacts> facts() const;

    // Makes every handshake of this context report here and check for `name` (a host name or an address).
    // With `insecure` it only reports. The object must outlive the handshake. For CURLOPT_SSL_CTX_FUNCTION.
    void attach(SSL_CTX* context, const std::string& name, bool insecure, std::int64_t now_s) noexcept;

    // Reports from a connection whose handshake is past.
    void look_at(const SSL* connection) noexcept { certificate_.reset(SSL_get1_peer_certificate(connection)); }

  private:
    static int verify(X509_STORE_CTX* store, void* self) noexcept;
    bool verify(X509_STORE_CTX* store);

    std::string name_;
    bool insecure_ = false;
    std::int64_t now_s_ = 0;
    std::unique_ptr<X509, Freer<X509_free>> certificate_;
    std::string refusal_;
};

}  // namespace pulsimo::engine
