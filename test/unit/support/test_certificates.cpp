#include "unit/support/test_certificates.hpp"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <stdexcept>

namespace pulsimo::test {

namespace {

template <class Value>
Value expect(Value value, const char* call) {
    if (!value) throw std::runtime_error(std::string("OpenSSL refuses ") + call);
    return value;
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = expect(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()), "an extension");
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
    return text;
}

long next_serial() {
    static long serial = 0;
    return ++serial;
}

}  // namespace

std::string Certificate::pem() const {
    const std::unique_ptr<BIO, int (*)(BIO*)> bio(expect(BIO_new(BIO_s_mem()), "BIO_new"), BIO_free);
    PEM_write_bio_X509(bio.get(), certificate.get());
    char* text = nullptr;
    const long length = BIO_get_mem_data(bio.get(), &text);
    return {text, static_cast<std::size_t>(length)};
}

Certificate make_certificate(const CertificateOptions& options) {
    Certificate made;
    made.key.reset(expect(EVP_EC_gen("P-256"), "EVP_EC_gen"));
    made.certificate.reset(expect(X509_new(), "X509_new"));
    X509* certificate = made.certificate.get();
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), next_serial());
    X509_gmtime_adj(X509_getm_notBefore(certificate), options.valid_from_s);
    X509_gmtime_adj(X509_getm_notAfter(certificate), options.valid_to_s);
    X509_set_pubkey(certificate, made.key.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(options.common_name.c_str()), -1, -1, 0);
    const Certificate& issuer = options.issuer != nullptr ? *options.issuer : made;
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer.certificate.get()));
    if (!options.names.empty()) {
        add_extension(certificate, issuer.certificate.get(), NID_subject_alt_name, joined(options.names));
    }
    if (options.authority) {
        add_extension(certificate, issuer.certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
        add_extension(certificate, issuer.certificate.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
    }
    expect(X509_sign(certificate, issuer.key.get(), EVP_sha256()), "X509_sign");
    return made;
}

Certificate make_authority(const std::string& common_name) {
    CertificateOptions options;
    options.common_name = common_name;
    options.names.clear();
    options.authority = true;
    return make_certificate(options);
}

}  // namespace pulsimo::test
