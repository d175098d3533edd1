//! `ServiceAccount` tokens: JSON Web Tokens (RFC 7519) signed by the cluster (RFC 7515, RS256 or ES256), verified against
//! its published keys (RFC 7517).

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;

use super::AuthError;

/// How far clocks of cluster and service may be apart.
const LEEWAY_SECONDS: i64 = 30;
/// Longer tokens are refused unread; real ones take about 1.5 KiB.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// A public key of the cluster that can check signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum VerifyingKey {
    /// RS256: modulus and exponent, big-endian.
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    /// ES256: uncompressed point of P-256.
    P256 { point: Vec<u8> },
}

/// What the cluster publishes: who it is and its keys by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerKeys {
    issuer: String,
    keys: BTreeMap<String, VerifyingKey>,
}

#[derive(Deserialize)]
struct JsonWebKeySet {
    keys: Vec<JsonWebKey>,
}

#[derive(Deserialize)]
struct JsonWebKey {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl IssuerKeys {
    /// Takes the issuer's name and its JSON Web Key Set. Keys of other types and uses are passed over.
    pub fn parse(issuer: String, key_set: &str) -> Result<Self, AuthError> {
        let set: JsonWebKeySet = serde_json::from_str(key_set)
            .map_err(|_| AuthError::Unavailable("the cluster's key set is not a JSON Web Key Set (RFC 7517)".into()))?;
        let keys = set.keys.into_iter().filter_map(|key| Some((key.kid.clone()?, verifying_key(&key)?))).collect();
        Ok(Self { issuer, keys })
    }

    pub(super) fn has(&self, key_id: &str) -> bool {
        self.keys.contains_key(key_id)
    }
}

fn verifying_key(key: &JsonWebKey) -> Option<VerifyingKey> {
    if key.usage.as_deref().is_some_and(|usage| usage != "sig") {
        return None;
    }
    let decode = |part: &Option<String>| URL_SAFE_NO_PAD.decode(part.as_deref()?).ok();
    match (key.kty.as_str(), key.crv.as_deref()) {
        ("RSA", _) => Some(VerifyingKey::Rsa { modulus: decode(&key.n)?, exponent: decode(&key.e)? }),
        // RFC 7518 section 6.2.1.2: both coordinates have the full 32 bytes.
        ("EC", Some("P-256")) => {
            let (x, y) = (decode(&key.x)?, decode(&key.y)?);
            (x.len() == 32 && y.len() == 32).then(|| VerifyingKey::P256 { point: [vec![4], x, y].concat() })
        }
        _ => None,
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<serde_json::Value>,
}

/// A token taken apart, nothing of it believed yet.
pub(super) struct UnverifiedToken<'a> {
    header: Header,
    signed: &'a str,
    claims: Vec<u8>,
    signature: Vec<u8>,
}

/// What a verified token says.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Claims {
    iss: String,
    aud: Audience,
    exp: i64,
    nbf: Option<i64>,
    #[serde(rename = "kubernetes.io")]
    pub(super) kubernetes: KubernetesClaims,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn contains(&self, wanted: &str) -> bool {
        match self {
            Self::One(one) => one == wanted,
            Self::Several(several) => several.iter().any(|one| one == wanted),
        }
    }
}

/// Claims that the API server adds to tokens it issues
/// (<https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/>).
#[derive(Clone, Debug, Deserialize)]
pub(super) struct KubernetesClaims {
    pub(super) namespace: String,
    pub(super) serviceaccount: Named,
    pub(super) pod: Option<Named>,
}

/// Name and uid of an object.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) uid: String,
}

impl<'a> UnverifiedToken<'a> {
    /// Takes a compact token apart.
    pub(super) fn parse(token: &'a str) -> Result<Self, AuthError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(refused("the token is too long"));
        }
        let malformed = || refused("the bearer token is not a JSON Web Token");
        let (signed, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
        let (header, claims) = signed.split_once('.').ok_or_else(malformed)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed());
        let header = serde_json::from_slice(&decode(header)?).map_err(|_| malformed())?;
        Ok(Self { header, signed, claims: decode(claims)?, signature: decode(signature)? })
    }

    /// The key it claims to be signed with.
    pub(super) fn key_id(&self) -> Result<&str, AuthError> {
        self.header.kid.as_deref().ok_or_else(|| refused("the token names no key"))
    }

    /// Checks signature, issuer, audience and times.
    pub(super) fn verify(&self, keys: &IssuerKeys, audience: &str, now: Timestamp) -> Result<Claims, AuthError> {
        let key = keys.keys.get(self.key_id()?).ok_or_else(|| refused("the token names a key the cluster has not"))?;
        // RFC 7515 section 4.1.11: extensions that are not understood must be refused.
        if self.header.crit.is_some() {
            return Err(refused("the token demands extensions"));
        }
        verify_signature(key, &self.header.alg, self.signed.as_bytes(), &self.signature)?;
        let claims: Claims = serde_json::from_slice(&self.claims)
            .map_err(|_| refused("the token is not one of a Kubernetes ServiceAccount"))?;
        if claims.iss != keys.issuer {
            return Err(refused("the token's issuer is not this cluster"));
        }
        if !claims.aud.contains(audience) {
            return Err(AuthError::Unauthenticated(format!("the token's audience is not {audience}")));
        }
        let now = now.as_second();
        if now >= claims.exp.saturating_add(LEEWAY_SECONDS) {
            return Err(refused("the token has expired"));
        }
        if claims.nbf.is_some_and(|not_before| now < not_before.saturating_sub(LEEWAY_SECONDS)) {
            return Err(refused("the token is not valid yet"));
        }
        Ok(claims)
    }
}

/// The key decides which algorithm is right; the header must agree with it (RFC 8725 section 3.1).
fn verify_signature(key: &VerifyingKey, algorithm: &str, signed: &[u8], signature: &[u8]) -> Result<(), AuthError> {
    let verified = match (key, algorithm) {
        (VerifyingKey::Rsa { modulus, exponent }, "RS256") => {
            RsaPublicKeyComponents { n: modulus, e: exponent }.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature)
        }
        (VerifyingKey::P256 { point }, "ES256") => {
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature)
        }
        _ => return Err(refused("the token's algorithm is not the one of its key (RS256 or ES256)")),
    };
    verified.map_err(|_| refused("the token's signature is wrong"))
}

fn refused(why: &str) -> AuthError {
    AuthError::Unauthenticated(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7515 appendix A.2: key and signed token.
    const RSA_KEYS: &str = r#"{"keys":[{"kty":"RSA","kid":"a2","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}]}"#;
    const RSA_TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

    #[test]
    fn the_rsa_example_of_rfc_7515_verifies_and_a_changed_one_does_not() {
        let keys = IssuerKeys::parse("joe".into(), RSA_KEYS).unwrap();
        let token = UnverifiedToken::parse(RSA_TOKEN).unwrap();
        let key = &keys.keys["a2"];
        assert_eq!(verify_signature(key, "RS256", token.signed.as_bytes(), &token.signature), Ok(()));
        assert!(verify_signature(key, "RS256", b"something else", &token.signature).is_err());
    }

    #[test]
    fn the_header_cannot_choose_another_algorithm_than_the_keys() {
        let keys = IssuerKeys::parse("joe".into(), RSA_KEYS).unwrap();
        let token = UnverifiedToken::parse(RSA_TOKEN).unwrap();
        for algorithm in ["none", "None", "", "HS256", "ES256", "RS512", "PS256"] {
            let refused = verify_signature(&keys.keys["a2"], algorithm, token.signed.as_bytes(), &token.signature);
            assert!(refused.is_err(), "{algorithm}");
        }
    }

    #[test]
    fn keys_for_encryption_or_of_other_curves_are_passed_over() {
        let set = r#"{"keys":[{"kty":"RSA","kid":"a","use":"enc","e":"AQAB","n":"AQAB"},
            {"kty":"EC","kid":"b","crv":"P-384","x":"AQAB","y":"AQAB"},
            {"kty":"EC","kid":"c","crv":"P-256","x":"AQAB","y":"AQAB"},
            {"kty":"OKP","kid":"d","crv":"Ed25519","x":"AQAB"}]}"#;
        assert!(IssuerKeys::parse("joe".into(), set).unwrap().keys.is_empty());
    }

    #[test]
    fn something_else_than_a_token_is_refused_without_quoting_it() {
        for text in ["", "canary", "canary.canary", "canary.canary.canary", "a.b.c.d"] {
            let error = UnverifiedToken::parse(text).err().unwrap();
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }
}
