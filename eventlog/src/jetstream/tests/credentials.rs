//! Who is let in, and how the connection is encrypted.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use nkeys::KeyPair;
use serde_json::{Value, json};

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_system_account_tells_whether_a_server_syncs() {
    const ACCOUNTS: &str = "accounts { SYS { users: [{user: sys, password: sys}] }\n\
        APP { jetstream: enabled, users: [{user: app, password: secret}] } }\nsystem_account: SYS";
    let user = |user: &str, password: &str| Credentials::UserPassword { user: user.into(), password: password.into() };
    let server = NatsServer::start(Sync::Always, ACCOUNTS);
    let app = Options { monitors: Vec::new(), credentials: user("app", "secret"), ..options(&server) };
    let log = open(Options { system: Some(user("sys", "sys")), ..app.clone() }).await;
    assert_eq!(log.durability(), Durability::Fsync);
    let wrong = Options { credentials: user("app", "wrong"), ..app };
    let refused = JetStream::open(wrong, LAYOUT).await.expect_err("a wrong password");
    assert!(matches!(&refused, OpenError::Misconfigured(text) if text.contains("--nats-password")), "{refused:?}");
    assert!(!format!("{refused:?}").contains("wrong"), "no error shows a password: {refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_or_an_nkey_is_accepted() {
    let token = NatsServer::start(Sync::Always, "authorization { token: s3cr3t }");
    open(Options { credentials: Credentials::Token("s3cr3t".into()), ..options(&token) }).await;
    assert!(JetStream::open(options(&token), LAYOUT).await.is_err(), "without a token");
    let pair = KeyPair::new_user();
    let nkey = format!("authorization {{ users: [{{nkey: {}}}] }}", pair.public_key());
    let nkey = NatsServer::start(Sync::Always, &nkey);
    let seed = pair.seed().expect("a seed");
    open(Options { credentials: Credentials::Nkey(seed), ..options(&nkey) }).await;
}

/// Accounts and users as an operator makes them: signed by keys of its own.
struct Operator {
    configuration: String,
    app: String,
    system: String,
}

/// A token that `issuer` signed about `subject`.
fn signed(issuer: &KeyPair, subject: &KeyPair, claims: &Value) -> String {
    let body = json!({
        "jti": "test", "iat": 1_700_000_000, "iss": issuer.public_key(), "sub": subject.public_key(), "name": "test", "nats": claims,
    });
    let head = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"ed25519-nkey"}"#);
    let text = format!("{head}.{}", URL_SAFE_NO_PAD.encode(body.to_string()));
    let signature = issuer.sign(text.as_bytes()).expect("a signature");
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The text of a credentials file for a new user of the account.
fn user_of(account: &KeyPair) -> String {
    let user = KeyPair::new_user();
    let claims = json!({"type": "user", "version": 2, "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1});
    let (token, seed) = (signed(account, &user, &claims), user.seed().expect("a seed"));
    format!(
        "-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )
}

fn operator() -> Operator {
    let (operator, app, system) = (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_account());
    let limits = |storage: i64| {
        json!({
            "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
            "mem_storage": storage, "disk_storage": storage, "streams": storage, "consumer": storage,
        })
    };
    let account = |account: &KeyPair, storage| {
        let token = signed(&operator, account, &json!({"type": "account", "version": 2, "limits": limits(storage)}));
        format!("{}: \"{token}\"", account.public_key())
    };
    let own = signed(&operator, &operator, &json!({"type": "operator", "version": 2}));
    let configuration = format!(
        "operator: \"{own}\"\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{ {}, {} }}",
        system.public_key(),
        account(&app, -1),
        account(&system, 0),
    );
    Operator { configuration, app: user_of(&app), system: user_of(&system) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_files_let_a_user_in_and_let_the_system_account_tell_whether_the_server_syncs() {
    let operator = operator();
    let server = NatsServer::start(Sync::Always, &operator.configuration);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("a credentials file");
        Credentials::File(folder.path().join(name))
    };
    let (app, system) = (file("app.creds", &operator.app), file("system.creds", &operator.system));
    let known = Options { credentials: app, system: Some(system), monitors: Vec::new(), ..options(&server) };
    let log = open(known.clone()).await;
    assert_eq!(log.durability(), Durability::Fsync);
    append(&log, "let in").await.expect("an append");
    let stranger = Options { credentials: Credentials::None, ..known.clone() };
    assert!(JetStream::open(stranger, LAYOUT).await.is_err(), "without a file");
    let forged = file("forged.creds", &self::operator().app);
    assert!(JetStream::open(Options { credentials: forged, ..known }, LAYOUT).await.is_err(), "of another operator");
}

/// A certificate for 127.0.0.1 and its key, its own issuer; `None`, and the reason on the terminal, without openssl.
fn certificate(folder: &std::path::Path) -> Option<(std::path::PathBuf, std::path::PathBuf)> {
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output();
    match made {
        Ok(output) if output.status.success() => Some((certificate, key)),
        other => {
            eprintln!("skipped, openssl makes no certificate: {other:?}");
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encrypted_connection_with_certificates_on_both_sides_is_made_and_a_stranger_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let Some((certificate, key)) = certificate(folder.path()) else { return };
    let (pem, key_pem) = (certificate.display(), key.display());
    let tls = format!("tls {{ cert_file: \"{pem}\", key_file: \"{key_pem}\", ca_file: \"{pem}\", verify: true }}");
    let server = NatsServer::start(Sync::Always, &tls);
    let trusting = Tls { ca_file: Some(certificate.clone()), client_files: None, encryption: Encryption::Required };
    let known = Tls { client_files: Some((certificate, key)), ..trusting.clone() };
    let log = open(Options { tls: known, ..options(&server) }).await;
    append(&log, "sealed").await.expect("an append");
    let stranger = Options { tls: trusting, ..options(&server) };
    assert!(JetStream::open(stranger, LAYOUT).await.is_err(), "without a certificate");
    assert!(JetStream::open(options(&server), LAYOUT).await.is_err(), "not trusting the server");
}
