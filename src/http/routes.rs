//! What each path answers.

use std::fmt::{self, Write};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response, StatusCode};

use super::{HealthReport, Probe, State};

pub(super) type Reply = Response<Full<Bytes>>;

/// Answers a request; hyper leaves the body off for `HEAD`.
pub(super) fn answer(method: &Method, path: &str, probe: &dyn Probe) -> Reply {
    let route = match path {
        "/health" => health,
        "/live" => live,
        "/ready" => ready,
        _ => return text(StatusCode::NOT_FOUND, "not found\n"),
    };
    if method != Method::GET && method != Method::HEAD {
        let mut reply = text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n");
        reply
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return reply;
    }
    route(probe)
}

/// All there is to know, for people and load balancers.
fn health(probe: &dyn Probe) -> Reply {
    let state = probe.state();
    let body = Health {
        state,
        report: probe.health(),
    };
    json(state_status(state), body.to_string())
}

/// Whether the process lives: a supervisor restarts it when this fails, so draining is no reason.
fn live(_probe: &dyn Probe) -> Reply {
    json(StatusCode::OK, state_only(State::Ok))
}

/// Whether to send clients here.
fn ready(probe: &dyn Probe) -> Reply {
    let state = probe.state();
    json(state_status(state), state_only(state))
}

fn state_status(state: State) -> StatusCode {
    match state {
        State::Ok => StatusCode::OK,
        State::Loading | State::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn state_name(state: State) -> &'static str {
    match state {
        State::Loading => "loading",
        State::Ok => "ok",
        State::ShuttingDown => "shutting_down",
    }
}

fn state_only(state: State) -> String {
    format!("{{\"status\":\"{}\"}}", state_name(state))
}

/// The body of `/health`; names and numbers only, so nothing needs escaping.
struct Health {
    state: State,
    report: HealthReport,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.report;
        write!(f, "{{\"status\":\"{}\"", state_name(self.state))?;
        for (name, value) in [
            ("uptime_seconds", report.uptime_seconds),
            ("active_connections", report.active_connections),
            ("total_connections", report.total_connections),
            ("rejected_connections", report.rejected_connections),
            ("memory_used", report.memory_used),
            ("max_memory", report.max_memory),
            ("evicted_keys", report.evicted_keys),
            ("total_commands", report.total_commands),
        ] {
            write!(f, ",\"{name}\":{value}")?;
        }
        f.write_char('}')
    }
}

fn json(status: StatusCode, body: String) -> Reply {
    reply(status, "application/json", Bytes::from(body))
}

fn text(status: StatusCode, body: &'static str) -> Reply {
    reply(
        status,
        "text/plain; charset=utf-8",
        Bytes::from_static(body.as_bytes()),
    )
}

fn reply(status: StatusCode, content_type: &'static str, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}
