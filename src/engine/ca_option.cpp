// "ca_certificate": read with OpenSSL, which will use it, when the option is written; not when the first check fails.
#include <openssl/err.h>
#include <openssl/pem.h>

#include <memory>
#include <new>

#include "engine/freer.hpp"
#include "engine/option_parsers.hpp"
#include "engine/text.hpp"

namespace pulsimo::engine {
namespace {

constexpr std::size_t kMaxCertificates = 256 * 1024;

using Bio = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;

// OpenSSL would ask for the password of an encrypted block on the terminal.
int no_password(char*, int, int, void*) {
    return -1;
}

// The certificates that can be read before the text ends or a block in it is broken.
int count_certificates(const std::string& pem, bool& broken) {
    ERR_clear_error();
    const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    if (!bio) throw std::bad_alloc();
    int count = 0;
    while (Certificate(PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr))) ++count;
    const unsigned long error = ERR_peek_last_error();
    broken = ERR_GET_LIB(error) != ERR_LIB_PEM || ERR_GET_REASON(error) != PEM_R_NO_START_LINE;
    ERR_clear_error();
    return count;
}

}  // namespace

void read_ca_certificate(HttpOptions& options, const Option& option) {
    const std::string& pem = option.non_empty_text(kMaxCertificates);
    if (contains_word(pem, "PRIVATE KEY-----")) {
        option.refuse("contains a private key", "Only certificates are needed, and a key must not be stored here.");
    }
    bool broken = false;
    const int count = count_certificates(pem, broken);
    if (count == 0 || broken) {
        option.refuse("must be one or more certificates in PEM form",
                      "PEM text begins with \"-----BEGIN CERTIFICATE-----\".");
    }
    options.ca_certificate = pem;
}

}  // namespace pulsimo::engine
