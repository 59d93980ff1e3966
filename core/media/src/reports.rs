//! Reads the peer's RTCP receiver reports, which the `webrtc` crate sends and takes but does not show for a track that
//! is fed RTP packets.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use rtc::interceptor::{Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::sender_report::SenderReport;
use rtc::sansio::Protocol;
use rtc::shared::error::Error;

use crate::call::CallShared;

/// Passes everything on, and tells the call what was reported about its own stream.
pub(crate) struct ReportReader {
    shared: Arc<CallShared>,
    ssrc: u32,
    reading: VecDeque<TaggedPacket>,
    writing: VecDeque<TaggedPacket>,
}

impl ReportReader {
    pub(crate) fn new(shared: Arc<CallShared>, ssrc: u32) -> Self {
        Self { shared, ssrc, reading: VecDeque::new(), writing: VecDeque::new() }
    }

    fn read(&self, packet: &dyn rtc::rtcp::Packet) {
        let any = packet.as_any();
        let reports = match (any.downcast_ref::<ReceiverReport>(), any.downcast_ref::<SenderReport>()) {
            (Some(receiver), _) => &receiver.reports,
            (None, Some(sender)) => &sender.reports,
            (None, None) => return,
        };
        for report in reports.iter().filter(|report| report.ssrc == self.ssrc) {
            // A share of 256 (RFC 3550 section 6.4.1).
            self.shared.reported_loss(f32::from(report.fraction_lost) * 100.0 / 256.0);
        }
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for ReportReader {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, tagged: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtcp(packets) = &tagged.message.packet {
            packets.iter().for_each(|packet| self.read(packet.as_ref()));
        }
        self.reading.push_back(tagged);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.reading.pop_front()
    }

    fn handle_write(&mut self, tagged: TaggedPacket) -> Result<(), Error> {
        self.writing.push_back(tagged);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.writing.pop_front()
    }
}

impl Interceptor for ReportReader {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}
