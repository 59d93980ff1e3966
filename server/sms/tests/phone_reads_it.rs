//! What the server writes, the phone's reader finds: the two meet in the wire format.

use proptest::prelude::*;
use tandem_model::SmsToken;
use tandem_sms::verification::{HumanCode, TemplateConfig, TemplateKind, Templates};
use tandem_wire::sms::parse;

proptest! {
    #[test]
    fn every_text_of_every_accepted_template_is_read(
        token: [u8; 16],
        code: u64,
        before in "[A-Za-z ,.:]{0,30}",
        kind in prop_oneof![Just(TemplateKind::Generic), Just(TemplateKind::Android), Just(TemplateKind::Apple)],
    ) {
        let config = TemplateConfig {
            generic: format!("{before} {{code}}\nt:{{token}}"),
            android: format!("{before} {{code}} t:{{token}}\n{{app_hash}}"),
            apple: format!("{before} {{code}}. t:{{token}}\n@{{domain}} #{{code}}"),
            app_hash: Some("FA+9qCX9VSu".to_owned()),
            domain: Some("tandem.example.com".to_owned()),
        };
        // A prefix may itself look like a token; such a template is refused at start.
        prop_assume!(Templates::new(config.clone()).is_ok());
        let templates = Templates::new(config).unwrap();
        let code = HumanCode::from_random(code);
        let found = parse(&templates.render(kind, code, &SmsToken(token))).expect("the phone finds nothing");
        prop_assert_eq!(found.token, SmsToken(token));
        prop_assert_eq!(found.code, code.digits());
    }
}
