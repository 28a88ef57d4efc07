//! Mutual TLS 1.3 handshakes, in memory: what the key exchange is measured against.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, version};

use crate::bench::thread_time;

/// The mean time that the server spends on one full handshake: P-256 certificates on both sides under one authority,
/// aws-lc-rs, X25519, no resumption.
pub fn handshakes(count: usize) -> Result<Duration> {
    let (server, client) = configurations()?;
    let name = ServerName::try_from("localhost")?;
    let mut spent = Duration::ZERO;
    for round in 0..count + count / 10 {
        if round == count / 10 {
            spent = Duration::ZERO;
        }
        let mut client = ClientConnection::new(Arc::clone(&client), name.clone())?;
        let start = thread_time();
        let mut server = ServerConnection::new(Arc::clone(&server))?;
        spent += thread_time() - start;
        while client.is_handshaking() || server.is_handshaking() {
            let mut upward = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut upward)?;
            }
            let start = thread_time();
            let downward = serve(&mut server, &upward)?;
            spent += thread_time() - start;
            let mut rest = downward.as_slice();
            while !rest.is_empty() {
                client.read_tls(&mut rest)?;
                client.process_new_packets()?;
            }
        }
        ensure!(server.peer_certificates().is_some(), "the client did not prove itself");
    }
    Ok(spent / u32::try_from(count)?)
}

fn serve(server: &mut ServerConnection, mut upward: &[u8]) -> Result<Vec<u8>> {
    while !upward.is_empty() {
        server.read_tls(&mut upward)?;
        server.process_new_packets()?;
    }
    let mut downward = Vec::new();
    while server.wants_write() {
        server.write_tls(&mut downward)?;
    }
    Ok(downward)
}

fn configurations() -> Result<(Arc<ServerConfig>, Arc<ClientConfig>)> {
    let authority_key = KeyPair::generate()?;
    let mut parameters = CertificateParams::new(Vec::new())?;
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = parameters.self_signed(&authority_key)?;
    let issuer = Issuer::new(parameters, authority_key);
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone())?;
    let roots = Arc::new(roots);

    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.kx_groups = vec![rustls::crypto::aws_lc_rs::kx_group::X25519];
    let provider = Arc::new(provider);
    let (certificate, key) = identity(&issuer)?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider)).build()?;
    let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificate, key)?;
    server.send_tls13_tickets = 0;
    let (certificate, key) = identity(&issuer)?;
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13])?
        .with_root_certificates(roots)
        .with_client_auth_cert(certificate, key)?;
    client.resumption = rustls::client::Resumption::disabled();
    Ok((Arc::new(server), Arc::new(client)))
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn identity(issuer: &Issuer<'_, KeyPair>) -> Result<Identity> {
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec!["localhost".into()])?.signed_by(&key, issuer)?;
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok((vec![certificate.der().clone()], key))
}
