//! Registration through the SMPP driver, by the configuration alone.

mod common;

use common::phone::{Phone, ask};
use common::{TestServer, config_in, http};
use tandem_server::config::sms::DriverKind;
use tandem_server::config::values::ConfigSecret;
use tandem_smsc::{Smsc, SmscConfig};
use tandem_wire::frame::{ConfirmProof, RegisterRefusal};
use tandem_wire::{RegisterReply, sms};

const ANNA: &str = "+4915112345601";

#[tokio::test]
async fn a_phone_registers_through_an_smsc_which_is_left_by_unbind() {
    let directory = tempfile::tempdir().unwrap();
    let account = SmscConfig::default();
    let (smsc, mut delivered) = Smsc::start(account.clone()).await.unwrap();
    let mut config = config_in(directory.path());
    config.sms.driver = DriverKind::Smpp;
    config.smpp.address = smsc.address().to_string();
    config.smpp.system_id = account.system_id;
    config.smpp.password = ConfigSecret::new(account.password);
    let server = TestServer::start_by_config(config).await;
    server.until_metric("tandem_sms_link_up", 1.0).await;
    assert_eq!(http::get(server.at.addr, "/readyz").await.status, 200);

    let mut anna = Phone::new(ANNA, 1);
    let RegisterReply::Started { id, .. } = ask(server.at.addr, &anna.start_request()).await else {
        panic!("not started")
    };
    let text = common::within("the text", delivered.recv()).await.unwrap().text;
    let proof = ConfirmProof::Code(sms::parse(&text).unwrap().code);
    let reply = ask(server.at.addr, &anna.confirm_request(id, proof)).await;
    assert!(matches!(reply, RegisterReply::Confirmed { .. }), "{reply:?}");
    server.until_metric("tandem_sms_total{outcome=\"delivered\"}", 1.0).await;

    smsc.refuse_number("4915112345609");
    let reply = ask(server.at.addr, &Phone::new("+4915112345609", 2).start_request()).await;
    assert!(matches!(reply, RegisterReply::Refused { reason: RegisterRefusal::NumberUnreachable, .. }), "{reply:?}");

    server.stop().await;
    assert_eq!(smsc.unbinds(), 1);
}
