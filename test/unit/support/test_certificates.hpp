// Certificates made at run time, so that none in the repository ever expires.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <vector>

namespace pulsimo::test {

struct FreeCertificate {
    void operator()(X509* certificate) const noexcept { X509_free(certificate); }
};
struct FreeKey {
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};

struct Certificate {
    std::unique_ptr<X509, FreeCertificate> certificate;
    std::unique_ptr<EVP_PKEY, FreeKey> key;

    std::string pem() const;
};

struct CertificateOptions {
    std::string common_name = "localhost";
    std::vector<std::string> names{"DNS:localhost", "IP:127.0.0.1",
                                   "IP:::1"};  // as OpenSSL's subjectAltName takes them
    long valid_from_s = -3600;                 // from now
    long valid_to_s = 90L * 86400;
    const Certificate* issuer = nullptr;  // nullptr: self-signed
    bool authority = false;
};

Certificate make_certificate(const CertificateOptions& options);

// An authority of tests.
Certificate make_authority(const std::string& common_name = "Pulsimo Test Authority");

}  // namespace pulsimo::test
