//! What proves who somebody is: a password, kept as argon2id makes it, and a code of the second factor (RFC 6238).

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use totp_rs::{Builder, Secret, Totp};

/// What the secret of the second factor has, in bytes.
const SECRET: usize = 20;
/// What a password's salt has, in bytes.
const SALT: usize = 16;
/// The shortest password, in characters; the longest, in bytes.
pub(in crate::console) const SHORTEST: usize = 12;
pub(in crate::console) const LONGEST: usize = 256;

/// Bytes that nobody can guess.
pub(super) fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// The same as text.
pub(super) fn random_token() -> Result<String, getrandom::Error> {
    let digit = |number: u8| char::from_digit(u32::from(number), 16).unwrap_or_default();
    Ok(random::<32>()?.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect())
}

/// A password as it is kept; nothing when there is no randomness for its salt.
pub(in crate::console) fn kept(password: &str) -> Option<String> {
    let salt = random::<SALT>().ok()?;
    let kept: PasswordHash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt).ok()?;
    Some(kept.to_string())
}

/// Whether this is the password that is kept so.
pub(super) fn is_password(password: &str, kept: &str) -> bool {
    PasswordHash::new(kept)
        .is_ok_and(|kept| Argon2::default().verify_password(password.as_bytes(), &kept).is_ok())
}

/// A secret for the second factor, in base32; nothing when there is no randomness.
pub(in crate::console) fn new_secret() -> Option<String> {
    Some(Secret::new(Box::new(random::<SECRET>().ok()?)).to_base32())
}

/// The step of time whose code this is, by the clock's seconds; each code is one of the step before, this one, or the next.
pub(super) fn step_of(code: &str, secret: &str, seconds: u64) -> Option<u64> {
    totp(secret)?.check(code, seconds)
}

/// What an app for second factors reads: the name may hold nothing that means something in a URL.
pub(in crate::console) fn url(name: &str, secret: &str) -> String {
    format!("otpauth://totp/Lamplighter:{name}?secret={secret}&issuer=Lamplighter")
}

fn totp(secret: &str) -> Option<Totp> {
    Builder::new().with_secret(Secret::try_from_base32(secret).ok()?).build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again_and_no_other_is() {
        let (first, second) = (kept("correct horse").unwrap(), kept("correct horse").unwrap());
        assert_ne!(first, second, "each has a salt of its own");
        assert!(first.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{first}");
        assert!(is_password("correct horse", &first) && is_password("correct horse", &second));
        assert!(!is_password("correct horsf", &first) && !is_password("", &first));
        assert!(!is_password("", "") && !is_password("x", "$argon2id$v=19$m=8,t=1,p=1$x$y"));
    }

    #[test]
    fn codes_are_those_of_the_standard() {
        // RFC 6238, appendix B: the secret and codes of SHA-1, of which six digits are asked for.
        let secret = Secret::new(Box::new(*b"12345678901234567890")).to_base32();
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            assert_eq!(step_of(code, &secret, seconds), Some(seconds / 30), "{code}");
            assert_eq!(step_of(code, &secret, seconds + 30), Some(seconds / 30), "a clock that is behind");
            assert_eq!(step_of(code, &secret, seconds + 90), None, "long past");
        }
        for other in ["287083", "28708", "2870820", "", "28708a", "²87082"] {
            assert_eq!(step_of(other, &secret, 59), None, "{other}");
        }
        assert_eq!(step_of("287082", "not base32!", 59), None);
    }
}
