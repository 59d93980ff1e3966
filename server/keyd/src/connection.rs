//! The key holder's end of a connection.

use crate::engine::Engine;
use crate::protocol::{Answer, FRAME_MAX, decode_question, encode_answer};
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{Semaphore, mpsc};

/// Questions of one connection that may be open; then it is not read.
const OPEN_MAX: usize = 256;

/// Answers that may wait to be written.
const ANSWERS: usize = 64;

/// A frame without its length; `None` at an orderly end.
///
/// # Errors
/// What the connection says, and [`io::ErrorKind::InvalidData`] for a frame that is too long.
pub(crate) async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match stream.read_exact(&mut length).await {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > FRAME_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut frame = vec![0; length];
    stream.read_exact(&mut frame).await?;
    Ok(Some(frame))
}

/// Answers everything that is asked on a connection, until it ends. Other keys are told without being asked for.
///
/// # Errors
/// What the connection says, and [`io::ErrorKind::InvalidData`] for what is no frame.
pub async fn serve(stream: impl AsyncRead + AsyncWrite + Send + 'static, engine: Arc<Engine>) -> io::Result<()> {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let (answers, mut to_write) = mpsc::channel::<(u64, Answer)>(ANSWERS);
    let mut keys = engine.keys();
    keys.mark_unchanged();
    let writing = tokio::spawn(async move {
        loop {
            let (id, answer) = tokio::select! {
                answer = to_write.recv() => match answer {
                    Some(answer) => answer,
                    None => return Ok::<(), io::Error>(()),
                },
                changed = keys.changed() => match changed {
                    Ok(()) => (0, Answer::Keys(keys.borrow_and_update().clone())),
                    Err(_) => return Ok(()),
                },
            };
            writer.write_all(&encode_answer(id, &answer)).await?;
            writer.flush().await?;
        }
    });
    let open = Arc::new(Semaphore::new(OPEN_MAX));
    let outcome = async {
        while let Some(frame) = read_frame(&mut reader).await? {
            let (id, question) = decode_question(&frame).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
            let Ok(slot) = Arc::clone(&open).acquire_owned().await else { break };
            let (engine, answers) = (Arc::clone(&engine), answers.clone());
            tokio::spawn(async move {
                let answer = engine.ask(question).await;
                let _connection_left = answers.send((id, answer)).await;
                drop(slot);
            });
        }
        Ok(())
    }
    .await;
    writing.abort();
    outcome
}
