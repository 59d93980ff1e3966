//! What an operator writes into the file, and what is said when it cannot hold.
#![expect(clippy::expect_used, reason = "a test's helpers stop it as it stops itself")]

use std::path::Path;
use tandem_server::Config;
use tandem_server::config::ConfigProblem;

fn read(text: &str) -> Result<Config, String> {
    Config::from_toml(text, &|_| None).map_err(|error| error.to_string())
}

fn refusal(text: &str) -> String {
    read(text).expect_err("refused")
}

#[test]
fn an_empty_file_is_the_default_and_the_default_holds() {
    assert_eq!(read("").unwrap(), Config::default());
    Config::default().check().unwrap();
}

#[test]
fn the_printed_defaults_read_back_as_the_defaults() {
    let printed = Config::commented_defaults();
    assert_eq!(read(&printed).unwrap(), Config::default());
}

#[test]
fn every_key_and_every_section_says_what_it_means() {
    for section in Config::reference() {
        assert!(!section.doc.is_empty() && !section.keys.is_empty(), "[{}]", section.name);
        for key in section.keys {
            assert!(key.doc.iter().all(|line| !line.is_empty()), "{}.{}", section.name, key.name);
            assert!(!key.default.to_string().contains("no TOML form"), "{}.{}", section.name, key.name);
        }
    }
}

#[test]
fn a_typo_names_the_key_its_line_and_what_was_meant() {
    assert_eq!(
        refusal("[listen]\n\nadress = \"127.0.0.1:1\"\n"),
        "line 3: there is no key `listen.adress`; did you mean `listen.address`?"
    );
    assert_eq!(refusal("[lisen]\n"), "line 1: there is no key `lisen`; did you mean `listen`?");
    assert_eq!(refusal("[text]\nring = \"9s\"\n"), "line 2: there is no key `text.ring`; did you mean `call.ring`?");
    assert_eq!(refusal("address = \"x\"\n"), "line 1: there is no key `address`; did you mean `listen.address`?");
    assert_eq!(refusal("[zzz]\n"), "line 1: there is no key `zzz`");
}

#[test]
fn every_typo_is_told_at_once() {
    let error = Config::from_toml("[listen]\nadress = 1\n[cal]\nring = \"1s\"\n", &|_| None).unwrap_err();
    assert_eq!(error.0.len(), 2);
}

#[test]
fn everything_that_is_wrong_is_told_at_once_each_with_its_key_its_value_and_what_is_allowed() {
    let told = refusal(
        "[call]\nring = 45\nholdmax = 3\n[registration]\ntries = \"five\"\nper_number = 5\n[marks]\npolicy = \"all\"\n\
         [gate]\nlow_from_kbps = -1\n[session]\nkeepalive = \"100s\"\n[text]\nwindow = 0\n[sms]\ndriver = \"smpp\"\n\
         [smpp]\nsystem_id = 7\npassword_file = \"/nowhere\"\n",
    );
    for expected in [
        "line 2: `call.ring`: 45 cannot be used: a span of time needs a unit, e.g. \"45s\"; the default is \"45s\", from 1s to 2m",
        "line 3: there is no key `call.holdmax`; did you mean `call.held_max`?",
        "`registration.tries`: \"five\" cannot be used",
        "a budget needs a span of time, e.g. \"5 per 24h\"",
        "`marks.policy`: \"all\" cannot be used",
        "`gate.low_from_kbps`: -1 cannot be used",
        "`session.keepalive` must be below",
        "`text.window` is 0; it must be from 1 to 1024",
        "`smpp.system_id`: 7 cannot be used",
        "`smpp.password_file` cannot be read from /nowhere",
    ] {
        assert!(told.contains(expected), "{expected} is not in:\n{told}");
    }
    assert!(!told.contains("is needed"), "what only follows from an unreadable key is not told:\n{told}");
    assert_eq!(told.lines().count(), 10, "{told}");
}

#[test]
fn a_file_that_is_none_is_named_in_plain_words() {
    let directory = tempfile::tempdir().unwrap();
    let told = |path: &Path| Config::load(path).expect_err("refused").to_string();
    let missing = directory.path().join("missing.toml");
    assert!(told(&missing).contains("missing.toml: there is no such file"), "{}", told(&missing));
    assert!(told(directory.path()).contains("it is a directory"), "{}", told(directory.path()));
    let latin = directory.path().join("latin.toml");
    std::fs::write(&latin, b"# K\xF6ln\n").unwrap();
    assert!(told(&latin).contains("latin.toml: it is not text in UTF-8"), "{}", told(&latin));
}

#[test]
fn a_value_of_the_wrong_kind_names_its_key_and_line() {
    let told = refusal("[call]\nring = 45\n");
    assert!(told.starts_with("line 2: `call.ring`: "), "{told}");
    let told = refusal("[call]\nring = \"45\"\n");
    assert!(told.starts_with("line 2: `call.ring`: ") && told.contains("45s"), "{told}");
    let told = refusal("[registration]\nper_number = \"many\"\n");
    assert!(told.contains("`registration.per_number`") && told.contains("5 per 24h"), "{told}");
    let told = refusal("[marks]\npolicy = \"everybody\"\n");
    assert!(told.contains("`marks.policy`") && told.contains("reciprocal"), "{told}");
    let told = refusal("listen = 3\n");
    assert!(told.contains("write [listen]"), "{told}");
}

#[test]
fn what_is_no_toml_names_its_line() {
    assert!(refusal("[listen]\naddress = \n").starts_with("line 2: this is not TOML"));
}

#[test]
fn a_value_out_of_its_range_names_the_range_just_outside_and_holds_at_its_ends() {
    assert_eq!(refusal("[registration]\ntries = 11\n"), "`registration.tries` is 11; it must be from 1 to 10");
    assert!(refusal("[registration]\ntries = 0\n").contains("from 1 to 10"));
    read("[registration]\ntries = 1\n").unwrap();
    read("[registration]\ntries = 10\n").unwrap();
    assert_eq!(refusal("[call]\nring = \"121s\"\n"), "`call.ring` is 121s; it must be from 1s to 2m");
    read("[call]\nring = \"120s\"\n").unwrap();
}

#[test]
fn what_cannot_hold_together_is_named() {
    assert!(refusal("[gate]\nlow_from_kbps = 64\n").contains("`gate.low_from_kbps` must be below gate.full_from_kbps"));
    assert!(refusal("[tls]\ncertificate = \"c.pem\"\n").contains("`tls.key` is needed"));
    assert!(refusal("[sms]\ndriver = \"smpp\"\n").contains("`smpp.system_id` is needed"));
    assert!(refusal("[sms]\ndriver = \"http\"\n").contains("`sms_http.url` is needed"));
    assert!(refusal("[sms]\nserved_prefixes = [\"+49\"]\n").contains("`sms.served_prefixes`"));
    assert!(refusal("[turn]\nlisten = \"0.0.0.0:3478\"\n").contains("turn"));
    assert!(refusal("[listen]\npath_prefix = \"tandem/\"\n").contains("`listen.path_prefix`"));
    assert!(refusal("[listen]\naddress = \"127.0.0.1:9470\"\n").contains("`metrics.listen`"));
    assert!(refusal("[session]\nkeepalive = \"100s\"\n").contains("`session.keepalive`"));
}

#[test]
fn a_secret_shows_neither_in_errors_nor_in_debug() {
    let told = refusal("[smpp]\npassword = 48151623\n");
    assert!(told.contains("`smpp.password`: must be a string") && !told.contains("48151623"), "{told}");
    let told = refusal("[sms_http]\nauthorization = [\"Bearer hunter2\"]\n");
    assert!(told.contains("sms_http.authorization") && !told.contains("hunter2"), "{told}");
    let config = read("[smpp]\npassword = \"hunter2\"\n[sms_http]\nauthorization = \"Bearer hunter2\"\n").unwrap();
    assert_eq!(config.smpp.password.0.expose(), "hunter2");
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn a_missing_file_is_named() {
    let error = Config::load(Path::new("no-such-file.toml")).unwrap_err();
    assert!(
        matches!(error.0.first(), Some(ConfigProblem::Unreadable { path, .. }) if path.ends_with("no-such-file.toml"))
    );
}

#[test]
fn a_resolver_without_clients_pools_or_keys_worth_the_name_is_refused_and_no_secret_is_shown() {
    let told = refusal("[resolver]\nlisten = \"127.0.0.1:1813\"\n");
    assert_eq!(told, "`resolver.nas` is needed with resolver.listen: nobody else may report");
    let told = refusal(
        "[resolver]\nsilence = \"24h\"\nwithheld = [\"4915199999901\"]\n[[resolver.nas]]\nname = \"pgw\"\nsecret = \"hunter2\"\n\
         [[resolver.api_keys]]\nname = \"a\"\nkey = \"short-one\"\nprefixes = [\"+49\"]\n",
    );
    for part in
        ["resolver.silence", "resolver.withheld", "`pgw` needs sources", "8 characters", "needs pools", "32 visible"]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(told.contains("digits, without +"), "{told}");
    let misspelled = refusal("[resolver]\nnas = [{ name = \"pgw\", secrte = \"hunter2-hunter2\" }]\n");
    for told in [told, misspelled] {
        assert!(!told.contains("hunter2") && !told.contains("short-one") && !told.contains("4915199999901"), "{told}");
    }
}

#[test]
fn enum_without_a_resolver_an_apex_records_or_clients_is_refused() {
    let told = refusal("[dns]\nlisten = \"127.0.0.1:5353\"\n");
    for part in ["dns.listen` needs resolver.listen", "dns.apex", "dns.records", "dns.clients"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let told = refusal(
        "[dns]\nlisten = \"127.0.0.1:5353\"\napex = \"e164..example\"\nname_server = \"..\"\nrecords = [{ uri = \"sip:a!b@c\" }, \
         { uri = \"sip:{number}\", service = \"sip\" }, { uri = \"{number}:{number}\" }]\n\
         clients = [{ name = \"a\", prefixes = [\"+1\"] }, { name = \"a\", sources = [\"192.0.2.1\"] }]\n",
    );
    for part in [
        "dns.apex",
        "dns.name_server",
        "place 1 needs a uri",
        "place 2 needs a service",
        "more than once",
        "place 1 needs sources",
        "digits",
        "place 2 needs a name",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn a_reporter_needs_pools_and_a_key_and_a_name_of_its_own() {
    let key = "k".repeat(32);
    let told = refusal(&format!(
        "[resolver]\n[[resolver.nas]]\nname = \"pgw\"\nsources = [\"192.0.2.1\"]\nsecret = \"testing123\"\npools = [\"10.0.0.0/8\"]\n\
         [[resolver.api_keys]]\nname = \"a\"\nkey = \"{key}\"\n[[resolver.reporters]]\nname = \"pgw\"\nkey = \"{key}\"\n",
    ));
    for part in ["`pgw` needs a name", "`pgw` has the key of another", "`pgw` needs pools"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.contains(&key), "{told}");
}

/// The keys a refusal names, one a line.
fn keys(told: &str) -> Vec<&str> {
    told.lines().map(|line| line.split('`').nth(1).expect("every problem names its key")).collect()
}

#[test]
fn every_wrong_key_of_the_smsc_is_told_at_once() {
    let told = refusal(
        "[sms]\ndriver = \"smpp\"\n[smpp]\naddress = \"smsc.example.com\"\nsystem_id = \"sixteen-letters-\"\n\
         password = \"hunter2hunter2\"\nsystem_type = \"thirteen-char\"\nsender = \"TwelveLetter\"\ntls = true\n",
    );
    let expected =
        ["smpp.tls_roots", "smpp.address", "smpp.system_id", "smpp.password", "smpp.system_type", "smpp.sender"];
    assert_eq!(keys(&told), expected, "{told}");
    assert!(!told.contains("hunter2"), "{told}");
    let named = "[sms]\ndriver = \"smpp\"\n[smpp]\nsystem_id = \"tandem\"\ntls = true\ntls_roots = \"r.pem\"\n\
                 tls_server_name = \"not a host\"\n";
    assert_eq!(keys(&refusal(named)), ["smpp.tls_server_name"]);
    for port in ["", ":", ":0", ":65536", ":x"] {
        let address = format!("[sms]\ndriver = \"smpp\"\n[smpp]\nsystem_id = \"x\"\naddress = \"h{port}\"\n");
        assert_eq!(keys(&refusal(&address)), ["smpp.address"], "{port}");
    }
}

#[test]
fn every_wrong_key_of_the_gateway_is_told_at_once() {
    let told = refusal(
        "[sms]\ndriver = \"http\"\n[sms_http]\nurl = \"ftp://gateway\"\nmethod = \"GET\"\njson_body = \"{\"\n\
         authorization = \"Bearer\\nhunter2\"\nsuccess = [200]\nthrottle = [200]\n",
    );
    let expected =
        ["sms_http.json_body", "sms_http.url", "sms_http.method", "sms_http.authorization", "sms_http.success"];
    assert_eq!(keys(&told), expected, "{told}");
    assert!(!told.contains("hunter2"), "{told}");
    let form = "[sms]\ndriver = \"http\"\n[sms_http]\nurl = \"https://gateway\"\nform_body = [\"to={to}\"]\n";
    assert_eq!(keys(&refusal(form)), ["sms_http.form_body"], "nothing says {{text}}");
    let form = "[sms]\ndriver = \"http\"\n[sms_http]\nurl = \"https://gateway\"\nform_body = [\"to\"]\n";
    assert_eq!(keys(&refusal(form)), ["sms_http.form_body"]);
}

#[test]
fn a_driver_that_is_not_chosen_may_be_wrong() {
    read("[smpp]\naddress = \"x\"\nsystem_id = \"sixteen-letters-\"\n[sms_http]\nurl = \"x\"\n").unwrap();
}

#[test]
fn every_wrong_text_and_every_wrong_key_of_the_relays_is_told_at_once() {
    let told = refusal(
        "[sms_template]\ngeneric = \"{code}\"\nandroid = \"{code} t:{token}\"\napple = \"{code} {tokn}\"\n\
         [turn]\nrelay_address = \"x\"\nrelay_announced = \"::1\"\nrealm = \"\"\nrelay_port_first = 60000\n\
         relay_port_last = 50000\n",
    );
    let expected = [
        "sms_template.generic",
        "sms_template.android",
        "sms_template.apple",
        "turn.relay_address",
        "turn.relay_announced",
        "turn.relay_port_last",
        "turn.realm",
    ];
    assert_eq!(keys(&told), expected, "{told}");
    let told = refusal("[sms_template]\napp_hash = \"short\"\ndomain = \"No Host\"\n");
    assert_eq!(keys(&told), ["sms_template.app_hash", "sms_template.domain"], "once each: {told}");
}

#[test]
fn an_entry_that_cannot_be_read_is_told_of_without_its_secret() {
    for (list, field) in [("nas", "secret"), ("api_keys", "key"), ("reporters", "key")] {
        let secret = "hunter2".repeat(6);
        let told = refusal(&format!("[resolver]\n{list} = [{{ name = \"a\", {field} = \"{secret}\", bogus = 1 }}]\n"));
        assert_eq!(keys(&told), [format!("resolver.{list}")], "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}
