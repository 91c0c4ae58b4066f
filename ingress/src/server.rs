//! An HTTP server that hostile and slow clients cannot exhaust: HTTP/1.1 and HTTP/2 in clear on one port.
//!
//! What the libraries leave open is closed here: a limit on connections, on the time and size of a request's head, on the time
//! of a body, and a stop that answers what was begun and then ends.

use std::{
    convert::Infallible,
    future::Future,
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::Router;
use bytes::Bytes;
use http::{Request, Response};
use hyper::{
    body::{Body, Frame, Incoming, SizeHint},
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::graceful::GracefulConnection,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::Sleep,
};
use tower::Service;

use crate::limits;

/// What begins an HTTP/2 connection.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long to wait for more of a preface that has only begun.
const PREFACE_POLL: Duration = Duration::from_millis(10);

/// How far the server is with stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not at all.
    Serving,
    /// What was begun is answered; idle connections are closed.
    Finishing,
    /// Nothing goes on.
    Aborting,
}

/// How much a server takes from its clients.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest time for the head of a request; also for the pause before the next one on the same connection.
    pub head_read_max: Duration,
    /// Longest time for a body.
    pub body_read_max: Duration,
    /// Connections that are served at once; more wait in the kernel.
    pub connections_max: u32,
    /// How long requests that are being answered may go on after the stop.
    pub finish_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_read_max: limits::HEAD_READ_MAX,
            body_read_max: limits::BODY_READ_MAX,
            connections_max: limits::CONNECTIONS_MAX,
            finish_max: limits::FINISH_MAX,
        }
    }
}

/// Serves until `shutdown` resolves, then answers what was begun and returns, after 7 s at the latest.
///
/// # Errors
/// When the listener cannot be used at all.
pub async fn serve(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    serve_within(Limits::default(), listener, router, shutdown).await
}

/// As [`serve`], within other limits.
///
/// # Errors
/// When the listener cannot be used at all.
pub async fn serve_within(
    limits: Limits,
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let (phase, follow) = watch::channel(Phase::Serving);
    let places = Arc::new(Semaphore::new(limits.connections_max as usize));
    let mut shutdown = pin!(shutdown);
    loop {
        let place = tokio::select! {
            () = shutdown.as_mut() => break,
            place = places.clone().acquire_owned() => place.map_err(io::Error::other)?,
        };
        let stream = tokio::select! {
            () = shutdown.as_mut() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    accept_failed(&error).await?;
                    continue;
                }
            },
        };
        let (router, follow) = (router.clone(), follow.clone());
        tokio::spawn(async move {
            connection(limits, stream, router, follow).await;
            drop(place);
        });
    }
    drop(listener);
    finish(&limits, &places, &phase).await;
    Ok(())
}

/// Waits for the connections, then cuts off those that are left.
async fn finish(limits: &Limits, places: &Semaphore, phase: &watch::Sender<Phase>) {
    phase.send_replace(Phase::Finishing);
    if tokio::time::timeout(limits.finish_max, places.acquire_many(limits.connections_max)).await.is_err() {
        tracing::warn!("some requests were cut off: they took longer than {:?} after the stop", limits.finish_max);
        phase.send_replace(Phase::Aborting);
    }
}

/// A connection that broke before it was accepted is nobody's fault; being out of file descriptors passes.
async fn accept_failed(error: &io::Error) -> io::Result<()> {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, InvalidInput};
    match error.kind() {
        ConnectionAborted | ConnectionRefused | ConnectionReset => Ok(()),
        InvalidInput => Err(io::Error::new(error.kind(), error.to_string())),
        _ => {
            tracing::warn!(%error, "no connection can be accepted now; trying again");
            tokio::time::sleep(limits::ACCEPT_BACKOFF).await;
            Ok(())
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Http1,
    Http2,
}

/// Looks at the first bytes without taking them. Almost always the first one decides.
async fn version(stream: &TcpStream) -> io::Result<Version> {
    let mut seen = [0; HTTP2_PREFACE.len()];
    loop {
        let count = stream.peek(&mut seen).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if seen[..count] != HTTP2_PREFACE[..count] {
            return Ok(Version::Http1);
        }
        if count == HTTP2_PREFACE.len() {
            return Ok(Version::Http2);
        }
        tokio::time::sleep(PREFACE_POLL).await;
    }
}

async fn connection(limits: Limits, stream: TcpStream, router: Router, mut phase: watch::Receiver<Phase>) {
    let _ = stream.set_nodelay(true);
    let version = tokio::select! {
        version = tokio::time::timeout(limits.head_read_max, version(&stream)) => version,
        _ = phase.wait_for(|phase| *phase != Phase::Serving) => return,
    };
    let Ok(Ok(version)) = version else { return };
    let io = TokioIo::new(stream);
    let service = service_fn(move |request| answer(&router, request, limits.body_read_max));
    match version {
        Version::Http1 => drive(http1_options(&limits).serve_connection(io, service), phase).await,
        Version::Http2 => drive(http2_options(&limits).serve_connection(io, service), phase).await,
    }
}

fn http1_options(limits: &Limits) -> http1::Builder {
    let mut options = http1::Builder::new();
    options.timer(TokioTimer::new()).header_read_timeout(limits.head_read_max).max_buf_size(limits::HEAD_BYTES_MAX);
    options
}

fn http2_options(limits: &Limits) -> http2::Builder<TokioExecutor> {
    let mut options = http2::Builder::new(TokioExecutor::new());
    options
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits::STREAMS_MAX)
        .max_header_list_size(limits::HEAD_BYTES_MAX as u32)
        .keep_alive_interval(Some(limits.head_read_max));
    options
}

fn answer(
    router: &Router,
    request: Request<Incoming>,
    read_max: Duration,
) -> impl Future<Output = Result<Response<axum::body::Body>, Infallible>> + use<> {
    router.clone().call(request.map(|body| axum::body::Body::new(TimedBody { body, read_max, time: None })))
}

/// Drives a connection to its end, telling it to stop when the server does.
async fn drive<C: GracefulConnection>(connection: C, mut phase: watch::Receiver<Phase>) {
    let mut connection = pin!(connection);
    loop {
        tokio::select! {
            biased;
            // How a client's connection ended is the client's business.
            _ = connection.as_mut() => return,
            changed = phase.changed() => {
                let now = *phase.borrow_and_update();
                match now {
                    Phase::Serving => {}
                    Phase::Finishing => connection.as_mut().graceful_shutdown(),
                    Phase::Aborting => return,
                }
                if changed.is_err() {
                    return;
                }
            }
        }
    }
}

/// A body whose sender took longer than allowed.
#[derive(Debug, thiserror::Error)]
#[error("the body did not arrive within {limit:?}; send it faster, or less of it")]
pub(crate) struct BodyTooSlow {
    limit: Duration,
}

/// A request's body with a deadline, which starts when the body is first waited for.
struct TimedBody {
    body: Incoming,
    read_max: Duration,
    time: Option<Pin<Box<Sleep>>>,
}

impl Body for TimedBody {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let limit = self.read_max;
        let time = self.time.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        time.as_mut().poll(context).map(|()| Some(Err(BodyTooSlow { limit }.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
