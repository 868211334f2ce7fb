//! A broker that asks for TLS and SASL.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use infra::config::{
    KafkaIdentity, KafkaProperties, KafkaSasl, KafkaSecurity, KafkaSettings, KafkaTls,
    PasswordMechanism, Secret,
};
use infra::event_log::EventLog;
use infra::event_log::kafka::KafkaLog;
use test_services::SecureKafka;
use test_services::kafka_broker::fresh_topic;
use test_services::secure_kafka::{PASSWORD, USERNAME};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::contract;
use crate::fixture::{append, beginning, read, record, settings};

/// One test for all, because they share the broker.
#[tokio::test(flavor = "multi_thread")]
async fn tls_and_sasl_work_and_refusals_tell_why() {
    let broker = SecureKafka::start().unwrap();
    the_contract_holds_over_tls_and_scram(&broker).await;
    tokio::join!(
        every_password_mechanism_works(&broker),
        a_client_certificate_works(&broker),
        tokens_work(&broker),
        refusals_tell_why(&broker),
    );
}

fn over_sasl(broker: &SecureKafka, sasl: KafkaSasl) -> KafkaSettings {
    let tls = KafkaTls { ca: Some(broker.certificate("broker")), identity: None };
    KafkaSettings {
        security: KafkaSecurity { tls: Some(tls), sasl: Some(sasl) },
        ..settings(broker.sasl_brokers(), fresh_topic())
    }
}

fn password(mechanism: PasswordMechanism, password: &str) -> KafkaSasl {
    let (username, password) = (USERNAME.to_owned(), Secret::new(password));
    KafkaSasl::Password { mechanism, username, password }
}

async fn the_contract_holds_over_tls_and_scram(broker: &SecureKafka) {
    let log = async || {
        let scram = password(PasswordMechanism::ScramSha512, PASSWORD);
        let log = KafkaLog::open(over_sasl(broker, scram)).await.unwrap();
        Arc::new(log) as Arc<dyn EventLog>
    };
    contract::a_reader_gets_what_was_appended(log().await).await;
    contract::records_of_one_stream_keep_their_order(log().await).await;
    contract::a_reader_starts_at_any_offset(log().await).await;
    contract::an_offset_after_the_end_is_reported(log().await).await;
    contract::end_offsets_count_the_records(log().await).await;
}

async fn every_password_mechanism_works(broker: &SecureKafka) {
    for mechanism in [PasswordMechanism::Plain, PasswordMechanism::ScramSha256] {
        round_trip(over_sasl(broker, password(mechanism, PASSWORD))).await;
    }
}

async fn a_client_certificate_works(broker: &SecureKafka) {
    let with = |identity| KafkaSettings {
        security: KafkaSecurity {
            tls: Some(KafkaTls { ca: Some(broker.certificate("broker")), identity }),
            sasl: None,
        },
        ..settings(broker.mutual_brokers(), fresh_topic())
    };
    let identity = |name: &str| KafkaIdentity {
        certificate: broker.certificate(name),
        key: broker.key(name),
        key_password: None,
    };
    round_trip(with(Some(identity("client")))).await;
    assert!(KafkaLog::open(with(Some(identity("stranger")))).await.is_err());
    assert!(KafkaLog::open(with(None)).await.is_err());
}

async fn tokens_work(broker: &SecureKafka) {
    let endpoint = token_endpoint().await;
    let properties = format!(
        "sasl.oauthbearer.method=oidc; sasl.oauthbearer.client.id=anb; \
         sasl.oauthbearer.client.secret={PASSWORD}; \
         sasl.oauthbearer.token.endpoint.url={endpoint}"
    );
    round_trip(KafkaSettings {
        properties: KafkaProperties::parse(&properties).unwrap(),
        ..over_sasl(broker, KafkaSasl::OauthBearer)
    })
    .await;
}

async fn refusals_tell_why(broker: &SecureKafka) {
    let scram = || password(PasswordMechanism::ScramSha512, PASSWORD);
    let mut untrusted = over_sasl(broker, scram());
    untrusted.security.tls =
        Some(KafkaTls { ca: Some(broker.certificate("stranger")), identity: None });
    let mut missing = over_sasl(broker, scram());
    missing.security.tls = Some(KafkaTls { ca: Some("/no/such/file".to_owned()), identity: None });
    let wrong = over_sasl(broker, password(PasswordMechanism::ScramSha512, "hunter2-is-wrong"));
    let mut unknown = over_sasl(broker, scram());
    unknown.properties = KafkaProperties::parse("no.such.property=hunter2").unwrap();
    let mut rejected = over_sasl(broker, scram());
    rejected.properties = KafkaProperties::parse("socket.timeout.ms=hunter2").unwrap();
    let plaintext = settings(broker.sasl_brokers(), fresh_topic());
    let cases = [
        (untrusted, "certificate verify failed"),
        (missing, "KAFKA_SSL_CA_LOCATION: `/no/such/file` cannot be read: No such file"),
        (wrong, "Authentication failed"),
        (unknown, "KAFKA_PROPERTIES names `no.such.property`, which librdkafka does not know"),
        (rejected, "librdkafka does not accept the value of `socket.timeout.ms`"),
        (plaintext, "is KAFKA_SECURITY_PROTOCOL right?"),
    ];
    for (settings, reason) in cases {
        let error = KafkaLog::open(settings).await.err().unwrap();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(reason), "{reason}: {shown}");
        assert!(!shown.contains("hunter2") && !shown.contains(PASSWORD), "{shown}");
    }
}

/// Creates the topic, appends, reads, and opens it again.
async fn round_trip(settings: KafkaSettings) {
    let log = KafkaLog::open(settings.clone()).await.unwrap();
    append(&log, vec![record("video-1", 1)]).await;
    let again = KafkaLog::open(settings).await.unwrap();
    assert_eq!(again.end_offsets().await.unwrap().iter().sum::<u64>(), 1);
    assert_eq!(read(again.read(&beginning()).await.unwrap().as_mut(), 1).await.len(), 1);
}

/// The URL of a server that gives everybody an unsigned token for an hour.
async fn token_endpoint() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut request = vec![0; 8 * 1024];
            let _ = client.read(&mut request).await;
            let body = token();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = client.write_all(answer.as_bytes()).await;
        }
    });
    format!("http://127.0.0.1:{port}/token")
}

fn token() -> String {
    let now = chrono::Utc::now().timestamp();
    let part = |value: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(serde_json::json!({"alg": "none", "typ": "JWT"}));
    let claims = part(serde_json::json!({"sub": USERNAME, "iat": now, "exp": now + 3_600}));
    let token = format!("{header}.{claims}.");
    serde_json::json!({"access_token": token, "token_type": "Bearer", "expires_in": 3_600})
        .to_string()
}
