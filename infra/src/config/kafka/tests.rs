use super::*;

fn args(protocol: &str) -> KafkaArgs {
    KafkaArgs {
        kafka_brokers: Some("a:1".to_owned()),
        kafka_security_protocol: Some(protocol.to_owned()),
        ..KafkaArgs::default()
    }
}

fn sasl(mechanism: &str, username: &str, password: &str) -> KafkaArgs {
    KafkaArgs {
        kafka_sasl_mechanism: Some(mechanism.to_owned()),
        kafka_sasl_username: Some(username.to_owned()),
        kafka_sasl_password: Some(Secret::new(password)),
        ..args("SASL_SSL")
    }
}

fn mistake(args: &KafkaArgs) -> String {
    args.parse(8).unwrap_err().to_string()
}

#[test]
fn kafka_needs_brokers() {
    let wanted = "KAFKA_BROKERS is not set: EVENT_LOG=kafka needs it";
    assert_eq!(mistake(&KafkaArgs::default()), wanted);
    let blank = KafkaArgs { kafka_brokers: Some(" ".to_owned()), ..KafkaArgs::default() };
    assert_eq!(mistake(&blank), wanted);
}

#[test]
fn brokers_are_host_and_port() {
    let with = |brokers: &str| KafkaArgs {
        kafka_brokers: Some(brokers.to_owned()),
        ..KafkaArgs::default()
    };
    for bad in ["localhost", "localhost:", ":9092", "a:1,b", "a:0", "a:70000"] {
        let error = mistake(&with(bad));
        assert!(error.starts_with("KAFKA_BROKERS: "), "{bad}: {error}");
    }
    let wanted = KafkaSettings::plaintext("a:1,[::1]:2", DEFAULT_TOPIC, 8);
    assert_eq!(with("a:1, [::1]:2,").parse(8), Ok(wanted));
}

#[test]
fn a_topic_must_have_a_name_that_kafka_accepts() {
    for bad in ["..", "a b", "ñ"] {
        let kafka = KafkaArgs { kafka_topic: Some(bad.to_owned()), ..args("") };
        assert_eq!(mistake(&kafka), format!("KAFKA_TOPIC: `{bad}` is no name for a topic"));
    }
}

#[test]
fn a_password_mechanism_needs_user_and_password() {
    let parsed = sasl("scram-sha-512", "anb", "s3cret").parse(8).unwrap().security;
    let wanted = KafkaSecurity {
        tls: Some(KafkaTls::default()),
        sasl: Some(KafkaSasl::Password {
            mechanism: PasswordMechanism::ScramSha512,
            username: "anb".to_owned(),
            password: Secret::new("s3cret"),
        }),
    };
    assert_eq!(parsed, wanted);
    assert_eq!(
        mistake(&sasl("PLAIN", "", "s3cret")),
        "KAFKA_SASL_USERNAME is not set: KAFKA_SASL_MECHANISM=PLAIN needs it"
    );
    assert_eq!(
        mistake(&sasl("PLAIN", "anb", "")),
        "KAFKA_SASL_PASSWORD is not set: KAFKA_SASL_MECHANISM=PLAIN needs it"
    );
    assert_eq!(
        mistake(&args("sasl_ssl")),
        "KAFKA_SASL_MECHANISM is not set: sasl_plaintext and sasl_ssl need it"
    );
}

#[test]
fn oauthbearer_takes_no_password() {
    let parsed = sasl("OAUTHBEARER", "", "").parse(8).unwrap().security.sasl;
    assert_eq!(parsed, Some(KafkaSasl::OauthBearer));
    let error = mistake(&sasl("OAUTHBEARER", "", "s3cret"));
    assert!(
        error.starts_with("KAFKA_SASL_PASSWORD is set, but KAFKA_SASL_MECHANISM is"),
        "{error}"
    );
}

#[test]
fn settings_of_another_protocol_are_contradictions() {
    let mut plain = sasl("PLAIN", "anb", "s3cret");
    plain.kafka_security_protocol = None;
    assert_eq!(
        mistake(&plain),
        "KAFKA_SASL_MECHANISM is set, but KAFKA_SECURITY_PROTOCOL is plaintext: \
         set it to sasl_ssl or sasl_plaintext, or unset KAFKA_SASL_MECHANISM"
    );
    let ca = KafkaArgs { kafka_ssl_ca_location: Some("ca.pem".to_owned()), ..args("plaintext") };
    assert!(mistake(&ca).starts_with("KAFKA_SSL_CA_LOCATION is set, but"));
    let alone =
        KafkaArgs { kafka_ssl_certificate_location: Some("me.pem".to_owned()), ..args("ssl") };
    assert!(mistake(&alone).starts_with("KAFKA_SSL_KEY_LOCATION is not set"));
    let orphan = KafkaArgs { kafka_ssl_key_password: Some(Secret::new("s3cret")), ..args("ssl") };
    assert!(mistake(&orphan).starts_with("KAFKA_SSL_KEY_LOCATION is not set"));
}

#[test]
fn names_that_kafka_does_not_have_are_rejected() {
    assert!(mistake(&args("tls")).starts_with("KAFKA_SECURITY_PROTOCOL: `tls` is none of"));
    let gssapi = sasl("GSSAPI", "anb", "s3cret");
    assert!(mistake(&gssapi).starts_with("KAFKA_SASL_MECHANISM: `GSSAPI` is none of"));
}

#[test]
fn no_setting_shows_a_secret() {
    let mut args = sasl("PLAIN", "anb", "s3cret");
    args.kafka_ssl_key_password = Some(Secret::new("s3cret"));
    args.kafka_properties = Some(Secret::new("sasl.oauthbearer.client.secret=s3cret"));
    assert!(!format!("{args:?} {}", mistake(&args)).contains("s3cret"));
    args.kafka_ssl_certificate_location = Some("me.pem".to_owned());
    args.kafka_ssl_key_location = Some("me.key".to_owned());
    let shown = format!("{:?}", args.parse(8).unwrap());
    assert!(!shown.contains("s3cret") && shown.contains("client.secret"), "{shown}");
}
