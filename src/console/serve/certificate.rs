//! The certificate by which the console ends TLS itself, and its key: two files in its folder, that are read again when they
//! have changed. What cannot be used is said once, and the certificate of before goes on.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use rustls::ServerConfig;
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::users::replace_for_console;
use super::validity;
use crate::console::error::CommandError;
use crate::log;

/// The certificate, with what leads from it to its authority behind it.
const CHAIN: &str = "fullchain.pem";
const KEY: &str = "privkey.pem";
/// The largest file that is read, in bytes.
const LARGEST: u64 = 256 * 1024;
/// With so much left it is time for another one; as with the site's.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(in crate::console) enum Fault {
    /// A file cannot be read.
    #[error("cannot read {}: {why}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// A file holds something else.
    #[error("{} is no {what} in PEM", .path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// What it should be.
        what: &'static str,
    },
    /// The two do not belong together.
    #[error("{} is not the key of the certificate in {}", .key.display(), .chain.display())]
    Mismatch {
        /// The file with the certificate.
        chain: PathBuf,
        /// The file with the key.
        key: PathBuf,
    },
}

/// A certificate that can be used, and when it ends.
#[derive(Debug, Clone)]
pub(in crate::console) struct Certificate {
    key: Arc<CertifiedKey>,
    pub(in crate::console) ends: Timestamp,
}

impl Certificate {
    /// That of a folder.
    ///
    /// # Errors
    /// When there is none that can be used.
    pub(in crate::console) fn of_folder(folder: &Path) -> Result<Self, Fault> {
        Self::of_files(&folder.join(CHAIN), &folder.join(KEY))
    }

    /// That of two files.
    ///
    /// # Errors
    /// When it cannot be used.
    pub(in crate::console) fn of_files(chain_path: &Path, key_path: &Path) -> Result<Self, Fault> {
        let other = |path: &Path, what| Fault::Other { path: path.to_owned(), what };
        let (chain_text, key_text) = (read(chain_path)?, read(key_path)?);
        let chain = CertificateDer::pem_slice_iter(&chain_text).collect::<Result<Vec<_>, _>>();
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        let no_chain = || other(chain_path, "certificate");
        let chain = chain.ok_or_else(no_chain)?;
        let ends = validity::end_of(&chain[0]).ok_or_else(no_chain)?;
        ParsedCertificate::try_from(&chain[0]).map_err(|_| no_chain())?;
        let key = PrivateKeyDer::from_pem_slice(&key_text).map_err(|_| other(key_path, "private key"))?;
        let key = CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                Fault::Mismatch { chain: chain_path.to_owned(), key: key_path.to_owned() }
            }
            _ => other(key_path, "private key that can be used (RSA, ECDSA or Ed25519)"),
        })?;
        Ok(Self { key: Arc::new(key), ends })
    }

    /// What browsers will complain of, now or soon: a sentence that says what to do.
    pub(in crate::console) fn wrong(&self, name: Option<&str>, now: Timestamp) -> Option<String> {
        let left = self.ends.duration_since(now);
        if left <= SignedDuration::ZERO {
            return Some(format!("the console's certificate has ended, on {}: {REPLACE}", self.ends));
        }
        if let Some(name) = name.filter(|name| !self.is_for(name)) {
            return Some(format!("the console's certificate is not for {name}: {REPLACE}"));
        }
        let days = left.as_hours() / 24;
        (left < SOON)
            .then(|| format!("the console's certificate ends in {days} days, on {}: {REPLACE}", self.ends))
    }

    fn is_for(&self, name: &str) -> bool {
        let parsed = self.key.cert.first().and_then(|own| ParsedCertificate::try_from(own).ok());
        parsed
            .zip(ServerName::try_from(name).ok())
            .is_some_and(|(own, name)| verify_server_name(&own, &name).is_ok())
    }
}

/// Of what cannot be used, with what to do.
pub(in crate::console) fn unusable(fault: &Fault) -> CommandError {
    CommandError::Misspelt {
        message: format!("the console has no certificate: {fault}"),
        hint: Some(format!("as root of the machine, {REPLACE}")),
    }
}

/// What is to be done about one.
const REPLACE: &str = "`lamplighter console certificate FULLCHAIN PRIVKEY` puts another one in its place";

fn read(path: &Path) -> Result<Vec<u8>, Fault> {
    let unreadable = |why| Fault::Unreadable { path: path.to_owned(), why };
    if fs::metadata(path).map_err(unreadable)?.len() > LARGEST {
        return Err(unreadable(io::Error::other("it is too large")));
    }
    fs::read(path).map_err(unreadable)
}

fn provider() -> CryptoProvider {
    ring::default_provider()
}

/// Puts a certificate and its key into the console's folder. The key is first: until the other follows, they do not fit, and
/// the console goes on with those of before.
///
/// # Errors
/// When a file cannot be read or written.
pub(in crate::console) fn put(folder: &Path, chain: &Path, key: &Path) -> io::Result<()> {
    let (chain, key) = (fs::read(chain)?, fs::read(key)?);
    for (name, text) in [(KEY, key), (CHAIN, chain)] {
        replace_for_console(&folder.join(name), |file| io::Write::write_all(file, &text))?;
    }
    Ok(())
}

/// The certificate that is in the folder now.
#[derive(Debug)]
struct Kept {
    folder: PathBuf,
    name: String,
    /// The last good one, and of which files it was attempted last.
    now: Mutex<(Stamps, Arc<CertifiedKey>)>,
}

/// What tells one state of both files from another.
type Stamps = [Option<(u64, u64, i64, i64)>; 2];

fn stamps(folder: &Path) -> Stamps {
    [CHAIN, KEY].map(|name| {
        let found = fs::metadata(folder.join(name)).ok()?;
        Some((found.ino(), found.size(), found.ctime(), found.ctime_nsec()))
    })
}

impl Kept {
    fn current(&self) -> Arc<CertifiedKey> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let found = stamps(&self.folder);
        if found != now.0 {
            now.0 = found;
            match Certificate::of_folder(&self.folder) {
                Ok(certificate) => {
                    log::info(format_args!("another certificate, good until {}", certificate.ends));
                    warn_of(&certificate, &self.name);
                    now.1 = certificate.key;
                }
                Err(fault) => log::error(format_args!("{fault}; the certificate of before goes on")),
            }
        }
        Arc::clone(&now.1)
    }
}

impl ResolvesServerCert for Kept {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

fn warn_of(certificate: &Certificate, name: &str) {
    if let Some(wrong) = certificate.wrong(Some(name), Timestamp::now()) {
        log::warn(wrong);
    }
}

/// How TLS is spoken with the certificate in this folder: 1.2 and 1.3, and HTTP/1.1 within.
///
/// # Errors
/// When there is no certificate to begin with.
pub(super) fn configuration(folder: &Path, name: &str) -> Result<Arc<ServerConfig>, Fault> {
    let found = stamps(folder);
    let certificate = Certificate::of_folder(folder)?;
    warn_of(&certificate, name);
    let kept =
        Kept { folder: folder.to_owned(), name: name.to_owned(), now: Mutex::new((found, certificate.key)) };
    let builder =
        ServerConfig::builder_with_provider(Arc::new(provider())).with_safe_default_protocol_versions();
    // Both versions are the provider's.
    let builder = builder
        .map_err(|error| Fault::Unreadable { path: folder.to_owned(), why: io::Error::other(error) })?;
    let mut configuration = builder.with_no_client_auth().with_cert_resolver(Arc::new(kept));
    configuration.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(configuration))
}
