//! The media of one call: takes the machine's orders one after the other and tells what happens.

use crate::config::MediaSetup;
use crate::host::HostCall;
use crate::latch::Running;
use crate::runner::Word;
use crate::shared::Shared;
use std::sync::Arc;
use tandem_machine::{Input, MediaInput, MediaOrder};
use tandem_media::{CallMedia, CallMediaConfig, IceServer, MediaEngine, MediaError, MediaEvent, Role, Sdp, VoiceMode};
use tandem_model::CallId;
use tokio::sync::mpsc;
use tracing::{debug, info};

/// Orders that may wait for a busy media engine.
pub(crate) const ORDERS_MAX: usize = 256;

/// Candidates kept until the media is open.
const EARLY_CANDIDATES_MAX: usize = 64;

/// What every call's media needs.
pub(crate) struct Studio {
    pub(crate) engine: Arc<dyn MediaEngine>,
    pub(crate) setup: MediaSetup,
    pub(crate) shared: Arc<Shared>,
    pub(crate) words: mpsc::Sender<Word>,
}

/// Begins the media of a call. It ends with [`MediaOrder::Close`] or when the orders' sender is dropped.
pub(crate) fn begin(studio: Arc<Studio>, call: CallId, running: Running) -> mpsc::Sender<MediaOrder> {
    let (orders, ordered) = mpsc::channel(ORDERS_MAX);
    tokio::spawn(async move {
        let mut desk = Desk { studio, call, opening: None, media: None, early: Vec::new(), sounding: false };
        desk.work(ordered).await;
        drop(running);
    });
    orders
}

struct Desk {
    studio: Arc<Studio>,
    call: CallId,
    /// How to open it: kept until it is known who makes the first offer.
    opening: Option<CallMediaConfig>,
    media: Option<Arc<dyn CallMedia>>,
    early: Vec<String>,
    /// The host was asked to open its sound.
    sounding: bool,
}

impl Desk {
    async fn work(&mut self, mut ordered: mpsc::Receiver<MediaOrder>) {
        // A machine that hangs closes nothing: nobody could end a call that went on without it.
        let mut stopping = self.studio.shared.stopping();
        loop {
            let order = tokio::select! {
                order = ordered.recv() => order,
                _ = stopping.changed() => None,
            };
            let Some(order) = order else { break };
            let closes = order == MediaOrder::Close;
            if closes {
                break;
            }
            if let Err(error) = self.carry_out(order).await {
                info!(%error, "the media of a call failed");
                self.tell(MediaInput::Failed).await;
            }
        }
        self.studio.shared.forget_call(self.call);
        if self.sounding {
            self.ask_host(HostCall::CloseAudio(self.call));
        }
        if let Some(media) = self.media.take() {
            media.close().await;
        }
    }

    async fn carry_out(&mut self, order: MediaOrder) -> Result<(), MediaError> {
        match order {
            MediaOrder::Open { urls, username, password, low_rate } => {
                let mut config = CallMediaConfig::new(Role::Callee);
                config.relay_only = self.studio.setup.relay_only;
                config.bind.clone_from(&self.studio.setup.bind);
                if low_rate {
                    config.mode = VoiceMode::LowRate;
                }
                if !urls.is_empty() {
                    config.ice_servers.push(IceServer { urls, username, credential: password.into_inner() });
                }
                self.opening = Some(config);
            }
            MediaOrder::MakeOffer => {
                let media = self.open(Role::Caller).await?;
                let sdp = media.create_offer().await?;
                let (sdp, fingerprint) = (sdp.as_str().to_owned(), fingerprint_of(&*media));
                self.tell(MediaInput::Offer { sdp, fingerprint }).await;
            }
            MediaOrder::MakeAnswer { offer } => {
                let offer = Sdp::new(offer)?;
                let media = self.open(Role::Callee).await?;
                let sdp = media.create_answer(&offer).await?;
                let (sdp, fingerprint) = (sdp.as_str().to_owned(), fingerprint_of(&*media));
                self.tell(MediaInput::Answer { sdp, fingerprint }).await;
            }
            MediaOrder::TakeAnswer { sdp, provisional } => {
                self.opened()?.apply_answer(&Sdp::new(sdp)?, provisional).await?;
            }
            MediaOrder::Rollback => self.opened()?.rollback().await?,
            MediaOrder::AddCandidate(candidate) => self.add_candidate(candidate).await,
            MediaOrder::StartSound => {
                self.opened()?.set_sending(true).await?;
                self.ask_for_sound();
            }
            MediaOrder::Hold { on } => self.opened()?.set_hold(on).await?,
            MediaOrder::Close => {}
        }
        Ok(())
    }

    /// The OS may open microphone and earpiece from now on, and not before.
    fn ask_for_sound(&mut self) {
        if !std::mem::replace(&mut self.sounding, true) {
            self.ask_host(HostCall::OpenAudio(self.call));
        }
    }

    fn ask_host(&self, call: HostCall) {
        self.studio.shared.guard.watch();
        if self.studio.shared.host.push(call).is_err() {
            debug!("the host is too slow for its sound");
        }
    }

    /// A candidate that cannot be used is one way less, and no reason to end a call.
    async fn add_candidate(&mut self, candidate: String) {
        // The empty one says that no more will come.
        if candidate.is_empty() {
            return;
        }
        match &self.media {
            Some(media) => {
                if let Err(error) = media.add_remote_candidate(&candidate).await {
                    debug!(%error, "a candidate is not used");
                }
            }
            None if self.early.len() < EARLY_CANDIDATES_MAX => self.early.push(candidate),
            None => debug!("too many early candidates"),
        }
    }

    fn opened(&self) -> Result<&Arc<dyn CallMedia>, MediaError> {
        self.media.as_ref().ok_or(MediaError::WrongState)
    }

    /// Opens the media once; later offers and answers use the same.
    async fn open(&mut self, role: Role) -> Result<Arc<dyn CallMedia>, MediaError> {
        if let Some(media) = &self.media {
            return Ok(Arc::clone(media));
        }
        let mut config = self.opening.take().ok_or(MediaError::WrongState)?;
        config.role = role;
        let media: Arc<dyn CallMedia> = Arc::from(self.studio.engine.open(config).await?);
        self.studio.shared.remember_call(self.call, media.audio());
        self.media = Some(Arc::clone(&media));
        tokio::spawn(listen(Arc::clone(&self.studio), self.call, Arc::clone(&media)));
        for candidate in std::mem::take(&mut self.early) {
            self.add_candidate(candidate).await;
        }
        Ok(media)
    }

    async fn tell(&self, event: MediaInput) {
        tell(&self.studio, self.call, event).await;
    }
}

/// Passes on what the media tells, until it is closed.
async fn listen(studio: Arc<Studio>, call: CallId, media: Arc<dyn CallMedia>) {
    while let Some(event) = media.next_event().await {
        let input = match event {
            MediaEvent::Candidate(candidate) => MediaInput::Candidate(candidate),
            MediaEvent::GatheringDone => MediaInput::Candidate(String::new()),
            MediaEvent::Connected => MediaInput::Connected,
            MediaEvent::Disconnected => MediaInput::Disconnected,
            MediaEvent::Failed => MediaInput::Failed,
            MediaEvent::RemoteSound => MediaInput::FirstSound,
            MediaEvent::Stats(stats) => {
                studio.shared.note_stats(call, stats);
                continue;
            }
        };
        tell(&studio, call, input).await;
    }
}

async fn tell(studio: &Studio, call: CallId, event: MediaInput) {
    // The runner is gone: so is the call.
    drop(studio.words.send(Word::Input(Input::Media { call, event })).await);
}

/// As it stands in an SDP's `a=fingerprint` (RFC 8122 section 5).
fn fingerprint_of(media: &dyn CallMedia) -> String {
    format!("sha-256 {}", media.local_fingerprint())
}
