//! Keeping events in JetStream. How firmly is the server's setting: only with `sync_interval: always` does its answer mean
//! that the message is on disk.

use async_nats::jetstream::{self, Context, stream::Config};

use crate::Failure;

const SUBJECT: &str = "windhover.yardstick.events";

/// A stream.
pub(crate) struct Stream(Context);

impl Stream {
    /// Opens the stream, which is made when it is not there.
    pub(crate) async fn open(url: &str) -> Result<Self, Failure> {
        let context = jetstream::new(async_nats::connect(url).await?);
        let config = Config { name: "WINDHOVER-YARDSTICK".into(), subjects: vec![SUBJECT.into()], ..Config::default() };
        context.get_or_create_stream(config).await?;
        Ok(Self(context))
    }

    /// Publishes one message and waits for the server's answer.
    pub(crate) async fn store(&self, message: Vec<u8>) -> bool {
        match self.0.publish(SUBJECT, message.into()).await {
            Ok(answer) => answer.await.is_ok(),
            Err(_) => false,
        }
    }
}
