//! Server-sent events, as far as our servers send them.

use anyhow::Context as _;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its id; empty when it has none.
    pub(crate) id: String,
    /// Its data; empty when it has none.
    pub(crate) data: String,
}

/// A stream of events.
#[derive(Debug)]
pub(crate) struct Events {
    answer: reqwest::Response,
    reader: Reader,
}

impl Events {
    pub(super) fn of(answer: reqwest::Response) -> Self {
        Self { answer, reader: Reader::default() }
    }

    /// The next event; `None` when the stream has ended.
    ///
    /// # Errors
    /// When the connection breaks.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Option<Event>> {
        loop {
            if let Some(event) = self.reader.event() {
                return Ok(Some(event));
            }
            match self.answer.chunk().await.context("the stream broke")? {
                Some(bytes) => self.reader.take(&bytes),
                None => return Ok(None),
            }
        }
    }
}

/// Cuts bytes into events.
#[derive(Debug, Default)]
struct Reader(Vec<u8>);

impl Reader {
    fn take(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next whole event; comments are none.
    fn event(&mut self) -> Option<Event> {
        loop {
            let end = self.0.windows(2).position(|pair| pair == b"\n\n")?;
            let block: Vec<u8> = self.0.drain(..end + 2).collect();
            let event = parse(&String::from_utf8_lossy(&block));
            if event != Event::default() {
                return Some(event);
            }
        }
    }
}

fn parse(block: &str) -> Event {
    let mut event = Event::default();
    for line in block.lines() {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => event.id = value.to_owned(),
            "data" if event.data.is_empty() => event.data = value.to_owned(),
            "data" => event.data = format!("{}\n{value}", event.data),
            _ => {}
        }
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_however_their_bytes_are_cut_and_comments_are_none() {
        let sent = "id: progress-1\ndata: {\"a\":1}\n\n:\n\nid: end\ndata: x\ndata: y\n\n";
        let event = |id: &str, data: &str| Event { id: id.to_owned(), data: data.to_owned() };
        for cut in 0..sent.len() {
            let (mut reader, mut events) = (Reader::default(), Vec::new());
            for part in [&sent.as_bytes()[..cut], &sent.as_bytes()[cut..]] {
                reader.take(part);
                events.extend(std::iter::from_fn(|| reader.event()));
            }
            assert_eq!(events, [event("progress-1", "{\"a\":1}"), event("end", "x\ny")]);
        }
    }
}
