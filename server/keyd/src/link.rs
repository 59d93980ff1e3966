//! The server's end of a connection.

use crate::connection::read_frame;
use crate::protocol::{Answer, LiveKey, Question, decode_answer, encode_question};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Questions that may wait to be written.
const QUESTIONS: usize = 1_024;

/// The connection is over, or has too much to do: nothing was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key holder is not reached")]
pub struct LinkError;

type Open = Arc<Mutex<BTreeMap<u64, oneshot::Sender<Answer>>>>;

/// A connection to a key holder. Dropping it ends it.
#[derive(Debug)]
pub struct Link {
    questions: mpsc::Sender<(u64, Question)>,
    open: Open,
    next: u64,
    tasks: [JoinHandle<()>; 2],
}

impl Link {
    /// Over a stream that stands. `pushed` is told of other keys; it is closed when the connection ends.
    #[must_use]
    pub fn new(stream: impl AsyncRead + AsyncWrite + Send + 'static, pushed: mpsc::Sender<Vec<LiveKey>>) -> Link {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let (questions, mut to_write) = mpsc::channel::<(u64, Question)>(QUESTIONS);
        let open = Open::default();
        let writing = tokio::spawn(async move {
            while let Some((id, question)) = to_write.recv().await {
                let frame = encode_question(id, &question);
                if writer.write_all(&frame).await.is_err() || writer.flush().await.is_err() {
                    return;
                }
            }
        });
        let answered = Arc::clone(&open);
        let reading = tokio::spawn(async move {
            while let Ok(Some(frame)) = read_frame(&mut reader).await {
                match decode_answer(&frame) {
                    Ok((0, Answer::Keys(keys))) => {
                        if pushed.send(keys).await.is_err() {
                            break;
                        }
                    }
                    Ok((id, answer)) => {
                        let waiting = answered.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
                        let _asker_left = waiting.map(|waiting| waiting.send(answer));
                    }
                    Err(_) => break,
                }
            }
            // Whoever waits learns that nothing comes any more.
            answered.lock().unwrap_or_else(PoisonError::into_inner).clear();
        });
        Link { questions, open, next: 1, tasks: [writing, reading] }
    }

    /// Asks. The answer is an error when the connection ends first.
    ///
    /// # Errors
    /// [`LinkError`]: nothing was asked.
    pub fn ask(&mut self, question: Question) -> Result<oneshot::Receiver<Answer>, LinkError> {
        let (answer, answered) = oneshot::channel();
        let id = self.next;
        self.next = self.next.saturating_add(1);
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(id, answer);
        if self.tasks.iter().any(JoinHandle::is_finished) || self.questions.try_send((id, question)).is_err() {
            self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
            return Err(LinkError);
        }
        Ok(answered)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        self.open.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
