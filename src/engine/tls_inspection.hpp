// What the certificate of a server says, and why it is refused, in words.
//
// The certificate is looked at while OpenSSL verifies it, in place of OpenSSL's own call of the verifier: there it can
// be seen also when it is refused and the connection ends. The name is checked in the same place, so that the text can
// tell which names the certificate is for; libcurl checks it once more afterwards.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <string>

namespace pulsimo::engine {

class TlsInspection {
  public:
    // Empty until a certificate was seen.
    std::int64_t expires_at_s() const noexcept { return expires_at_s_; }
    const std::string& issuer() const noexcept { return issuer_; }

    // Why the certificate was refused; empty: it was not.
    const std::string& refusal() const noexcept { return refusal_; }

    // Makes every handshake of this context report here and check for `name` (a host name or an address).
    // With `insecure` it only reports. The object must outlive the handshake. For CURLOPT_SSL_CTX_FUNCTION.
    void attach(SSL_CTX* context, const std::string& name, bool insecure, std::int64_t now_s) noexcept;

    // Reports from a connection whose handshake is past.
    void look_at(const SSL* connection) noexcept;

  private:
    static int verify(X509_STORE_CTX* store, void* self) noexcept;
    bool verify(X509_STORE_CTX* store);
    void describe(X509* certificate);

    std::string name_;
    bool insecure_ = false;
    std::int64_t now_s_ = 0;
    std::int64_t expires_at_s_ = 0;
    std::string issuer_;
    std::string refusal_;
};

}  // namespace pulsimo::engine
