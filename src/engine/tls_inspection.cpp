#include "engine/tls_inspection.hpp"

#include <arpa/inet.h>
#include <openssl/x509v3.h>

#include <ctime>

#include "engine/duration_text.hpp"
#include "engine/result.hpp"
#include "engine/socket_address.hpp"
#include "engine/text.hpp"

namespace pulsimo::engine {

namespace {

constexpr int kNamesShown = 3;  // a certificate may be for hundreds

using Names = std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>>;

struct FreeBio {
    void operator()(BIO* bio) const noexcept { BIO_free(bio); }
};

std::int64_t to_seconds(const ASN1_TIME* time) noexcept {
    std::tm parts{};
    return ASN1_TIME_to_tm(time, &parts) == 1 ? timegm(&parts) : 0;
}

// "O = Example Trust, CN = Example CA 1"
std::string name_text(const X509_NAME* name) {
    const std::unique_ptr<BIO, FreeBio> bio(BIO_new(BIO_s_mem()));
    if (!bio || name == nullptr) return {};
    X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
    char* text = nullptr;
    const long length = BIO_get_mem_data(bio.get(), &text);
    return length > 0 ? std::string(text, static_cast<std::size_t>(length)) : std::string();
}

std::string common_name(const X509* certificate) {
    std::string text(256, '\0');
    const int length = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text.data(),
                                                 static_cast<int>(text.size()));
    text.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
    return text;
}

Names alternative_names(const X509* certificate) {
    return Names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
}

std::string bytes_of(const ASN1_STRING* string) {
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
            static_cast<std::size_t>(ASN1_STRING_length(string))};
}

// A host or an address; empty: something else.
std::string host_text(const GENERAL_NAME* name) {
    if (name->type == GEN_DNS) return bytes_of(name->d.dNSName);
    if (name->type != GEN_IPADD) return {};
    const std::string bytes = bytes_of(name->d.iPAddress);
    char text[INET6_ADDRSTRLEN] = {};
    const bool is_address = bytes.size() == sizeof(in_addr) || bytes.size() == sizeof(in6_addr);
    if (is_address) inet_ntop(bytes.size() == sizeof(in_addr) ? AF_INET : AF_INET6, bytes.data(), text, sizeof text);
    return text;
}

std::vector<std::string> hosts_of(const X509* certificate) {
    const Names names = alternative_names(certificate);
    std::vector<std::string> hosts;
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
        if (hosts.size() == CertificateFacts::kMostNames) break;
        std::string host = host_text(sk_GENERAL_NAME_value(names.get(), i));
        if (!host.empty()) hosts.push_back(std::move(host));
    }
    return hosts;
}

// The first names the certificate is for.
std::string names_of(X509* certificate) {
    const Names names = alternative_names(certificate);
    std::string text;
    int shown = 0;
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
        if (name->type != GEN_DNS) continue;
        if (++shown > kNamesShown) return text + ", ...";
        if (shown > 1) text += ", ";
        text += bytes_of(name->d.dNSName);
    }
    return shown > 0 ? text : common_name(certificate);
}

bool is_for(X509* certificate, const std::string& name) {
    const bool is_address = SocketAddress::parse(name, 0).has_value();
    return (is_address ? X509_check_ip_asc(certificate, name.c_str(), 0)
                       : X509_check_host(certificate, name.data(), name.size(), 0, nullptr)) == 1;
}

std::string reason(int error, X509* certificate, std::int64_t now_s) {
    switch (error) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return "certificate expired " + days_text(now_s - to_seconds(X509_get0_notAfter(certificate))) + " ago";
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return "certificate becomes valid in " + days_text(to_seconds(X509_get0_notBefore(certificate)) - now_s);
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
            return "certificate is self-signed";
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
            return "certificate issuer is not trusted: " + name_text(X509_get_issuer_name(certificate));
        default:
            return std::string("certificate is not valid: ") + X509_verify_cert_error_string(error);
    }
}

}  // namespace

// A renegotiation would verify again when this object may be gone, so there is none.
void TlsInspection::attach(SSL_CTX* context, const std::string& name, bool insecure, std::int64_t now_s) noexcept {
    try {
        name_ = name;
    } catch (...) {
        name_.clear();  // no certificate is for no name: the check fails, it does not pass
    }
    insecure_ = insecure;
    now_s_ = now_s;
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_cert_verify_callback(context, &TlsInspection::verify, this);
}

int TlsInspection::verify(X509_STORE_CTX* store, void* self) noexcept {
    try {
        return static_cast<TlsInspection*>(self)->verify(store) ? 1 : 0;
    } catch (...) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_OUT_OF_MEM);
        return 0;
    }
}

bool TlsInspection::verify(X509_STORE_CTX* store) {
    X509* certificate = X509_STORE_CTX_get0_cert(store);
    if (certificate == nullptr) return X509_verify_cert(store) == 1;
    X509_up_ref(certificate);
    certificate_.reset(certificate);
    if (insecure_) return true;
    if (X509_verify_cert(store) != 1) {
        X509* at_fault = X509_STORE_CTX_get_current_cert(store);
        refusal_ = reason(X509_STORE_CTX_get_error(store), at_fault != nullptr ? at_fault : certificate, now_s_);
        return false;
    }
    if (is_for(certificate, name_)) return true;
    X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH);
    refusal_ = "certificate is for " + names_of(certificate) + ", not for " + name_;
    return false;
}

std::int64_t TlsInspection::expires_at_s() const noexcept {
    return certificate_ ? to_seconds(X509_get0_notAfter(certificate_.get())) : 0;
}

std::string TlsInspection::issuer() const {
    if (!certificate_) return {};
    return safe_text(name_text(X509_get_issuer_name(certificate_.get())), CheckResult::kMaxDetail);
}

std::optional<CertificateFacts> TlsInspection::facts() const {
    if (!certificate_) return std::nullopt;
    const X509* certificate = certificate_.get();
    return CertificateFacts{.subject = name_text(X509_get_subject_name(certificate)),
                            .issuer = name_text(X509_get_issuer_name(certificate)),
                            .names = hosts_of(certificate),
                            .not_before_s = to_seconds(X509_get0_notBefore(certificate)),
                            .not_after_s = to_seconds(X509_get0_notAfter(certificate)),
                            .error = refusal_};
}

}  // namespace pulsimo::engine
